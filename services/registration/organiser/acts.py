"""Everything that an organiser does about one registration by hand, each as one command to the desk of seats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.registration.asking import ChangeRequest, Requests
from services.registration.commands import Answer, Approve, CheckIn, Decline, Erase, OfOne, Relink, UndoCheckIn
from services.registration.organiser.visit import Visit, meant
from services.registration.registrations import Registration
from shared.clock import Clock
from shared.contracts.registration import PersonDetails, RequirementState
from shared.web.problems import Problem, validate

Act = Callable[[Visit, Registration], Awaitable[Answer]]

DECISIONS = (RequirementState.GRANTED, RequirementState.REFUSED, RequirementState.REVOKED)
"""What can be said by hand of a registration elsewhere."""


class Acts:
    """What the buttons of a person's page do. Each raises Problem 409 with all reasons where it is refused."""

    def __init__(self, requests: Requests, clock: Clock) -> None:
        self._requests, self._clock = requests, clock
        self._acts: dict[str, Act] = {
            "approve": self._of_one(Approve),
            "decline": self._decline,
            "cancel": self._cancel,
            "sessions": self._sessions,
            "check-in": self._check_in,
            "undo-check-in": self._undo_check_in,
            "requirement": self._requirement,
            "transfer": self._transfer,
            "relink": self._relink,
            "erase": self._erase,
        }

    async def do(self, visit: Visit, registration: Registration) -> Answer:
        """Does what the form asks for. Raises Problem 400 for what is no act, or is not said to be meant."""
        act = self._acts.get(visit.said("act"))
        if act is None:
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        return await act(visit, registration)

    def _of_one(self, command: type[OfOne]) -> Act:
        async def act(visit: Visit, registration: Registration) -> Answer:
            sessions = (visit.said("session"),) if visit.said("session") else ()
            caller = visit.caller(visit.said("act"), *sessions)
            return await self._requests.decide(command, registration, caller, sessions=sessions)

        return act

    async def _decline(self, visit: Visit, registration: Registration) -> Answer:
        meant(visit)
        return await self._of_one(Decline)(visit, registration)

    async def _cancel(self, visit: Visit, registration: Registration) -> Answer:
        session = visit.said("session")
        meant(visit, "sure" if session else "all")
        return await self._requests.cancel(registration, [session] if session else [], visit.caller("cancel", session))

    async def _sessions(self, visit: Visit, registration: Registration) -> Answer:
        sessions = visit.ticked("sessions")
        asked = validate(ChangeRequest, {"sessions": sessions, "answers": answers_in(visit)})
        said = [f"{id_} {answer}" for id_, answer in sorted(asked.answers.items())]
        return await self._requests.change(registration, asked, visit.caller("sessions", *sessions, *said))

    async def _check_in(self, visit: Visit, registration: Registration) -> Answer:
        session = visit.said("session") or None
        # Without a key: the moment is a part of what is asked, and a second time is told as such.
        caller = visit.organiser()
        return await self._requests.decide(CheckIn, registration, caller, at=self._clock(), session_id=session)

    async def _undo_check_in(self, visit: Visit, registration: Registration) -> Answer:
        session = visit.said("session") or None
        return await self._requests.decide(UndoCheckIn, registration, visit.organiser(), session_id=session)

    async def _requirement(self, visit: Visit, registration: Registration) -> Answer:
        requirement, state = visit.said("requirement"), visit.said("state")
        if state not in DECISIONS:
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        if state != RequirementState.GRANTED:
            meant(visit)
        return await self._requests.decide_requirement(
            registration.event_id,
            requirement,
            RequirementState(state),
            visit.caller("requirement", requirement, state),
            registration_id=registration.id,
        )

    async def _transfer(self, visit: Visit, registration: Registration) -> Answer:
        person = person_in(visit)
        caller = visit.caller("transfer", *sorted(map(str, person.model_dump(exclude_none=True).values())))
        return await self._requests.transfer(registration, person, caller)

    async def _relink(self, visit: Visit, registration: Registration) -> Answer:
        return await self._requests.decide(Relink, registration, visit.caller("relink"))

    async def _erase(self, visit: Visit, registration: Registration) -> Answer:
        meant(visit)
        return await self._requests.decide(Erase, registration, visit.caller("erase"))


def person_in(visit: Visit) -> PersonDetails:
    """The person of a form. Raises Problem 422 that names each field."""
    wanted = ("name", "email", "language", "affiliation", "country")
    person = {name: said for name in wanted if (said := visit.said(f"person.{name}"))}
    if "country" in person:
        person["country"] = person["country"].upper()
    try:
        return validate(PersonDetails, person)
    except Problem as error:
        errors = [{**each, "field": f"person.{each['field']}"} for each in error.errors]
        raise Problem(error.status, error.code, error.detail, errors) from error


def answers_in(visit: Visit) -> dict[str, str]:
    """What was answered for sessions that are chosen; an empty field says nothing."""
    typed = visit.typed()
    return {name.removeprefix("q."): said.strip() for name, said in typed.items() if name[:2] == "q." and said.strip()}
