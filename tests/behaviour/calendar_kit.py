"""What the behaviour suite of calendars needs of a server, whichever it is, and calendar-sync with all it asks written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from services.calendar_sync.accounts_store import CONFIGURED, Account, personal_calendar_id
from services.calendar_sync.answers import Answer, Blame, Fault
from services.calendar_sync.caldav_client import DavSession
from services.calendar_sync.clients import Clients, Credentials
from services.calendar_sync.domain import Scope, ScopeKind
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.pace import Pace
from services.calendar_sync.reconciler import Known
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Trouble
from shared.calendar.uid import personal_uid, shared_uid
from shared.contracts.registration import RegistrationState
from shared.contracts.scheduling import EventState, SessionState
from shared.storage.mongo import Database
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import registration
from tests.support.quirky import QuirkyServer
from tests.support.quirky.holdings import uid_of, unfolded

EVENT = "milipol-2019"
PERSONAL = "personal"
LUNCH = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Somebody//Else//EN\r\nBEGIN:VEVENT\r\nUID:lunch@example.org\r\n"
    "DTSTAMP:20191001T000000Z\r\nDTSTART:20191120T110000Z\r\nDTEND:20191120T120000Z\r\nSUMMARY:Lunch\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


@dataclass(frozen=True)
class Entry:
    """An object as the server holds it."""

    body: bytes
    etag: str | None

    @property
    def text(self) -> str:
        return unfolded(self.body)

    @property
    def uid(self) -> str:
        return uid_of(self.body)


@dataclass(frozen=True)
class Home:
    """An account on a server, with an empty calendar `personal`."""

    address: str
    username: str | None = None
    password: str | None = None


class Place(Protocol):
    """A calendar server, and what other people's clients do on it."""

    async def home(self) -> Home:
        """A fresh account."""

    async def entries(self, calendar: str) -> dict[str, Entry]:
        """What stands in a calendar, by name; {} where there is no such calendar."""

    async def put(self, calendar: str, name: str, body: str) -> None: ...

    async def delete(self, calendar: str, name: str) -> None: ...

    async def make(self, calendar: str) -> None: ...

    def mailed(self) -> list[tuple[str, str]]:
        """Whom the server would have mailed on its own."""


