"""What organisers do about calendars, over HTTP: add and remove shared ones, repair, verify."""

from __future__ import annotations

from typing import Annotated, Any, Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.calendar_sync.domain import Scope
from services.calendar_sync.operations import shown
from services.calendar_sync.operations.parameters import EVENT, KIND, LANGUAGE, NAME, VERIFICATION, scope_in
from services.calendar_sync.operations.reading import CALENDARS, OF_PART, no_such_calendar
from services.calendar_sync.status import Statuses
from services.calendar_sync.tools import Tools
from services.calendar_sync.upkeep import Refusal, Refused, Upkeep
from services.calendar_sync.verifications import Verifications
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Body, Operation
from shared.web.problems import Problem, read_json, validate

_VERIFICATIONS = "/api/v1/calendar-verifications"
_Name = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[\x21-\x7e]+$")]


class Chosen(BaseModel):
    """Which calendars: one, an event's, a registration's, a server's, or, where nothing is named, all."""

    model_config = ConfigDict(extra="forbid")

    calendar: _Name | None = None
    event_id: _Name | None = None
    registration_id: _Name | None = None
    server: _Name | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.named()) > 1:
            raise ValueError("name one of calendar, event_id, registration_id and server, or none for all calendars")
        return self

    def named(self) -> dict[str, str]:
        """What is named, as it was."""
        names = ("calendar", "event_id", "registration_id", "server")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def fields(self) -> dict[str, Any]:
        """The calendars' fields that it means."""
        return {"_id" if name == "calendar" else name: value for name, value in self.named().items()}


class RepairWish(Chosen):
    """What to repair."""


class VerificationWish(Chosen):
    """What to verify; `repair`: what differs is put right afterwards."""

    repair: bool = False


