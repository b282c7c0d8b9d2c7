"""How an attendee's own calendar stands: what is written, what waits and since when, what is wrong, what is being removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.calendar_sync.accounts_store import Account, AccountState, Calendar
from services.calendar_sync.connections import Choice, Connections
from services.calendar_sync.status import CalendarStatus, Statuses
from services.calendar_sync.store import Person
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Said, newest, said_of


class OwnState(StrEnum):
    """How a person stands to a calendar of their own."""

    NONE = "none"
    CHOOSING = "choosing"
    """An account was found, and a calendar is to be chosen."""
    WORKING = "working"
    LOST = "lost"
    """Only the person can mend it."""


@dataclass(frozen=True)
class OwnCalendar:
    """The state at one moment. Instants are UTC; `error` is the newest fault."""

    state: OwnState = OwnState.NONE
    account: Account | None = None
    calendar: Calendar | None = None
    chosen: Choice | None = None
    choices: tuple[Choice, ...] = ()
    written: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None
    error: Said | None = None
    clearing: tuple[str, ...] = ()
    """The hosts of earlier accounts in which entries are still being removed."""

    @property
    def connected(self) -> bool:
        """Whether there is a calendar, in reach or not."""
        return self.calendar is not None

    @property
    def begun(self) -> bool:
        """Whether the calendar was looked at; until then nothing is known of it."""
        return self.calendar is not None and (self.calendar.checked_at is not None or self.written > 0)


async def own_calendar(tools: Tools, connections: Connections, person: Person) -> OwnCalendar:
    """How the person's calendar stands, worked out from the state and not from counters that could be wrong."""
    now, accounts = tools.clock(), await tools.accounts.accounts_of(person.seats.registration_id)
    clearing = tuple(host_of(one.server) for one in accounts if one.state is AccountState.LEAVING)
    choosing = next((one for one in accounts if _is_open(one, now)), None)
    choices = tuple(await connections.choices(choosing.id)) if choosing else ()
    account = next((one for one in accounts if one.state in (AccountState.WORKING, AccountState.LOST)), None)
    calendars = await tools.accounts.calendars(account=account.id) if account else []
    if account is None or not calendars:
        state = OwnState.CHOOSING if choosing else OwnState.NONE
        return OwnCalendar(state, choices=choices, clearing=clearing)
    status, chosen = (await Statuses(tools).of(calendars[:1], now))[0], await connections.choices(account.id)
    return OwnCalendar(
        state=OwnState.LOST if account.lost is not None else OwnState.WORKING,
        account=account,
        calendar=status.calendar,
        chosen=chosen[0] if chosen else None,
        choices=choices,
        written=status.written,
        waiting=len(status.waiting),
        waiting_since=status.waiting_since,
        error=await _error(tools, account, status),
        clearing=clearing,
    )


def host_of(server: str) -> str:
    """The host of a server's origin, with its port where it has one of its own."""
    return server.partition("://")[2]


def _is_open(account: Account, now: datetime) -> bool:
    return account.state is AccountState.CHOOSING and account.expires_at is not None and account.expires_at > now


async def _error(tools: Tools, account: Account, status: CalendarStatus) -> Said | None:
    """The newest error of the account, the calendar or what waits in it; else that of its server."""
    own = newest([said_of(account), status.last_error])
    server = (await tools.accounts.servers()).get(account.server)
    return own or (said_of(server) if server is not None else None)
