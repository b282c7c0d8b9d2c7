"""What people and organisers ask the desk by HTTP: each request as a repeatable command, its answer or the refusal."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from services.registration.codes import Code
from services.registration.commands import (
    Answer,
    Cancel,
    Change,
    Command,
    DecideRequirement,
    OfOne,
    Register,
    RevokeCode,
    SetCodes,
    Transfer,
)
from services.registration.desk import Desks, Overloaded
from services.registration.registrations import Registration
from services.registration.requirement_file import DecidedRow
from services.registration.running import Running
from shared.clock import Ids
from shared.contracts.base import Identifier
from shared.contracts.registration import (
    Answers,
    InvitationCode,
    PersonDetails,
    RegistrationRequested,
    RequirementState,
)
from shared.observability.correlation import correlation_id
from shared.web.problems import Problem

AT_ONCE = 256
"""How many rows of a file are asked together: as many as one round of the desk takes."""


class CancelRequest(BaseModel):
    """Which sessions are given up; none: the whole registration."""

    model_config = ConfigDict(extra="forbid")

    sessions: list[Identifier] = Field(default=[], max_length=200)


class ChangeRequest(BaseModel):
    """All sessions that are wanted from now on."""

    model_config = ConfigDict(extra="forbid")

    sessions: list[Identifier] = Field(max_length=200)
    answers: Answers = {}
    code: InvitationCode | None = None


class Who(StrEnum):
    """Who asks by HTTP, as the log of decisions says it."""

    ATTENDEE = "attendee"
    """Who registers, or has the private address."""
    ORGANISER = "organiser"
    """Who has the organiser's token, or a session that was made with it."""
    DOOR = "door"
    """Who checks people in, with the event's door link."""


@dataclass(frozen=True)
class Caller:
    """Who asks, and under which key. `waits`: where the first request of the key is still running, this one waits for the
    same answer (a form that was sent by a double click) instead of being told so (a program). `language`: of the page that the
    attendee filled in; `shown`: by the question's id, the digest of the wording that stood beside the box of a consent there."""

    who: Who
    key: str | None = None
    waits: bool = False
    language: str | None = None
    shown: Mapping[str, str] = field(default_factory=dict)


class Common(TypedDict):
    """The fields that every command from HTTP has."""

    id: str
    by: str
    correlation_id: str | None
    repeatable: bool
    fingerprint: str | None