class Tending:
    """The operations that change something, or ask for it."""

    def __init__(self, tools: Tools, upkeep: Upkeep) -> None:
        self._tools, self._upkeep = tools, upkeep

    @property
    def _verifications(self) -> Verifications:
        return Verifications(self._tools.accounts.database)

    def operations(self) -> list[Operation]:
        """The operations."""
        added = {
            200: Answer("It is there", shown.CalendarDetail),
            201: Answer("It is made and filled now", shown.CalendarDetail, headers=["Location"]),
        }
        left = {202: Answer("What Lectern wrote is being removed, and then the calendar", shown.CalendarDetail)}
        found: list[Operation] = []
        for name, path, parameters in (
            ("Event", f"{CALENDARS}/{{event_id}}", [EVENT]),
            ("Part", OF_PART, [EVENT, KIND, NAME]),
        ):
            of = "of an event" if name == "Event" else "of a track or a room"
            add, remove = f"Make a shared calendar {of}", f"Remove the shared calendar {of}"
            asked = [*parameters, LANGUAGE]
            found += [
                Operation(
                    f"add{name}Calendar", "PUT", path, self.add, add, added, asked, problems=[400, 404, 409], organiser=True,
                ),
                Operation(
                    f"remove{name}Calendar", "DELETE", path, self.remove, remove, left, parameters, problems=[404, 409],
                    organiser=True,
                ),
            ]  # fmt: skip
        return [
            *found,
            Operation(
                "repairCalendars",
                "POST",
                "/api/v1/calendar-repairs",
                self.repair,
                "List calendars anew, compare all of their objects, and put right what differs, now",
                {202: Answer("It is under way", shown.RepairBegun)},
                body=Body("Which calendars", RepairWish),
                problems=[404, 422],
                organiser=True,
            ),
            Operation(
                "verifyCalendars",
                "POST",
                _VERIFICATIONS,
                self.verify,
                "Read every object back and compare it. Asked again before it is done, it is the same verification",
                {
                    202: Answer(
                        "It is under way; ask Location for how far it is", shown.VerificationShown, headers=["Location"]
                    )
                },
                body=Body("Which calendars", VerificationWish),
                problems=[404, 422],
                organiser=True,
            ),
            Operation(
                "showCalendarVerification",
                "GET",
                f"{_VERIFICATIONS}/{{id}}",
                self.show_verification,
                "How far a verification is, and what it found; kept for 30 days",
                {200: Answer("The verification", shown.VerificationShown)},
                [VERIFICATION],
                problems=[404],
                organiser=True,
            ),
        ]

    async def add(self, request: web.Request) -> web.Response:
        """Made once: the same request again finds it there."""
        require_organiser(request)
        scope, language = scope_in(request), request.query.get("lang") or None
        if language is not None:
            event = (await self._tools.agendas.get(scope.event_id)).event
            if event is not None and language not in event.languages:
                raise Problem(400, "bad-language", f"The event speaks {', '.join(event.languages)}.")
        try:
            new = await self._upkeep.add(scope, self._tools.clock(), language)
        except Refused as refused:
            raise _problem(refused, scope) from refused
        headers = {"Location": request.rel_url.raw_path} if new else {}
        return await self._detail(scope, 201 if new else 200, headers)

    async def remove(self, request: web.Request) -> web.Response:
        """Only what Lectern wrote: objects of others stay, and the calendar with them."""
        require_organiser(request)
        scope = scope_in(request)
        calendar = await self._tools.accounts.calendar(scope.key)
        if calendar is None:
            raise no_such_calendar()
        try:
            await self._upkeep.remove(calendar, self._tools.clock())
        except Refused as refused:
            raise _problem(refused, scope) from refused
        return await self._detail(scope, 202)

    async def repair(self, request: web.Request) -> web.Response:
        """By the workers, at their pace."""
        require_organiser(request)
        wish = validate(RepairWish, await read_json(request))
        count = await self._upkeep.repair(wish.fields(), self._tools.clock())
        if count == 0 and wish.named():
            raise no_such_calendar()
        return web.json_response({"calendars": count}, status=202)

    async def verify(self, request: web.Request) -> web.Response:
        """As a job, beside the workers."""
        require_organiser(request)
        wish = validate(VerificationWish, await read_json(request))
        if wish.named() and not await self._tools.accounts.calendars(**wish.fields(), leaving=False):
            raise no_such_calendar()
        id_ = await self._verifications.ask(
            wish.named(), wish.fields(), repair=wish.repair, id_=self._tools.ids(), now=self._tools.clock()
        )
        job = await self._verifications.get(id_)
        if job is None:
            raise _no_such_verification()
        headers = {"Location": f"{_VERIFICATIONS}/{id_}"}
        return web.json_response(shown.verification(job), status=202, headers=headers)

    async def show_verification(self, request: web.Request) -> web.Response:
        """As it stands."""
        require_organiser(request)
        job = await self._verifications.get(request.match_info["id"])
        if job is None:
            raise _no_such_verification()
        return web.json_response(shown.verification(job))

    async def _detail(self, scope: Scope, status: int, headers: dict[str, str] | None = None) -> web.Response:
        found = await Statuses(self._tools).one(scope.key, self._tools.clock())
        if found is None:
            raise no_such_calendar()
        data = {**shown.calendar(found), "objects": shown.objects(found)}
        return web.json_response(data, status=status, headers=headers)


def _problem(refused: Refused, scope: Scope) -> Problem:
    names = ", ".join(refused.names)
    words = {
        Refusal.NO_SERVER: "No calendar server is configured; set LECTERN_CALDAV_URL.",
        Refusal.UNKNOWN: f"The published agenda has no such {scope.kind}; it has: {names}."
        if names
        else f"There is no published agenda with such a {scope.kind}.",
        Refusal.LEAVING: "This calendar is just being removed; ask again when it is gone.",
        Refusal.BY_ITSELF: f"Every event has this calendar by itself; take {scope.kind} out of LECTERN_SHARED_CALENDARS first.",
    }
    return Problem(404 if refused.why is Refusal.UNKNOWN else 409, str(refused.why), words[refused.why])


def _no_such_verification() -> Problem:
    return Problem(404, "no-such-verification", "There is no verification with this id; they are kept for 30 days.")
