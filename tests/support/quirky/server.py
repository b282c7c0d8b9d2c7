"""A CalDAV server in this process for several people, that does what the RFCs say except for its `quirks`."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import copy
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

from tests.support.own_certificates import distrusted_context
from tests.support.quirky.dispatch import carried_out
from tests.support.quirky.holdings import READ, WRITE, CalendarHeld, Held, Person
from tests.support.quirky.quirks import ALWAYS, Quirks
from tests.support.quirky.trouble import on_the_way, on_the_way_back

Play = Callable[[web.Request, "QuirkyServer"], Awaitable[web.StreamResponse | None]]
"""A part of a script: an answer of its own, or None to let the server answer."""

_COOKIE = "quirky-session"
_WRITES = ("PUT", "DELETE", "MKCALENDAR", "PROPPATCH")


@dataclass
class Asked:
    """A request that the server saw. `status` is None as long as it was not answered (or the answer was lost)."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Not case-sensitive."""
    user: str | None
    """As whom it was carried out; None where it was refused or cut in on."""
    at: float
    """By `time.monotonic`, in seconds."""
    status: int | None = None


@dataclass
class Cut:
    """A play for the next `times` requests with this method (None: any) whose path contains `path`."""

    play: Play
    method: str | None
    path: str
    times: int