class Requests:
    """What is asked by HTTP. A new request is a method that builds its command with `**self.common(...)` and asks it."""

    def __init__(self, desks: Desks, ids: Ids) -> None:
        self._desks, self._ids = desks, ids
        self._running = Running()

    async def register(self, asked: RegistrationRequested, caller: Caller) -> Answer:
        """Registers a person. Raises Problem 404, 409 (with all reasons), 422 (key of another request) or 503."""
        if not await self._desks.known(asked.event_id):
            raise Problem(404, "unknown-event", f"There is no published event {asked.event_id!r}.")
        common = self.common("register", asked.event_id, asked, caller)
        command = Register(
            **common,
            # Without a key nothing is kept under the command's own id, and each new one costs a call of the system.
            registration_id=self._ids() if common["repeatable"] else common["id"],
            person=asked.person,
            sessions=tuple(asked.sessions),
            answers=asked.answers,
            code=asked.code,
            numbers=asked.numbers,
            anonymous=caller.who is not Who.ORGANISER,
            language=caller.language,
            shown=caller.shown,
        )
        return await self.ask(asked.event_id, command, caller)

    async def change(self, registration: Registration, asked: ChangeRequest, caller: Caller) -> Answer:
        """Makes `asked.sessions` all that the registration has, or changes nothing. Raises Problem 409, 422 or 503."""
        command = Change(
            **self.common("change", registration.event_id, [registration.id, asked], caller),
            registration_id=registration.id,
            sessions=tuple(asked.sessions),
            answers=asked.answers,
            code=asked.code,
            language=caller.language,
            shown=caller.shown,
        )
        return await self.ask(registration.event_id, command, caller)

    async def cancel(self, registration: Registration, sessions: list[str], caller: Caller) -> Answer:
        """Gives up a registration or some of its sessions. Raises Problem 409, 422 or 503."""
        command = Cancel(
            **self.common("cancel", registration.event_id, [registration.id, *sessions], caller),
            registration_id=registration.id,
            sessions=tuple(sessions),
        )
        return await self.ask(registration.event_id, command, caller)

    async def decide(
        self,
        command: type[OfOne],
        registration: Registration,
        caller: Caller,
        *,
        as_said: BaseModel | None = None,
        **fields: Any,
    ) -> Answer:
        """Asks one of the commands about one registration, with its own `fields`. Raises Problem 404, 409, 422 or 503.

        `as_said`: what was sent, where a field is filled in here; the same request sent again is then still the same.
        """
        what: object = {name: _plain(value) for name, value in sorted(fields.items())} if as_said is None else as_said
        asked = [registration.id, what]
        common = self.common(command.__name__.lower(), registration.event_id, asked, caller)
        return await self.ask(
            registration.event_id, command(**common, registration_id=registration.id, **fields), caller
        )

    async def transfer(self, registration: Registration, person: PersonDetails, caller: Caller) -> Answer:
        """Hands the seats on to a colleague. Raises Problem 409, 422 or 503."""
        common = self.common("transfer", registration.event_id, [registration.id, person], caller)
        command = Transfer(**common, registration_id=registration.id, to_id=self._ids(), person=person)
        return await self.ask(registration.event_id, command, caller)

    async def decide_requirement(
        self,
        event_id: str,
        requirement: str,
        state: RequirementState,
        caller: Caller,
        *,
        registration_id: str | None = None,
        email: str | None = None,
        number: str | None = None,
        decided_at: datetime | None = None,
    ) -> Answer:
        """What another organisation decided, by hand or from a file: somebody is named by registration, e-mail or number."""
        whom = [registration_id, email, number, decided_at and decided_at.isoformat()]
        command = DecideRequirement(
            **self.common("requirement", event_id, [requirement, state.value, whom], caller),
            requirement=requirement,
            state=state,
            registration_id=registration_id,
            email=email,
            number=number,
            decided_at=decided_at,
        )
        return await self.ask(event_id, command, caller)

    async def decide_requirements(
        self, event_id: str, requirement: str, rows: Sequence[DecidedRow], caller: Caller
    ) -> list[Answer]:
        """What another organisation decided on each of many people, in order; a refusal is an answer like any other. Who is
        named by e-mail and by number is known by either from then on. Asked twice, the second changes nothing. Raises
        Problem 503 where the desk is asked too much."""
        answers: list[Answer] = []
        for start in range(0, len(rows), AT_ONCE):
            asked = (
                asyncio.gather(*(self._desks.ask(event_id, c) for c in self._by_each_name(requirement, row, caller)))
                for row in rows[start : start + AT_ONCE]
            )
            try:
                for of_row in await asyncio.gather(*asked):
                    answers.append(next((answer for answer in of_row if answer.registration_id), of_row[0]))
            except Overloaded as error:
                raise overloaded("Too much at once; send the file again.") from error
        return answers

    def _by_each_name(self, requirement: str, row: DecidedRow, caller: Caller) -> list[DecideRequirement]:
        return [
            DecideRequirement(
                id=self._ids(),
                by=caller.who.value,
                correlation_id=correlation_id(),
                requirement=requirement,
                state=row.state,
                email=email,
                number=number,
                decided_at=row.decided_at,
            )
            for email, number in ((row.email, None), (None, row.number))
            if email is not None or number is not None
        ]

    async def set_codes(self, event_id: str, codes: Sequence[Code], caller: Caller) -> Answer:
        """Makes invitation codes, or changes their rules: all or none. Raises Problem 404, 409, 422 or 503."""
        asked = [[code.id, repr(code)] for code in codes]
        command = SetCodes(**self.common("codes", event_id, asked, caller), codes=tuple(codes))
        return await self.ask(event_id, command, caller)

    async def revoke_code(self, event_id: str, code: str, caller: Caller) -> Answer:
        """The code cannot be used any more. Raises Problem 404, 409, 422 or 503."""
        command = RevokeCode(**self.common("revokecode", event_id, code, caller), code=code)
        return await self.ask(event_id, command, caller)

    def common(self, operation: str, event_id: str, asked: object, caller: Caller) -> Common:
        """The common fields of the command that `operation` makes of `asked`: everything that was said, as JSON data and
        models of it (an id of the path too), since the same key with anything else is a mistake."""
        key = caller.key
        return {
            "id": _key_id(key, event_id, caller.who) if key else self._ids(),
            "by": caller.who.value,
            "correlation_id": correlation_id(),
            "repeatable": key is not None,
            "fingerprint": _fingerprint(operation, asked) if key else None,
        }

    async def ask(self, event_id: str, command: Command, caller: Caller) -> Answer:
        """The desk's answer. Raises Problem 404, 409 (with all reasons, or while the same key runs), 422 or 503."""
        if caller.key is None or caller.waits:
            return await self._answer(event_id, command)
        with self._running.one(command.id):
            return await self._answer(event_id, command)

    async def _answer(self, event_id: str, command: Command) -> Answer:
        try:
            answer = await self._desks.ask(event_id, command)
        except Overloaded as error:
            raise overloaded("Too many people at once; try again.") from error
        if not answer.reasons:
            return answer
        errors = [{"field": reason.field, "code": reason.code, "message": reason.message} for reason in answer.reasons]
        first = answer.reasons[0].code
        if first == "key-reused":
            raise Problem(422, first, "The Idempotency-Key was used for another request.", errors)
        if first in _NOT_THERE:
            raise Problem(404, first, "The request was refused.", errors)
        raise Problem(409, "refused", "The request was refused.", errors)


_NOT_THERE = ("unknown-event", "unknown-registration")
"""First reasons of a request about something that is not there."""


def said(asked: BaseModel) -> object:
    """What was said, without what was left at its default: a field that is added one day changes no fingerprint."""
    return asked.model_dump(mode="json", exclude_defaults=True)


def _plain(value: object) -> object:
    """A command's field as JSON data, for its fingerprint."""
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def overloaded(detail: str) -> Problem:
    """The desk has more to do than it can answer soon."""
    return Problem(503, "overloaded", detail, headers={"Retry-After": "5"})


def _key_id(key: str, event_id: str, who: Who) -> str:
    """Keys are those of who asks: nobody gets an answer that was an organiser's, or takes an organiser's key."""
    return hashlib.sha256(f"key\n{who.value}\n{event_id}\n{key}".encode(errors="surrogateescape")).hexdigest()


def _fingerprint(operation: str, asked: object) -> str:
    return hashlib.sha256(json.dumps([operation, asked], sort_keys=True, default=said).encode()).hexdigest()
