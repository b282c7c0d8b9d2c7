"""What an attendee does about a calendar of their own: connect an account, choose, test, disconnect, keep a seat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import structlog

from services.calendar_sync.accounts_store import Account, AccountsStore, AccountState, Calendar
from services.calendar_sync.answers import Blame, Fault
from services.calendar_sync.connections import NEW, Choice, Connections
from services.calendar_sync.dav_asking import Limits
from services.calendar_sync.discovery import Found, FoundCalendar, Home, discover
from services.calendar_sync.intake import CLEARED_WITHIN
from services.calendar_sync.remote_calendar import RemoteCalendar
from services.calendar_sync.sealing import Sealing, Unreadable
from services.calendar_sync.service_location import DnsLookup, SystemDns
from services.calendar_sync.store import Person
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Trouble
from shared.outward_aiohttp import outward_session

CHOOSE_WITHIN = timedelta(hours=1)
"""How long an account waits for its calendar to be chosen; then it is forgotten with its password."""

_log = structlog.get_logger()


class NotOffered(Exception):
    """There is no key to seal passwords with, so no account can be connected."""


class NoCalendar(Exception):
    """The account has no calendar that can be written, and makes none."""


class TooLate(Exception):
    """What was to be chosen, tested or kept is no longer there."""


class Connecting:
    """The acts. `wake` has the workers look at once."""

    def __init__(
        self,
        tools: Tools,
        wake: Callable[[], None],
        lookup: DnsLookup | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._tools, self._wake = tools, wake
        self._lookup, self._limits = lookup or SystemDns(), limits
        self.connections = Connections(tools.accounts)

    @property
    def offered(self) -> bool:
        """Whether accounts can be connected here."""
        return self._tools.clients.sealing is not None

    async def connect(self, person: Person, address: str, username: str | None, password: str) -> list[Choice]:
        """Finds the account and the calendars that may be chosen; the password is kept sealed for an hour.

        Raises DiscoveryFailed with words for the person, NoCalendar, NotOffered, and TooLate where the person was forgotten
        meanwhile.
        """
        sealing = self._tools.clients.sealing
        if sealing is None:
            raise NotOffered
        async with outward_session(self._tools.clients.connector()) as http:
            found = await discover(address, username, password, http, self._lookup, self._limits)
        choices = self._choices(found)
        if not choices:
            raise NoCalendar
        now, whose = self._tools.clock(), person.seats
        account = Account(
            id=self._tools.ids(),
            server=found.homes[0].server,
            home=found.homes[0].address,
            username=found.username,
            secret=sealing.seal(password),
            registration_id=whose.registration_id,
            event_id=whose.event_id,
            state=AccountState.CHOOSING,
            created_at=now,
            expires_at=now + CHOOSE_WITHIN,
        )
        if not await self.connections.offer(account, choices):
            raise TooLate
        _log.info("calendar_account_found", registration_id=whose.registration_id, calendars=len(choices))
        return choices

    async def choosing(self, person: Person) -> tuple[Account, list[Choice]] | None:
        """The account whose calendar is to be chosen now, and what may be chosen."""
        account = await self._account(person, AccountState.CHOOSING)
        if account is None or account.expires_at is None or account.expires_at <= self._tools.clock():
            return None
        return account, await self.connections.choices(account.id)

    async def choose(self, person: Person, choice_id: str) -> None:
        """Connects the chosen calendar; one that was connected before is left. Raises TooLate."""
        found = await self.choosing(person)
        choice = next((one for one in found[1] if one.id == choice_id), None) if found else None
        if found is None or choice is None:
            raise TooLate
        now, registration_id = self._tools.clock(), person.seats.registration_id
        if not await self.connections.choose(found[0], choice, now, now + CLEARED_WITHIN):
            raise TooLate
        # What was noticed in the calendar before is no answer any more.
        await self._tools.answering.keep(registration_id)
        _log.info("calendar_connected", registration_id=registration_id, made=choice.id == NEW)
        self._wake()

    async def test(self, person: Person) -> None:
        """Asks the server whether the calendar is there and opens. Raises Fault with what is wrong, and TooLate."""
        account = await self._connected(person)
        calendar = await self._calendar(account) if account else None
        if account is None or calendar is None:
            raise TooLate
        remote = RemoteCalendar(self._tools.clients.session(account), calendar.path)
        if await remote.listing() is None and calendar.checked_at is not None:
            raise Fault("The calendar is no longer there.", Blame.ACCOUNT, kind=Trouble.GONE, gone=True)
        if account.paused_until is not None or account.state is AccountState.LOST:
            await self._tools.accounts.note_account(account.id, paused_until=None)
        await self._tools.accounts.mark(calendar.id, self._tools.clock())
        self._wake()

    async def disconnect(self, person: Person) -> bool:
        """Lectern leaves the person's calendar: it removes what it wrote, and only that. False where nothing is connected."""
        now, registration_id = self._tools.clock(), person.seats.registration_id
        left = await self._tools.accounts.leave(registration_id, now + CLEARED_WITHIN, now)
        await self._tools.answering.keep(registration_id)
        _log.info("calendar_disconnected", registration_id=registration_id)
        self._wake()
        return left > 0

    async def keep(self, person: Person, session_id: str) -> None:
        """The seat in this session is kept, although it was removed from the calendar; it is written there again.

        Raises TooLate where the seat was given up already.
        """
        registration_id = person.seats.registration_id
        if session_id not in await self._tools.answering.keep(registration_id, [session_id]):
            raise TooLate
        account = await self._connected(person)
        calendar = await self._calendar(account) if account else None
        if calendar is None:
            return
        have = (await self._tools.accounts.objects(calendar.id)).get(session_id)
        if have is not None:
            await self._tools.accounts.keep_objects([replace(have, absent_since=None, look=True, kept=True)])
        await self._tools.accounts.mark(calendar.id, self._tools.clock())
        self._wake()

    async def wish_waiting(self, person: Person, show: bool) -> None:
        """What the person waits for is shown as tentative, or not."""
        registration_id = person.seats.registration_id
        await self._tools.store.wish(registration_id, show_waiting=show)
        await self._tools.accounts.mark_person(registration_id, self._tools.clock())
        self._wake()

    async def _connected(self, person: Person) -> Account | None:
        return await self._account(person, AccountState.WORKING, AccountState.LOST)

    async def _account(self, person: Person, *states: AccountState) -> Account | None:
        accounts = await self._tools.accounts.accounts_of(person.seats.registration_id)
        return next((account for account in accounts if account.state in states), None)

    async def _calendar(self, account: Account) -> Calendar | None:
        calendars = await self._tools.accounts.calendars(account=account.id)
        return calendars[0] if calendars else None

    def _choices(self, found: Found) -> list[Choice]:
        """Calendars that take sessions, the one that was named first; and a new one where the server makes some."""
        seen: dict[str, Choice] = {}
        for home, calendar in _in_order(found):
            if calendar.takes_events:
                id_ = hashlib.sha256(calendar.address.encode()).hexdigest()[:16]
                seen.setdefault(id_, Choice(id_, calendar.address, home.address, calendar.name, calendar.colour))
        # Where the server does not tell whether it makes calendars, it is tried only if there is no other.
        makes = [
            home for home in found.homes if home.can_make_calendars or (home.can_make_calendars is None and not seen)
        ]
        if makes:
            home = makes[0]
            # A name of its own: the same event may have been in this account before.
            seen[NEW] = Choice(NEW, f"{home.address.rstrip('/')}/lectern-{self._tools.ids()[:12]}/", home.address)
        return list(seen.values())


def _in_order(found: Found) -> Iterable[tuple[Home, FoundCalendar]]:
    pairs = [(home, calendar) for home in found.homes for calendar in home.calendars]
    return sorted(pairs, key=lambda pair: pair[1] != found.given)


async def reseal(accounts: AccountsStore, sealing: Sealing) -> int:
    """Seals every stored password with the newest key, so that older ones can go; returns how many. Safe to repeat."""
    connections, done, unreadable = Connections(accounts), 0, 0
    for account in await accounts.all_accounts():
        if account.secret is None or sealing.is_newest(account.secret):
            continue
        try:
            done += await connections.reseal(account, sealing.seal(sealing.open(account.secret)))
        except Unreadable:
            unreadable += 1
    if done or unreadable:
        _log.info("credentials_resealed", accounts=done, unreadable=unreadable)
    return done