@dataclass
class QuirkyServer:
    """`await start()`, `await stop()`, or `async with`. After `stop`, `start` goes on with what it held, on the same port.

    `requests` is all it was asked; `plays` are asked in turn, one for each request that it sees, then `always`;
    `cuts` before both (see `cut_in`). `mailed` is whom it would have invited by mail on its own: (owner, ATTENDEE).
    """

    quirks: Quirks = field(default_factory=Quirks)
    people: dict[str, Person] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    plays: list[Play] = field(default_factory=list)
    always: Play | None = None
    cuts: list[Cut] = field(default_factory=list)
    mailed: list[tuple[str, str]] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    """Seconds since 1970; for sync tokens of one second and hourly budgets."""
    host: str = "127.0.0.1"
    port: int = 0
    busy: int = 0
    most_busy: int = 0
    """The most requests that were under way at once."""
    _sessions: dict[str, str] = field(default_factory=dict)
    _runner: web.AppRunner | None = None
    _garbage: asyncio.Server | None = None

    # --- life

    async def start(self) -> None:
        """Listens; on the same port as before where it was stopped."""
        if self.quirks.tls == "garbage":
            self._garbage = await asyncio.start_server(_garbage, self.host, self.port)
            self.port = self._garbage.sockets[0].getsockname()[1]
            return
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        context: ssl.SSLContext | None = distrusted_context() if self.quirks.tls else None
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=context, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Listens no more and breaks all connections; what it holds stays."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._garbage is not None:
            self._garbage.close()
            self._garbage = None

    async def __aenter__(self) -> QuirkyServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- addresses

    @property
    def url(self) -> str:
        """The address of its root, without a slash at the end."""
        return f"{'https' if self.quirks.tls else 'http'}://{self.host}:{self.port}"

    def home_url(self, person: str) -> str:
        """The address of the collection that holds a person's calendars, with a slash at the end."""
        return f"{self.url}/calendars/{person}/"

    def calendar_url(self, person: str, calendar: str = "personal") -> str:
        """The address of a calendar, with a slash at the end."""
        return f"{self.home_url(person)}{calendar}/"

    # --- people and calendars

    def add_person(
        self, name: str, password: str = "secret", *, calendars: tuple[str, ...] = ("personal",), mail: str = ""
    ) -> Person:
        """A new account with empty calendars (title: the name with a capital)."""
        person = Person(name, password, mail or f"{name}@quirky.test")
        for calendar in calendars:
            person.add(calendar, calendar.capitalize())
        self.people[name] = person
        return person

    def change_password(self, person: str, password: str) -> None:
        """The old password and its sessions are refused from now on, and an expired account works again."""
        account = self.people[person]
        account.password, account.expired = password, False
        self._end_sessions(person)

    def expire(self, person: str) -> None:
        """Every request of this person is 401 until `change_password` (an app password revoked, a token run out)."""
        self.people[person].expired = True
        self._end_sessions(person)

    def remove_person(self, person: str) -> None:
        """The account is gone, with all it held."""
        del self.people[person]
        self._end_sessions(person)

    def calendar(self, person: str, calendar: str = "personal") -> CalendarHeld:
        """A calendar as the server holds it. KeyError where there is none."""
        return self.people[person].calendars[calendar]

    def allow(self, person: str, calendar: str, *rights: Literal["read", "write"], to: str | None = None) -> None:
        """Sets exactly these rights on a calendar, for its owner or another person (none given: no right)."""
        self.calendar(person, calendar).rights[to or person] = frozenset(rights)

    # --- what a person does with another client

    def put(self, person: str, name: str, body: bytes | str, calendar: str = "personal") -> str:
        """Stores an object as it is, whatever the quirks would make of it; returns its ETag. `name` with its ".ics"."""
        data = body.encode() if isinstance(body, str) else body
        return self.calendar(person, calendar).store(name, data, self.quirks, self.second()).etag

    def edit(self, person: str, name: str, change: Callable[[str], str], calendar: str = "personal") -> str:
        """Changes an object's text (CRLF, folded, as stored); returns its new ETag. KeyError where there is none."""
        held = self.calendar(person, calendar).objects[name]
        return self.put(person, name, change(held.body.decode()), calendar)

    def delete(self, person: str, name: str, calendar: str = "personal") -> None:
        """Deletes one object; synchronisation tells it. KeyError where there is none."""
        self.calendar(person, calendar).remove(name, self.second())

    def wipe(self, person: str, calendar: str = "personal") -> None:
        """Deletes every object one by one; the calendar stays, and synchronisation tells the deletions."""
        held = self.calendar(person, calendar)
        for name in list(held.objects):
            held.remove(name, self.second())

    def remove_calendar(self, person: str, calendar: str = "personal") -> None:
        """The calendar is gone, with all it held."""
        del self.people[person].calendars[calendar]

    def move_calendar(self, person: str, calendar: str, to: str) -> None:
        """The calendar with its objects is under another address from now on."""
        held = self.people[person].calendars.pop(calendar)
        held.name = to
        self.people[person].calendars[to] = held

    def forget_tokens(self, person: str, calendar: str = "personal") -> None:
        """Every sync token given so far is unknown from now on; objects stay."""
        held = self.calendar(person, calendar)
        held.number += 1
        held.oldest = held.number

    def lose_data(self, *, calendars: bool = False) -> None:
        """Forgets all objects of all people and their history; with `calendars`, the calendars too. Accounts stay."""
        for person in self.people.values():
            for held in person.calendars.values():
                held.forget()
            if calendars:
                person.calendars.clear()
                person.coming.clear()

    def backup(self) -> dict[str, Person]:
        """All that it holds now, to `restore` later."""
        return copy.deepcopy(self.people)

    def restore(self, backup: dict[str, Person]) -> None:
        """Goes back to a backup: what was written since is gone, ETags and sync tokens are those of then."""
        self.people = copy.deepcopy(backup)

    # --- what a test looks at

    def names(self, person: str, calendar: str = "personal") -> list[str]:
        """The names of the objects in a calendar, sorted; none where there is no such calendar."""
        held = self.people[person].calendars.get(calendar)
        return sorted(held.objects) if held else []

    def objects(self, person: str, calendar: str = "personal") -> dict[str, str]:
        """The unfolded text (newlines) of each object in a calendar, by name."""
        held = self.people[person].calendars.get(calendar)
        return {name: one.text for name, one in held.objects.items()} if held else {}

    def text(self, person: str, name: str, calendar: str = "personal") -> str:
        """The unfolded text (newlines) of one object. KeyError where there is none."""
        return self.held(person, name, calendar).text

    def held(self, person: str, name: str, calendar: str = "personal") -> Held:
        """One object with its bytes, UID and ETag. KeyError where there is none."""
        return self.calendar(person, calendar).objects[name]

    def uids(self, person: str, calendar: str | None = None) -> list[str]:
        """The UIDs in one calendar, or (None) in all of a person's, sorted: one that stands there twice is a duplicate."""
        all_of = self.people[person].calendars
        chosen = all_of.values() if calendar is None else [all_of[calendar]] if calendar in all_of else []
        return sorted(held.uid for one in chosen for held in one.objects.values())

    def asked(self, *methods: str, user: str | None = None) -> list[Asked]:
        """The requests with these methods (none given: all), of one person where named."""
        return [
            one
            for one in self.requests
            if (not methods or one.method in methods) and (user is None or one.user == user)
        ]

    def cut_in(self, play: Play, *, method: str | None = None, path: str = "", times: int = 1) -> None:
        """`play` is asked first at the next `times` requests (ALWAYS: all) with this method whose path contains `path`.
        A play that changes something and returns None is a race: the request finds the change."""
        self.cuts.append(Cut(play, method, path, times))

    def second(self) -> int:
        """The present second, as sync tokens of one second count."""
        return int(self.clock())

    # --- answering

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.method, request.path, request.headers, None, time.monotonic())
        self.requests.append(asked)
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            answer = await self._played(request)
            if answer is None:
                answer = await self._answered(request, asked)
            if request.transport is not None and not request.transport.is_closing():
                asked.status = answer.status
            return answer
        finally:
            self.busy -= 1

    async def _played(self, request: web.Request) -> web.StreamResponse | None:
        play: Play | None = None
        for cut in self.cuts:
            if cut.times and (cut.method or request.method) == request.method and cut.path in request.path:
                play = cut.play
                if cut.times != ALWAYS:
                    cut.times -= 1
                break
        else:
            play = self.plays.pop(0) if self.plays else self.always
        return None if play is None else await play(request, self)

    async def _answered(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        early = on_the_way(request, self.quirks)
        if early is not None:
            return early
        person, trusted = self._person(request)
        if person is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="quirky"'})
        asked.user = person.name
        answer = await self.answer(request, person)
        if self.quirks.session_cookies and not trusted:
            session = secrets.token_hex(8)
            self._sessions[session] = person.name
            answer.set_cookie(_COOKIE, session, path="/")
        writes = request.method in _WRITES
        return await on_the_way_back(request, answer, self.quirks, writes=writes)

    async def answer(self, request: web.Request, person: Person | None = None) -> web.Response:
        """Carries out a request as the quirks have it, without trouble on the way. For plays: `person` None is whoever asks."""
        who = person or self._person(request)[0]
        if who is None:
            return web.Response(status=401)
        answer = await carried_out(request, who, self)
        who.tick()
        return answer

    def _person(self, request: web.Request) -> tuple[Person | None, bool]:
        """Who asks, and whether a cookie said so."""
        if self.quirks.session_cookies:
            name = self._sessions.get(request.cookies.get(_COOKIE, ""))
            if name is not None and name in self.people:
                return self.people[name], True
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None, False
        try:
            name, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, False
        person = self.people.get(name)
        if person is None or person.expired or person.password != password:
            return None, False
        return person, False

    def _end_sessions(self, person: str) -> None:
        self._sessions = {key: name for key, name in self._sessions.items() if name != person}


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read(1)
        writer.write(b"220 mail.quirky.test ESMTP ready\r\n" * 20)
        await writer.drain()
        writer.close()


__all__ = ["READ", "WRITE", "Asked", "Play", "QuirkyServer"]
