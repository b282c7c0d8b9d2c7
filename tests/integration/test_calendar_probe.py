"""The probe at connect time finds how a server behaves, and leaves nothing behind whatever happens to it."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.calendar_sync.answers import Answer, Blame, Fault
from services.calendar_sync.caldav_client import DavServer, DavSession
from services.calendar_sync.probing import _TOKEN, TITLE, ProbeFailed, _Trial, probe
from services.calendar_sync.profile import UNKNOWN, Profile
from shared.clock import new_id, utc_now
from tests.support.caldav_servers import XandikosNode
from tests.support.quirky import ALWAYS, PRESETS, Play, Quirks, QuirkyServer, plays, sogo
from tests.support.radicale import RadicaleNode
from tests.support.waiting import until

NOW = datetime(2019, 11, 20, 12, 0, tzinfo=UTC)
GOOD = Profile(
    none_match=True,
    match=True,
    match_missing=True,
    etag_on_put=True,
    strong_etags=True,
    etags_reused=False,
    sync_collection=True,
    uid_refused=True,
    keeps_unknown=True,
    writes=True,
    probed_at=NOW,
)
FOREIGN = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:dentist\r\nDTSTAMP:20190101T000000Z\r\n"
    "DTSTART:20191120T090000Z\r\nSUMMARY:Dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
OF_PRESETS = {
    "plain": GOOD,
    "sogo": replace(GOOD, none_match=False, match_missing=False, etags_reused=True),
    "cyrus": replace(GOOD, etag_on_put=False),
    "google": replace(GOOD, none_match=False, etag_on_put=False, keeps_unknown=False),
    "davical": replace(GOOD, etag_on_put=False),
    "icloud": replace(GOOD, etag_on_put=False),
    "nextcloud": GOOD,
    "xandikos_like": GOOD,
}
OF_QUIRKS: list[tuple[dict[str, Any], Profile]] = [
    ({"ignores_if_none_match": True}, replace(GOOD, none_match=False)),
    ({"ignores_if_match": True}, replace(GOOD, match=False)),
    ({"creates_on_if_match_of_missing": True}, replace(GOOD, match_missing=False)),
    ({"reuses_etags_after_delete": True}, replace(GOOD, etags_reused=True)),
    ({"no_etag_on_put": True}, replace(GOOD, etag_on_put=False)),
    ({"wrong_etag_on_put": True}, replace(GOOD, etag_on_put=False)),
    ({"weak_etags": True}, replace(GOOD, match=False, etag_on_put=False, strong_etags=False)),
    ({"reserialises": True}, GOOD),
    ({"drops_unknown": True}, replace(GOOD, keeps_unknown=False)),
    ({"adds_organizer": True}, GOOD),
    ({"uid_account_wide": True, "uid_conflict_status": 403}, GOOD),
    ({"uid_conflict_status": 400, "uid_conflict_unnamed": True}, GOOD),
    ({"accepts_uid_twice": True}, replace(GOOD, uid_refused=False)),
    ({"answers_412_for_everything": True}, GOOD),
    ({"no_sync_collection": True}, replace(GOOD, sync_collection=False)),
    ({"sync_tokens_of_one_second": True}, replace(GOOD, sync_collection=False)),
    ({"sync_token_refusal": "accepted_silently"}, GOOD),
    ({"lists_nothing": True}, replace(GOOD, sync_collection=False)),
    ({"hides_objects": True}, replace(UNKNOWN, match_missing=True, probed_at=NOW)),
    ({"session_cookies": True}, GOOD),
    ({"slow_headers": 0.01}, GOOD),
    ({"answer_lost_times": 1}, GOOD),
    ({"answer_lost_times": 3}, replace(GOOD, match_missing=False)),  # asked twice and never answered: assumed
    ({"half_a_body_times": 1}, GOOD),
]


@asynccontextmanager
async def connected(
    quirks: Quirks | None = None, timeout: float = 5.0
) -> AsyncIterator[tuple[QuirkyServer, DavSession]]:
    """A quirky server with an entry of Anna's in her calendar, and her session."""
    async with QuirkyServer(quirks or Quirks()) as server:
        server.clock = NOW.timestamp
        server.add_person("anna")
        server.put("anna", "dentist.ics", FOREIGN)
        async with DavServer(server.url, timeout=timeout) as dav:
            yield server, dav.session("anna", "secret")


async def probed(server: QuirkyServer, session: DavSession) -> Profile:
    return await probe(session, server.calendar_url("anna"), NOW, new_id)


