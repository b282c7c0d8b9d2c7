"""Two real calendar programs in the hands of a test: what a person sees in khal (with vdirsyncer) and in calcurse."""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from aiohttp import ClientSession

from tests.support.install_clients import Clients

FIRST, LAST = "2021-01-01", "2021-12-31"
"""The days that the programs are asked for."""


@dataclass(frozen=True)
class Shown:
    """One line of a person's calendar: local times of where they sit, as 2021-03-28 09:00; a date alone lasts all day."""

    start: str
    end: str | None
    title: str


class Program(Protocol):
    """A calendar program of one person."""

    async def subscribe(self, address: str) -> None:
        """Reads the feed at `address`."""

    async def connect(self, home: str, calendar: str, username: str | None, password: str | None) -> None:
        """Reads a calendar of a CalDAV account."""

    async def shown(self, zone: str) -> list[Shown]:
        """What the person sees who sits in `zone`, after looking for news."""


class Khal:
    """khal, with vdirsyncer to fetch what it shows."""

    def __init__(self, clients: Clients, folder: Path) -> None:
        self._clients, self._folder = clients, folder
        self._pairs: list[str] = []
        self._calendar: Path = folder

    async def subscribe(self, address: str) -> None:
        self._calendar = self._folder / "feed"
        await self._pair(f'type = "http"\nurl = "{address}"', "null", self._calendar)

    async def connect(self, home: str, calendar: str, username: str | None, password: str | None) -> None:
        account = f'type = "caldav"\nurl = "{home}"\nread_only = true'
        if username is not None:
            account += f'\nusername = "{username}"\npassword = "{password}"'
        self._calendar = self._folder / "account" / calendar
        await self._pair(account, f'["{calendar}"]', self._calendar.parent)

    async def _pair(self, remote: str, collections: str, local: Path) -> None:
        self._calendar.mkdir(parents=True)
        (self._folder / "vdirsyncer.conf").write_text(
            f'[general]\nstatus_path = "{self._folder / "status"}"\n'
            f'[pair one]\na = "remote"\nb = "local"\ncollections = {collections}\n'
            f"[storage remote]\n{remote}\n"
            f'[storage local]\ntype = "filesystem"\npath = "{local}"\nfileext = ".ics"\n'
        )
        await self._fetch("discover", "--no-list")

    async def _fetch(self, *arguments: str) -> None:
        settings = {"VDIRSYNCER_CONFIG": str(self._folder / "vdirsyncer.conf")}
        await _run([self._clients.vdirsyncer, *arguments], settings)

    async def shown(self, zone: str) -> list[Shown]:
        await self._fetch("sync")
        settings = self._folder / f"khal-{zone.replace('/', '-')}.conf"
        day, time = "%Y-%m-%d", "%H:%M"
        settings.write_text(
            f"[calendars]\n[[one]]\npath = {self._calendar}\n[locale]\nlocal_timezone = {zone}\ndefault_timezone = {zone}\n"
            f"timeformat = {time}\ndateformat = {day}\nlongdateformat = {day}\ndatetimeformat = {day} {time}\n"
            f"longdatetimeformat = {day} {time}\n[sqlite]\npath = {settings.with_suffix('.db')}\n"
        )
        fields = [option for name in ("start-long", "end-long", "title", "all-day") for option in ("--json", name)]
        told = await _run(
            [self._clients.khal, "-c", str(settings), "list", "--once", "-df", "", *fields, FIRST, LAST], {}
        )
        found = [entry for line in told.splitlines() for entry in json.loads(line)]
        return [
            Shown(entry["start-long"], None if entry["all-day"] == "True" else entry["end-long"], entry["title"])
            for entry in found
        ]


_TIMED = re.compile(r"(\S+ @ \S+) -> (\S+ @ [\d:]+)(?:>\w+)? ?\|(.*)")
_ALL_DAY = re.compile(r"(\d\d/\d\d/\d{4}) \[1\] ?(?:>\w+)? ?(.*)")


class Calcurse:
    """calcurse, with calcurse-caldav for an account; it keeps local times, so it reads anew for each place."""

    def __init__(self, clients: Clients, folder: Path) -> None:
        self._clients, self._folder = clients, folder
        self._feed: str | None = None
        self._account = ""

    async def subscribe(self, address: str) -> None:
        self._feed = address

    async def connect(self, home: str, calendar: str, username: str | None, password: str | None) -> None:
        host, _, path = f"{home}{calendar}/".removeprefix("http://").partition("/")
        self._account = (
            f"[General]\nBinary = {self._clients.calcurse}\nHostname = {host}\nPath = /{path}\nHTTPS = No\n"
            "AuthMethod = basic\nInsecureSSL = No\nDryRun = No\nVerbose = Yes\n"
        )
        if username is not None:
            self._account += f"[Auth]\nUsername = {username}\nPassword = {password}\n"

    async def shown(self, zone: str) -> list[Shown]:
        folder = self._folder / zone.replace("/", "-")
        place = {"TZ": zone, "TZDIR": str(files("tzdata") / "zoneinfo")}
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        for name in ("apts", "todo"):
            (data / name).write_text("")
        calcurse = [self._clients.calcurse, "-D", str(data)]
        if self._feed is not None:
            async with ClientSession() as http, http.get(self._feed) as response:
                assert response.status == 200
                (folder / "feed.ics").write_bytes(await response.read())
            told = await _run([*calcurse, "-i", str(folder / "feed.ics")], place)
            assert "0 skipped" in told, told
        else:
            (folder / "account.conf").write_text(self._account)
            for name in ("sync.db", "lock"):
                (folder / name).unlink(missing_ok=True)
            files_ = ["--config", folder / "account.conf", "--datadir", data, "--syncdb", folder / "sync.db",
                      "--lockfile", folder / "lock", "--hookdir", folder / "hooks"]  # fmt: skip
            command = [self._clients.python, self._clients.calcurse_caldav, *map(str, files_), "--init", "keep-remote"]
            await _run(command, place)
        return [_read(line) for line in (await _run([*calcurse, "-G"], place)).splitlines()]


def _read(line: str) -> Shown:
    if timed := _TIMED.fullmatch(line):
        return Shown(_moment(timed[1]), _moment(timed[2]), timed[3])
    all_day = _ALL_DAY.fullmatch(line)
    assert all_day is not None, line
    return Shown(_moment(all_day[1]), None, all_day[2])


def _moment(told: str) -> str:
    """03/28/2021 @ 09:00, as calcurse keeps it, in the form of Shown."""
    day, _, time = told.partition(" @ ")
    month, number, year = day.split("/")
    return f"{year}-{month}-{number} {time}".strip()


async def _run(command: list[str], environment: dict[str, str]) -> str:
    """What the program says on its standard output. Fails with all that it said where it did not succeed."""
    running = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    )
    out, err = await running.communicate()
    assert running.returncode == 0, f"{command}: {out.decode()}\n{err.decode()}"
    return out.decode()