@dataclass
class RealPlace:
    """A server of its own kind that other clients reach by HTTP."""

    account: Home

    async def home(self) -> Home:
        listed = await self._ask("PROPFIND", "", Depth="1")
        own = urlsplit(self.account.address).path
        for path in re.findall(r"href>([^<]+)<", listed.text):
            name = unquote(urlsplit(path).path).removeprefix(own).strip("/")
            if name and "/" not in name:
                await self._ask("DELETE", f"{name}/")
        await self.make(PERSONAL)
        return self.account

    async def make(self, calendar: str) -> None:
        (await self._ask("MKCALENDAR", f"{calendar}/")).raise_for_status()

    async def entries(self, calendar: str) -> dict[str, Entry]:
        listed = await self._ask("PROPFIND", f"{calendar}/", Depth="1")
        names = {unquote(name) for name in re.findall(rf"/{calendar}/([^<]+\.ics)<", listed.text)}
        found = {name: await self._ask("GET", f"{calendar}/{name}") for name in sorted(names)}
        return {name: Entry(one.content, one.headers.get("ETag")) for name, one in found.items()}

    async def put(self, calendar: str, name: str, body: str) -> None:
        (await self._ask("PUT", f"{calendar}/{name}", body, Content_Type="text/calendar")).raise_for_status()

    async def delete(self, calendar: str, name: str) -> None:
        (await self._ask("DELETE", f"{calendar}/{name}")).raise_for_status()

    def mailed(self) -> list[tuple[str, str]]:
        return []

    async def _ask(self, method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
        auth = (self.account.username, self.account.password or "") if self.account.username else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(auth=auth, timeout=20) as client:
            return await client.request(method, self.account.address + path, content=body, headers=named)


@dataclass
class QuirkyPlace:
    """The quirky server; what others do on it comes past its quirks."""

    server: QuirkyServer
    person: str = "anna"

    async def home(self) -> Home:
        # Where clients may make no calendars, the operator has made the event's by hand.
        by_hand = (EVENT,) if self.server.quirks.no_mkcalendar else ()
        self.server.add_person(self.person, calendars=(PERSONAL, *by_hand))
        return Home(self.server.home_url(self.person), self.person, "secret")

    async def make(self, calendar: str) -> None:
        self.server.people[self.person].add(calendar, calendar)

    async def entries(self, calendar: str) -> dict[str, Entry]:
        held = self.server.people[self.person].calendars.get(calendar)
        return {name: Entry(one.body, one.etag) for name, one in held.objects.items()} if held else {}

    async def put(self, calendar: str, name: str, body: str) -> None:
        self.server.put(self.person, name, body, calendar)

    async def delete(self, calendar: str, name: str) -> None:
        self.server.delete(self.person, name, calendar)

    def mailed(self) -> list[tuple[str, str]]:
        return self.server.mailed


# What calendar-sync asks


@dataclass(frozen=True)
class Request:
    """A request that calendar-sync sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def writes(self) -> bool:
        return self.method in ("PUT", "DELETE")


@dataclass
class Wire:
    """All that calendar-sync asked, and answers that get lost on their way to it: (method, part of the path)."""

    asked: list[Request] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)

    def of(self, *methods: str) -> list[Request]:
        return [one for one in self.asked if not methods or one.method in methods]


class WatchedSession(DavSession):
    """Requests in the name of one account, written down."""

    def __init__(self, inner: DavSession, wire: Wire) -> None:
        super().__init__(inner._server, inner._headers)
        self._wire = wire

    async def ask(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        path = urlsplit(url).path
        self._wire.asked.append(Request(method, path, headers or {}, body))
        answer = await super().ask(method, url, body, headers)
        for lost in self._wire.lost:
            if lost[0] == method and lost[1] in path:
                self._wire.lost.remove(lost)
                words = "The connection to the calendar server broke."
                raise Fault(words, Blame.SERVER, kind=Trouble.UNREACHABLE, unknown=True)
        return answer


@dataclass
class WatchedClients(Clients):
    """Clients whose requests are written down."""

    wire: Wire = field(default_factory=Wire)

    def session(self, account: Account) -> DavSession:
        return WatchedSession(super().session(account), self.wire)


@dataclass
class WatchedSync(CalendarSync):
    """Calendar-sync whose requests are written down."""

    wire: Wire = field(default_factory=Wire)

    def make_tools(
        self, pace: Pace | None = None, timeout: float = 10.0, credentials: Credentials | None = None
    ) -> Tools:
        tools = super().make_tools(pace, timeout, credentials)
        plain = tools.clients
        return replace(
            tools, clients=WatchedClients(plain.configured, plain.sealing, plain.rule, plain.timeout, wire=self.wire)
        )


@dataclass
class Desk:
    """Calendar-sync with one connected calendar on a server: the event's shared one, or a person's own."""

    sync: WatchedSync
    place: Place
    personal: bool
    fleet: Fleet = field(init=False)
    account: Home = field(init=False)

    @property
    def calendar(self) -> str:
        """The name of the collection."""
        return PERSONAL if self.personal else EVENT

    @property
    def id(self) -> str:
        return personal_calendar_id("r1") if self.personal else Scope(ScopeKind.EVENT, EVENT).key

    @property
    def wire(self) -> Wire:
        return self.sync.wire

    async def connect(self) -> None:
        """Connects; the server's profile is found by the probe at the first look."""
        self.account = await self.place.home()
        if self.personal:
            await self.sync.connect_person(
                "r1", EVENT, self.account.address, PERSONAL, self.account.username, self.account.password
            )
            self.fleet = self.sync.work()
        else:
            self.fleet = await self.sync.connect(
                self.account.address, self.account.username, self.account.password, profile=None
            )

    def name(self, number: int) -> str:
        return f"{EVENT}-workshop-{number}-r1.ics" if self.personal else f"{EVENT}-workshop-{number}.ics"

    def uid(self, number: int) -> str:
        session_id = f"{EVENT}-workshop-{number}"
        return (
            personal_uid(session_id, "r1", "lectern.test") if self.personal else shared_uid(session_id, "lectern.test")
        )

    def choices(self, *numbers: int, sequence: int = 1) -> list[RegistrationState]:
        """The person's registration with seats in these workshops; nothing for a shared calendar."""
        if not self.personal:
            return []
        return [
            registration(EVENT, {f"{EVENT}-workshop-{number}": "confirmed" for number in numbers}, sequence=sequence)
        ]

    async def tell(self, *states: EventState | SessionState | RegistrationState, sequence: int = 1) -> None:
        await self.sync.tell(*states, sequence=sequence)

    async def work(self, rounds: int = 1, **pause: float) -> None:
        """Rounds of the workers, with a pause after each."""
        for _ in range(rounds):
            await self.fleet.round()
            self.sync.clock.move(**(pause or {"seconds": 0}))

    async def settle(self, seconds: float = 150.0, rounds: int = 5) -> None:
        """Lets so much time pass, in steps, as workers need to come to rest."""
        await self.work(rounds, seconds=seconds / rounds)

    async def entries(self) -> dict[str, Entry]:
        return await self.place.entries(self.calendar)

    async def ours(self) -> dict[str, Entry]:
        """The entries of Lectern, by name."""
        return {name: one for name, one in (await self.entries()).items() if one.uid.endswith("@lectern.test")}

    async def text(self, number: int) -> str:
        """The one entry with the UID of this workshop."""
        found = [one for one in (await self.entries()).values() if one.uid == self.uid(number)]
        assert len(found) == 1, f"{len(found)} entries with the UID {self.uid(number)}"
        return found[0].text

    async def edit(self, number: int, change: Callable[[str], str]) -> None:
        """Somebody's client changes one of our entries."""
        name = next(name for name, one in (await self.entries()).items() if one.uid == self.uid(number))
        body = (await self.entries())[name].body.decode().replace("\r\n ", "")
        changed = change(body)
        assert changed != body
        await self.place.put(self.calendar, name, changed)

    async def move_away(self, number: int, calendar: str) -> dict[str, Entry]:
        """The person's client moves one of our entries to a new calendar and gives it a colour. Returns what is there then."""
        await self.place.make(calendar)
        name = self.name(number)
        body = (await self.entries())[name].body.decode().replace("\r\n ", "")
        await self.place.delete(self.calendar, name)
        await self.place.put(calendar, name, body.replace("END:VEVENT", "COLOR:teal\r\nEND:VEVENT"))
        return await self.place.entries(calendar)

    async def known(self) -> dict[str, Known]:
        return await self.sync.accounts.objects(self.id)

    async def kept(self) -> Account:
        """The account as calendar-sync keeps it."""
        found = await self.sync.accounts.account("account-r1" if self.personal else CONFIGURED)
        assert found is not None
        return found


async def watched_sync(database: Database) -> WatchedSync:
    sync = WatchedSync(database)
    await sync.prepare()
    return sync
