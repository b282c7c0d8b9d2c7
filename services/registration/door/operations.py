"""Check-in over HTTP: the scans of a phone, many at once, and the door's address for organisers."""

from __future__ import annotations

from aiohttp import web

from services.registration.asking import Who
from services.registration.door.door import Door
from services.registration.door.scans import DoorAddress, DoorRenewed, Scans, ScansAnswered
from services.registration.operations.parameters import IDEMPOTENCY_KEY, LANGUAGE, caller_of
from services.registration.replies import Body as Reply
from services.registration.replies import Replies
from shared.contracts.base import json_of
from shared.contracts.scheduling import EventState
from shared.web.access import SETTINGS, count_wrong_token, is_organiser, require_organiser
from shared.web.openapi import Answer, Body, Operation, Parameter
from shared.web.pages import language_of
from shared.web.problems import Problem, read_json, validate

_PRIVATE = {"Cache-Control": "private, no-store"}
_MAX_BODY = 131_072
"""The largest body of scans, in bytes (128 KiB): 100 of the longest."""
_EVENT = Parameter("event_id", "path", "The event's id")
_DOOR = "/api/v1/registration/doors/{event_id}"


class AtTheDoor:
    """The operations of check-in."""

    def __init__(self, door: Door, replies: Replies) -> None:
        self._door, self._replies = door, replies

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "checkIn",
                "POST",
                "/api/v1/registration/check-ins",
                self.check_in,
                "Check people in, or undo it: up to 100 scans as a phone noted them, each answered, each repeatable by its id. "
                "With the cookie of the event's door, or the organiser's token",
                {200: Answer("What became of each scan", ScansAnswered)},
                [LANGUAGE],
                Body("What was scanned, in order", Scans),
                [401, 404, 422, 429],
            ),
            Operation(
                "showDoor",
                "GET",
                _DOOR,
                self.show_door,
                "The address that helpers at the event's entrance open on their phones",
                {200: Answer("The address", DoorAddress)},
                [_EVENT],
                problems=[404],
                organiser=True,
            ),
            Operation(
                "renewDoor",
                "POST",
                f"{_DOOR}/renew",
                self.renew_door,
                "Make a new address for the event's door; the one before opens nothing any more, on no phone",
                {200: Answer("The address", DoorRenewed)},
                [_EVENT, IDEMPOTENCY_KEY],
                problems=[400, 404, 409, 422],
                organiser=True,
            ),
        ]

    async def check_in(self, request: web.Request) -> web.Response:
        """By a helper at the door, or an organiser."""
        organiser = is_organiser(request)
        doors = [] if organiser else await self._doors_of(request)
        asked = validate(Scans, await read_json(request, _MAX_BODY))
        if not organiser and asked.event_id not in doors:
            raise _needs_door()
        event = await self._door.store.event(asked.event_id)
        if event is None:
            raise _unknown(asked.event_id)
        if not organiser and self._door.doors.closed(event):
            raise _needs_door()
        who = Who.ORGANISER if organiser else Who.DOOR
        answered = ScansAnswered(
            scans=await self._door.checking.scanned(event, asked.scans, who, language_of(request)),
            counter=await self._door.people.counter(event.id, asked.session_id),
            now=self._door.clock(),
        )
        return web.json_response(json_of(answered), headers=_PRIVATE)

    async def _doors_of(self, request: web.Request) -> list[str]:
        """The events at whose doors the request is, before anything it says is read. Raises Problem 401, and 429 after too
        many that were made up."""
        doors = await self._door.doors.proven(request)
        if not doors:
            count_wrong_token(request)
            self._door.doors.count_wrong(request)
            raise _needs_door()
        return doors

    async def show_door(self, request: web.Request) -> web.Response:
        """The present address."""
        event = await self._event(request)
        return _private({"address": await self._address(request, event)})

    async def renew_door(self, request: web.Request) -> web.Response:
        """The next address. Asked again with the same key, the present one: a reply that is kept has no secret in it."""
        event = await self._event(request)

        async def renew() -> Reply:
            await self._door.doors.renew(event.id)
            return {}

        reply = await self._replies.once(caller_of(request), "renew-door", [event.id], renew)
        return _private({"address": await self._address(request, event), "repeated": reply["repeated"]})

    async def _address(self, request: web.Request, event: EventState) -> str:
        return request.app[SETTINGS].public_url.rstrip("/") + await self._door.doors.path(event.id)

    async def _event(self, request: web.Request) -> EventState:
        require_organiser(request)
        event = await self._door.store.event(request.match_info["event_id"])
        if event is None:
            raise _unknown(request.match_info["event_id"])
        return event


def _private(body: Reply) -> web.Response:
    return web.json_response(body, headers=_PRIVATE)


def _unknown(event_id: str) -> Problem:
    return Problem(404, "unknown-event", f"There is no published event {event_id!r}.")


def _needs_door() -> Problem:
    return Problem(
        401,
        "door-needed",
        "This needs the door of the event: open the address that organisers gave you for it, or send the organiser's token.",
        headers={"WWW-Authenticate": 'Bearer realm="organisers"'},
    )
