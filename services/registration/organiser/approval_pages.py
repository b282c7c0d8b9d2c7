"""Who waits for an organiser's yes: the list, and a yes or no to many at once. One that is refused never stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.registration.asking import Requests
from services.registration.commands import Approve, Decline, OfOne
from services.registration.organiser.filters import Filter
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, reader_of
from services.registration.organiser.words import Reader
from services.registration.registrations import Registration
from services.registration.store import Store
from shared.clock import Ids
from shared.contracts.registration import Cause, SeatState
from shared.web.problems import Problem

SHOWN = 100
"""How many people a page shows, and how many are decided at once."""

_APPROVAL = f"{OF_EVENT}/approval"
_COMMANDS: dict[str, type[OfOne]] = {"approve": Approve, "decline": Decline}


@dataclass(frozen=True)
class Decided:
    """What became of one of many: whom it is about, whether it was done, and what stands now, or why not."""

    name: str
    done: bool
    said: tuple[str, ...]


class ApprovalPages:
    """`/organise/attendees/{event_id}/approval`."""

    def __init__(self, requests: Requests, store: Store, ids: Ids) -> None:
        self._requests, self._store, self._ids = requests, store, ids

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [web.get(_APPROVAL, gate.page(self.show)), web.post(_APPROVAL, gate.form(self.decide))]

    async def show(self, visit: Visit) -> web.Response:
        """Those who wait, who came first on top."""
        return await self._page(visit, await reader_of(visit, self._store), visit.request.query.get("cursor"), ())

    async def decide(self, visit: Visit) -> web.Response:
        """A yes or no to all that are ticked, each for itself; told one by one."""
        reader = await reader_of(visit, self._store)
        command = _COMMANDS.get(visit.said("act"))
        if command is None:
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        ticked = list(dict.fromkeys(visit.ticked("waits")))[:SHOWN]
        # Asked all at once, they are one round of the desk.
        decided = await asyncio.gather(*(self._one(visit, reader, command, item) for item in ticked))
        return await self._page(visit, reader, None, decided, nothing=not ticked)

    async def _one(self, visit: Visit, reader: Reader, command: type[OfOne], item: str) -> Decided:
        id_, _, session = item.partition("/")
        registration = await self._store.registration(id_)
        if registration is None or registration.event_id != visit.event_id:
            return Decided(id_, False, (reader.reason("unknown-registration", ""),))
        name = registration.person.name
        if session:
            name = visit.words("{name}, {session}").format(name=name, session=reader.line(session))
        try:
            sessions = (session,) if session else ()
            caller = visit.caller(visit.said("act"), item)
            answer = await self._requests.decide(command, registration, caller, sessions=sessions)
        except Problem as error:
            return Decided(
                name, False, tuple(reader.problems(error.errors, (session,))) or (visit.words(error.detail),)
            )
        state = next((c.state for c in answer.choices if c.session_id == session), answer.state)
        return Decided(name, True, (reader.states[state.value],) if state else ())

    async def _page(
        self, visit: Visit, reader: Reader, after: str | None, decided: Any, *, nothing: bool = False
    ) -> web.Response:
        wanted = Filter(cause=Cause.APPROVAL, state_of_cause=SeatState.PENDING)
        people = await self._store.registrations(visit.event_id, after, SHOWN + 1, wanted=wanted)
        context = {
            "reader": reader,
            "key": self._ids(),
            "decided": decided,
            "nothing": nothing,
            "waiting": [entry for one in people[:SHOWN] for entry in _entries(one, reader)],
            "next": people[SHOWN - 1].id if len(people) > SHOWN else "",
        }
        return visit.page("approval.html", context)


def _entries(one: Registration, reader: Reader) -> Iterator[dict[str, Any]]:
    """What of a registration waits for a yes: the whole of it, or sessions."""
    person = {
        "id": one.id,
        "name": one.person.name,
        "email": one.person.email,
        "since": reader.moment(one.registered_at),
    }
    chosen = [held for held in one.choices if held.state is not SeatState.CANCELLED]
    if one.state is SeatState.PENDING and one.cause is Cause.APPROVAL:
        what = [held.session_id for held in chosen]
        yield {**person, **_waiting(one.id, one, what, reader)}
        return
    for held in chosen:
        if held.state is SeatState.PENDING and held.cause is Cause.APPROVAL:
            yield {**person, **_waiting(f"{one.id}/{held.session_id}", one, [held.session_id], reader)}


def _waiting(value: str, one: Registration, sessions: Sequence[str], reader: Reader) -> dict[str, Any]:
    """What is waited for, and what there is to decide it by: who the person is, and the answers to the event's questions and
    to those of the sessions."""
    words, person = reader.words, one.person
    known = [
        (words("Organisation"), person.affiliation or ""),
        (words("Kind of attendee"), reader.kind(person.audience)),
        (words("Country"), reader.country(person.country)),
        (words("Member"), words("yes") if one.member else ""),
    ]
    asked = [*reader.event.questions]
    asked += [question for id_ in sessions if id_ in reader.session for question in reader.session[id_].questions]
    known += [
        (reader.text(question.label), reader.answer(one.answers[question.id]))
        for question in asked
        if question.id in one.answers and question.kind != "consent"
    ]
    facts = [(label, said) for label, said in known if said]
    return {"value": value, "what": [reader.line(id_) for id_ in sessions], "facts": facts}