def untouched(server: QuirkyServer) -> bool:
    """Only Anna's own entry is there, nobody wrote it again, and nobody but its own name was asked for."""
    held = server.held("anna", "dentist.ics")
    return (
        server.names("anna") == ["dentist.ics"]
        and (held.body, held.version) == (FOREIGN.encode(), 0)
        and not any("dentist" in one.path for one in server.requests)
    )


@pytest.mark.parametrize("preset", PRESETS)
async def test_preset_is_found(preset: str) -> None:
    async with connected(PRESETS[preset]()) as (server, session):
        assert await probed(server, session) == OF_PRESETS[preset]
        assert untouched(server)
        assert len(server.requests) <= 16


async def test_good_server_is_asked_thirteen_times() -> None:
    async with connected() as (server, session):
        await probed(server, session)
        assert len(server.requests) == 13


@pytest.mark.parametrize(
    ("switches", "expected"), OF_QUIRKS, ids=lambda one: ",".join(one) if isinstance(one, dict) else ""
)
async def test_quirk_is_found(switches: dict[str, Any], expected: Profile) -> None:
    async with connected(Quirks(**switches)) as (server, session):
        assert await probed(server, session) == expected
        assert untouched(server)


@pytest.mark.parametrize("guarded", [True, False])
async def test_token_of_one_second_is_not_trusted_when_a_second_ends_meanwhile(
    guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not guarded:
        monkeypatch.setattr(_Trial, "_counts_seconds", lambda *_: False)
    async with connected(Quirks(sync_tokens_of_one_second=True)) as (server, session):
        seconds = itertools.count(NOW.timestamp())
        server.clock = lambda: next(seconds)
        assert (await probed(server, session)).sync_collection is not guarded


async def test_calendar_without_right_is_told() -> None:
    for hidden in (False, True):
        async with connected(Quirks(not_found_for_forbidden=hidden)) as (server, session):
            server.allow("anna", "personal", "read")
            assert (await probed(server, session)).writes is False
            assert untouched(server)


async def test_calendar_that_is_gone_is_told() -> None:
    async with connected() as (server, session):
        server.remove_calendar("anna")
        assert (await probed(server, session)).writes is False


def test_endless_answer_is_searched_for_a_token_in_one_go() -> None:
    hostile = b"<sync-token " * 100_000  # with [^>] instead of [^<>] it took minutes
    started = time.perf_counter()
    assert _TOKEN.search(hostile) is None
    assert time.perf_counter() - started < 2


async def test_entry_takes_no_time_and_lies_in_the_past() -> None:
    async with connected() as (server, session):
        shown: list[str] = []

        async def look(*_: object) -> None:
            shown.extend(text for name, text in server.objects("anna").items() if name != "dentist.ics")

        server.always = look
        await probed(server, session)
        assert shown
        assert all({f"SUMMARY:{TITLE}", "TRANSP:TRANSPARENT"} <= set(text.split("\n")) for text in shown)
        assert all("\nDTSTART:2018" in text for text in shown)
        assert not any("ATTENDEE" in text or "ORGANIZER" in text or "METHOD" in text for text in shown)


TROUBLE: dict[str, Play] = {
    "answer lost": plays.answer_lost,
    "request lost": plays.request_lost,
    "half a body": plays.half_a_body,
    "captive portal": plays.captive_portal,
    "login page": plays.status(302, Location="/login"),
    "busy": plays.status(503, Retry_After="1"),
    "failed": plays.status(500),
    "bad gateway": plays.status(502),
    "password changed": plays.status(401),
}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("quirks", [Quirks, sogo])
async def test_trouble_at_any_request_leaves_nothing_behind_and_no_trust_too_many(quirks: Any, trouble: str) -> None:
    truth = OF_PRESETS["sogo" if quirks is sogo else "plain"]
    for number in range(16):
        async with connected(quirks()) as (server, session):
            server.plays = [plays.as_it_should] * number + [TROUBLE[trouble]]
            with suppress(ProbeFailed):
                profile = await probed(server, session)
                assert profile.left_behind == ()
                assert trusted(profile) <= trusted(truth), number
            assert untouched(server), number


def trusted(profile: Profile) -> set[str]:
    """What is relied on."""
    names = {one.name for one in fields(profile)} - {"probed_at", "left_behind", "makes_calendars", "etags_reused"}
    return {name for name in names if getattr(profile, name)} | ({"new etags"} if not profile.etags_reused else set())


async def test_without_the_cleaning_an_entry_would_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: object) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(_Trial, "clean", nothing)
    async with connected() as (server, session):
        server.plays = [plays.as_it_should] * 3 + [plays.status(401)]
        with pytest.raises(ProbeFailed):
            await probed(server, session)
        assert not untouched(server)


