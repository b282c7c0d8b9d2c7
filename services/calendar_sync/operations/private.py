"""An attendee's own calendar over HTTP, for programs: whoever has the private address of the calendar page may."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from services.calendar_sync.answers import Fault
from services.calendar_sync.connecting import Connecting, NoCalendar, NotOffered, TooLate
from services.calendar_sync.connections import NEW, Choice
from services.calendar_sync.discovery_failed import DiscoveryFailed
from services.calendar_sync.own_calendar import OwnCalendar, OwnState, own_calendar
from services.calendar_sync.page.sent import NO_CALENDAR, NO_USERNAME, Credentials, field_of
from services.calendar_sync.private_access import NOT_KEPT, PrivateAccess
from services.calendar_sync.service_location import read_entered
from services.calendar_sync.store import Person
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import Trouble
from shared.contracts.base import Instant
from shared.contracts.cloudevent import problem
from shared.web.limits import Kind
from shared.web.openapi import Answer, Body, Operation, Parameter
from shared.web.problems import Problem, read_json, validate

_TOKEN = Parameter("token", "path", "The token of the private calendar page, as in its address")
_PATH = "/api/v1/private-calendars/{token}"
_MAX_BODY = 8192
"""The largest body, in bytes."""


class LastError(BaseModel):
    """The newest fault: of which kind, and in plain English words."""

    kind: Trouble
    message: str
    at: Instant | None


class ChoiceShown(BaseModel):
    """A calendar that may be chosen; `new`: it is made then, and has the event's title."""

    id: str
    name: str
    new: bool


class PrivateCalendar(BaseModel):
    """How a person's calendars stand. `server`: of the connected calendar; user name and password are told to nobody.

    `written` and `waiting` count sessions; `clearing` are hosts where entries of earlier calendars are still being removed.
    """

    state: OwnState
    feed: str | None = Field(description="The address of the feed; null while it is switched off")
    show_waiting: bool
    connects: bool = Field(description="Whether accounts can be connected here at all")
    server: str | None
    calendar: str | None
    written: int
    waiting: int
    waiting_since: Instant | None
    last_error: LastError | None
    checked_at: Instant | None
    lost: str | None = Field(description="Why only the person can mend it: password, calendar or server")
    choices: list[ChoiceShown]
    clearing: list[str]


class Chosen(BaseModel):
    """The id of one of `choices`."""

    model_config = ConfigDict(extra="forbid")

    calendar: str = Field(min_length=1, max_length=100)


class Tested(BaseModel):
    """What the calendar server answered: `error` in plain English words where it does not work, and its `kind`."""

    works: bool
    error: str | None
    kind: Trouble | None = None


class FeedAddress(BaseModel):
    """The address of the feed from now on; the one before has ended."""

    feed: str


_SHOWN = Answer("How it stands now", PrivateCalendar)


