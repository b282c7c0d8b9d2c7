"""What the API's list of registrations is narrowed to: the parameters as documented, as read, and as a query."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from services.registration.operations.parameters import SESSION, STATE, TEXT, flag_in, one_of, wanted_in
from services.registration.schema import Wanted
from shared.contracts.registration import Cause, RequirementState
from shared.storage.mongo import Document
from shared.web.openapi import Parameter
from shared.web.problems import Problem

_CAUSES = [one.value for one in Cause]
_STATES = [one.value for one in RequirementState]
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")

REQUIREMENT = Parameter(
    "requirement", "query", "Only those for whom this registration elsewhere is in `requirement_state`, or still open"
)
REQUIREMENT_STATE = Parameter(
    "requirement_state", "query", "With `requirement`: in this state", {"type": "string", "enum": _STATES}
)
CAUSE = Parameter(
    "cause",
    "query",
    "Only those who are pending or cancelled for this reason; with `session`, there",
    {"type": "string", "enum": _CAUSES},
)
ATTENDED = Parameter(
    "attended", "query", "Only those who were there, or were not; with `session`, there", {"type": "boolean"}
)
COUNTRY = Parameter("country", "query", "Only those from this country (ISO 3166-1 alpha-2)")
AUDIENCE = Parameter("audience", "query", "Only attendees of this kind")
NARROWED = (TEXT, STATE, SESSION, REQUIREMENT, REQUIREMENT_STATE, CAUSE, ATTENDED, COUNTRY, AUDIENCE)
"""All that a list of registrations can be narrowed to."""


@dataclass(frozen=True)
class Narrowed(Wanted):
    """What any list is narrowed to, and more. With a session, `cause` and `attended` are of the choice of it."""

    requirement: str | None = None
    requirement_state: RequirementState | None = None
    """None, with a requirement: still open, that is anything but granted."""
    cause: Cause | None = None
    attended: bool | None = None
    country: str | None = None
    audience: str | None = None

    def query(self) -> Document:
        query = super().query()
        of_seat: Document = {}
        if self.cause is not None:
            of_seat["cause"] = self.cause.value
        if self.attended is not None:
            of_seat["attended_at"] = {"$exists": self.attended}
        if self.session_id is not None:
            choice = query["choices"]["$elemMatch"]
            if self.cause is not None and self.state is None:
                del choice["state"]  # a cause may be that of a choice that was given up
            choice |= of_seat
        else:
            query |= of_seat
        if self.requirement is not None:
            query[f"requirements.{self.requirement}"] = _standing(self.requirement_state)
        if self.country is not None:
            query["person.country"] = self.country
        if self.audience is not None:
            query["person.audience"] = self.audience
        return query


def narrowed_in(request: web.Request) -> Narrowed:
    """What the list is narrowed to. Raises Problem 400."""
    wanted = wanted_in(request)
    cause, state = one_of(request, "cause", _CAUSES), one_of(request, "requirement_state", _STATES)
    requirement = request.query.get("requirement")
    if requirement is not None and not _ID.fullmatch(requirement):
        raise Problem(400, "bad-requirement", "requirement is the id of one of the event's requirements.")
    if requirement is None and state is not None:
        raise Problem(400, "bad-requirement", "requirement_state goes with requirement.")
    return Narrowed(
        wanted.text,
        wanted.state,
        wanted.session_id,
        requirement,
        RequirementState(state) if state else None,
        Cause(cause) if cause else None,
        flag_in(request, "attended") if "attended" in request.query else None,
        request.query.get("country"),
        request.query.get("audience"),
    )


def _standing(state: RequirementState | None) -> Document | str:
    """Before anything was decided there may be no state: then it is missing."""
    if state is None:
        return {"$ne": RequirementState.GRANTED.value}
    return {"$in": [state.value, None]} if state is RequirementState.MISSING else state.value