async def test_without_reading_back_a_lost_request_would_pass_for_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _Trial._put

    async def put(trial: _Trial, address: str, condition: dict[str, str]) -> Answer:
        return await asked(trial, address, condition) or Answer(412)

    monkeypatch.setattr(_Trial, "_put", put)
    async with connected(sogo()) as (server, session):
        server.plays = [plays.as_it_should] * 2 + [plays.request_lost]
        assert (await probed(server, session)).none_match


async def test_entry_that_cannot_be_removed_is_told() -> None:
    async with connected() as (server, session):
        server.cut_in(plays.status(500), method="DELETE", times=ALWAYS)
        profile = await probed(server, session)
        (left,) = profile.left_behind
        assert left == server.calendar_url("anna") + server.names("anna")[1]
        server.cuts.clear()
        assert (await session.ask("DELETE", left)).status == 204
        assert untouched(server)


async def test_entry_that_is_left_when_the_server_gives_up_is_told() -> None:
    async with connected() as (server, session):
        server.plays = [plays.as_it_should] * 4
        server.always = plays.status(503, Retry_After="60")
        with pytest.raises(ProbeFailed) as told:
            await probed(server, session)
        assert told.value.retry_after == 60
        assert [one.rpartition("/")[2] for one in told.value.left_behind] == server.names("anna")[1:]


async def test_silence_ends_in_a_fault_and_what_came_in_late_is_told() -> None:
    async with connected(timeout=0.2) as (server, session):
        server.always = plays.silence
        with pytest.raises(ProbeFailed) as told:
            await probed(server, session)
        assert (told.value.blame, told.value.unknown, len(told.value.left_behind)) == (Blame.SERVER, True, 1)


async def test_server_that_cannot_be_reached_is_a_fault_and_nothing_is_left() -> None:
    async with connected() as (server, session):
        await server.stop()
        with pytest.raises(ProbeFailed) as told:
            await probed(server, session)
        assert told.value.left_behind == ()


async def test_refused_password_is_a_fault() -> None:
    async with connected() as (server, session):
        server.expire("anna")
        with pytest.raises(Fault) as told:
            await probed(server, session)
        assert told.value.refused


async def test_entry_is_removed_when_somebody_goes_away_meanwhile() -> None:
    async with connected() as (server, session):
        gate = asyncio.Event()
        server.plays = [plays.as_it_should] * 3 + [plays.until_let_go(gate)]
        task = asyncio.ensure_future(probed(server, session))
        await until(lambda: len(server.requests) == 4)
        assert len(server.names("anna")) == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert untouched(server)


class Watched:
    """A session that counts, and notes whom it asks for."""

    def __init__(self, session: DavSession) -> None:
        self.session = session
        self.urls: list[str] = []

    async def ask(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        self.urls.append(url)
        return await self.session.ask(method, url, body, headers)


@asynccontextmanager
async def real(name: str) -> AsyncIterator[tuple[str, DavSession]]:
    """A real server with an empty calendar: its address and a session."""
    node = RadicaleNode() if name == "radicale" else XandikosNode()
    try:
        await node.start()
        account = (node.username, node.password) if isinstance(node, RadicaleNode) else ()
        home = f"{node.url}{node.username}/" if isinstance(node, RadicaleNode) else node.home
        async with DavServer(re.sub(r"(?<=\d)/.*", "", home)) as dav:
            session = dav.session(*account)
            assert (await session.ask("MKCALENDAR", f"{home}work/")).done
            yield f"{home}work/", session
    finally:
        await node.stop()


@pytest.mark.parametrize("name", ["radicale", "xandikos"])
async def test_real_server_is_found_and_nothing_is_left(name: str) -> None:
    async with real(name) as (calendar, session):
        header = {"Content-Type": "text/calendar"}
        assert (await session.ask("PUT", f"{calendar}dentist.ics", FOREIGN.encode(), header)).done
        before = await session.ask("GET", f"{calendar}dentist.ics")
        watched, now = Watched(session), utc_now()
        assert await probe(watched, calendar, now, new_id) == replace(GOOD, probed_at=now)
        assert len(watched.urls) <= 16
        after = await session.ask("GET", f"{calendar}dentist.ics")
        assert (after.etag, after.body) == (before.etag, before.body)
        listed = await session.ask("PROPFIND", calendar, headers={"Depth": "1"})
        assert [path for path, _ in listed.listing if path.endswith(".ics")] == [
            calendar[calendar.index("/", 8) :] + "dentist.ics"
        ]