class PrivateCalendars:
    """The operations of whoever has the private address. What makes us ask a calendar server is limited for each client and
    each registration."""

    def __init__(self, tools: Tools, connecting: Connecting, access: PrivateAccess) -> None:
        self._tools, self._connecting, self._access = tools, connecting, access

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "showPrivateCalendar", "GET", _PATH, self.show,
                "How a person's own calendar stands, and the address of the feed",
                {200: _SHOWN}, [_TOKEN], problems=[404],
            ),
            Operation(
                "connectCalendarAccount", "POST", f"{_PATH}/connect", self.connect,
                "Find the account at an e-mail address or a URL; then choose one of `choices` within an hour. "
                "May take a minute",
                {200: _SHOWN}, [_TOKEN], Body("Where the account is, and who opens it", Credentials),
                [404, 409, 422, 429],
            ),
            Operation(
                "chooseCalendar", "POST", f"{_PATH}/choose", self.choose,
                "Connect one of `choices`; what was written in an earlier calendar is removed",
                {200: _SHOWN}, [_TOKEN], Body("Which calendar", Chosen), [404, 409, 422, 429],
            ),
            Operation(
                "testCalendar", "POST", f"{_PATH}/test", self.test,
                "Ask the calendar server now whether the connected calendar is there",
                {200: Answer("What it answered", Tested)}, [_TOKEN], problems=[404, 409, 429],
            ),
            Operation(
                "disconnectCalendar", "POST", f"{_PATH}/disconnect", self.disconnect,
                "Remove what Lectern wrote, and only that, and forget the account",
                {200: _SHOWN}, [_TOKEN], problems=[404, 409, 429],
            ),
            Operation(
                "newFeedAddress", "POST", f"{_PATH}/feed-address", self.new_feed_address,
                "Give the feed a new address; the old one ends at once",
                {200: Answer("The new address", FeedAddress)}, [_TOKEN], problems=[404, 409, 429],
            ),
        ]  # fmt: skip

    async def show(self, request: web.Request) -> web.Response:
        """Changes nothing."""
        return await self._shown(await self._access.person(request))

    async def connect(self, request: web.Request) -> web.Response:
        """The password is neither answered nor logged."""
        person = await self._access.counted(request, Kind.CONNECT)
        entered = validate(Credentials, await read_json(request, _MAX_BODY))
        try:
            if read_entered(entered.address, entered.username).username is None:
                raise _wrong("username", NO_USERNAME, "username-needed")
            await self._connecting.connect(
                person, entered.address, entered.username, entered.password.get_secret_value()
            )
        except DiscoveryFailed as failed:
            raise _wrong(field_of(failed), failed.words, str(failed.reason)) from None
        except NoCalendar:
            raise _wrong("address", NO_CALENDAR, "no-calendar") from None
        except NotOffered:
            words = "No accounts can be connected here: the operator has not set LECTERN_CREDENTIAL_KEYS."
            raise Problem(409, "not-offered", words, headers=dict(NOT_KEPT)) from None
        except TooLate:
            raise _too_late("This registration was forgotten.") from None
        return await self._shown(person)

    async def choose(self, request: web.Request) -> web.Response:
        """One of the choices that `connect` found."""
        person = await self._access.counted(request)
        chosen = validate(Chosen, await read_json(request, _MAX_BODY))
        try:
            await self._connecting.choose(person, chosen.calendar)
        except TooLate:
            raise _too_late("There is no such choice, or its time is over: connect the account first.") from None
        return await self._shown(person)

    async def test(self, request: web.Request) -> web.Response:
        """A server that says no is an answer, and no error."""
        person = await self._access.counted(request, Kind.CONNECT)
        try:
            await self._connecting.test(person)
        except TooLate:
            raise _too_late("No calendar is connected.") from None
        except Fault as fault:
            return _json(Tested(works=False, error=fault.words, kind=fault.kind))
        return _json(Tested(works=True, error=None))

    async def disconnect(self, request: web.Request) -> web.Response:
        """What was written is removed within seven days at the most, usually at once."""
        person = await self._access.counted(request)
        if not await self._connecting.disconnect(person):
            raise _too_late("No calendar is connected.")
        return await self._shown(person)

    async def new_feed_address(self, request: web.Request) -> web.Response:
        """For when somebody else has seen the old one."""
        person = await self._access.counted(request)
        if not await self._access.new_feed_address(person):
            raise _too_late("The address was replaced by another request; ask for how it stands.")
        now = await self._tools.store.person(person.seats.registration_id)
        return _json(FeedAddress(feed=self._access.feed(now or person)))

    async def _shown(self, person: Person) -> web.Response:
        now = await self._tools.store.person(person.seats.registration_id) or person
        own = await own_calendar(self._tools, self._connecting.connections, now)
        return _json(
            PrivateCalendar(
                state=own.state,
                feed=None if now.feed_off else self._access.feed(now),
                show_waiting=now.seats.show_waiting,
                connects=self._connecting.offered,
                server=own.calendar.server if own.calendar else None,
                calendar=(own.chosen.name or None) if own.chosen else None,
                written=own.written,
                waiting=own.waiting,
                waiting_since=own.waiting_since,
                last_error=_error(own),
                checked_at=own.calendar.checked_at if own.calendar else None,
                lost=own.account.lost if own.account else None,
                choices=[_choice(one) for one in own.choices],
                clearing=list(own.clearing),
            )
        )


def _json(body: BaseModel) -> web.Response:
    return web.json_response(body.model_dump(mode="json"), headers=NOT_KEPT)


def _error(own: OwnCalendar) -> LastError | None:
    told = own.error
    return LastError(kind=told.kind, message=told.words, at=told.at) if told is not None else None


def _choice(one: Choice) -> ChoiceShown:
    return ChoiceShown(id=one.id, name=one.name, new=one.id == NEW)


def _wrong(field: str, words: str, code: str) -> Problem:
    return Problem(422, code, words, [problem(field, words)], headers=dict(NOT_KEPT))


def _too_late(words: str) -> Problem:
    return Problem(409, "as-things-stand", words, headers=dict(NOT_KEPT))
