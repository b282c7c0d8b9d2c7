"""One person on the desk: everything that stands, everything that can be done about it, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from services.registration.asking import Requests
from services.registration.consents import Consent, text_of, worded_otherwise, wordings
from services.registration.history import decisions, names_of
from services.registration.organiser.acts import DECISIONS, Acts
from services.registration.organiser.decided import in_words
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, reader_of, registration_of
from services.registration.organiser.words import Reader, Words
from services.registration.registrations import Held, Registration
from services.registration.seats import EVENT
from services.registration.store import Store
from shared.clock import Clock, Ids
from shared.contracts.registration import Cause, Outcome, SeatState
from shared.contracts.scheduling import Admission, Question, Status
from shared.web.problems import Problem

_PERSON = f"{OF_EVENT}/people/{{registration_id:[A-Za-z0-9_-]{{1,80}}}}"


class PersonPages:
    """`/organise/attendees/{event_id}/people/{registration_id}`."""

    def __init__(self, requests: Requests, store: Store, clock: Clock, ids: Ids) -> None:
        self._store, self._ids = store, ids
        self._acts = Acts(requests, clock)

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [web.get(_PERSON, gate.page(self.show)), web.post(_PERSON, gate.form(self.act))]

    async def show(self, visit: Visit) -> web.Response:
        """How the person stands."""
        return await self._page(visit, await registration_of(visit, self._store))

    async def act(self, visit: Visit) -> web.Response:
        """Does what a button says, then shows how the person stands; whoever took the seats over, after a transfer."""
        registration = await registration_of(visit, self._store)
        act = visit.said("act")
        try:
            answer = await self._acts.do(visit, registration)
        except Problem as error:
            if error.status not in (400, 409, 422) or not (error.errors or error.code == "not-sure"):
                raise
            return await self._page(visit, registration, error)
        done = "again" if answer.outcome is Outcome.DUPLICATE else act
        to = answer.registration_id if act == "transfer" and answer.registration_id else registration.id
        return visit.go(f"{visit.desk}/people/{to}", done=done)

    async def _page(self, visit: Visit, registration: Registration, error: Problem | None = None) -> web.Response:
        reader = await reader_of(visit, self._store)
        problems: list[str] = []
        if error is not None:
            problems = reader.problems(error.errors, visit.ticked("sessions")) or [visit.words(error.detail)]
        seats = await self._store.seats(registration.event_id)
        has = [held for held in registration.choices if held.state is not SeatState.CANCELLED]
        last = len(has) == 1 and seats.choice_needed
        positions = {name: n for (name, _), n in (await self._store.positions(registration)).items()}
        context = {
            "reader": reader,
            "one": registration,
            "person": f"{visit.desk}/people/{registration.id}",
            "key": self._ids(),
            "done": _done(visit.words).get(visit.request.query.get("done", ""), ""),
            "problems": problems,
            "facts": list(_facts(registration, reader)),
            "stands": _stands(registration, reader, positions.get(EVENT)),
            "choices": [_choice(held, registration, reader, positions, last=last) for held in registration.choices],
            "awaits_yes": _awaits_yes(registration, reader.event.admission),
            "requirements": [
                (needed, reader.text(needed.name), registration.requirements.get(needed.id, "missing"))
                for needed in reader.event.requirements
            ],
            "decisions": [state.value for state in DECISIONS],
            "answers": list(_answers(registration, reader)),
            "typed": visit.typed(),
            "sessions": _sessions(registration, reader, visit.ticked("sessions") if error is not None else None),
            "told": in_words(await decisions(self._store, registration.event_id, names_of(registration)), reader),
        }
        return visit.page("person.html", context, error.status if error is not None else 200)


def _awaits_yes(item: Registration | Held, admission: Admission | None) -> bool:
    """Whether a yes is needed that was not said yet; something else may be missing as well."""
    needed = item.cause is Cause.APPROVAL or (admission is not None and admission.approval)
    return item.state is SeatState.PENDING and needed and not item.approved


def _facts(one: Registration, reader: Reader) -> Iterator[tuple[str, str]]:
    """Labels and values of what is known of the person."""
    words, person = reader.words, one.person
    if not one.erased:
        yield words("E-mail"), person.email
    if person.affiliation:
        yield words("Organisation"), person.affiliation
    if person.audience:
        yield words("Kind of attendee"), reader.kind(person.audience)
    if person.country:
        yield words("Country"), reader.country(person.country)
    yield words("Language of the mails"), reader.tongue(person.language)
    if one.code:
        yield words("Invitation code"), one.code
    if one.member:
        yield words("Member"), words("yes")
    for id_, number in one.numbers.items():
        yield words("Number at {name}").format(name=reader.requirement(id_)), number
    yield words("Registered"), reader.moment(one.registered_at)


def _stands(one: Registration, reader: Reader, position: int | None) -> list[str]:
    """What else there is to say of how the registration stands."""
    words = reader.words
    until: list[tuple[datetime | None, str]] = [
        (one.until, words("The seat is offered until {moment}.")),
        (one.hold_until, words("The seat is held until {moment}.")),
        (one.reconfirm_until, words("The person is asked to say until {moment}: I still come.")),
        (one.attended_at, words("Checked in: {moment}.")),
    ]
    said = [reader.causes[one.cause.value]] if one.cause else []
    said += [words("Position in the waiting list: {number}.").format(number=position)] if position else []
    return said + [sentence.format(moment=reader.moment(at)) for at, sentence in until if at is not None]


def _choice(
    held: Held, one: Registration, reader: Reader, positions: Mapping[str, int], *, last: bool
) -> dict[str, Any]:
    """A session of the registration, with what can be done about it. `last`: without the only one that is left, it ends."""
    words, position, session = reader.words, positions.get(held.session_id), reader.session.get(held.session_id)
    said = [reader.causes[held.cause.value]] if held.cause else []
    if held.held and held.state is SeatState.PENDING:
        said.append(words("A seat is held meanwhile."))
    if position:
        said.append(words("Position in the waiting list: {number}.").format(number=position))
    if held.until is not None:
        said.append(words("The seat is offered until {moment}.").format(moment=reader.moment(held.until)))
    for other in held.instead_of:
        said.append(words("It is offered instead of: {session}.").format(session=reader.line(other)))
    if held.attended_at is not None:
        said.append(words("Checked in: {moment}.").format(moment=reader.moment(held.attended_at)))
    return {
        "id": held.session_id,
        "title": reader.line(held.session_id),
        "state": held.state.value,
        "said": said,
        "awaits_yes": one.active and _awaits_yes(held, session.admission if session is not None else None),
        "can_check_in": held.state is SeatState.CONFIRMED and one.state in (SeatState.CONFIRMED, SeatState.ATTENDED),
        "is_here": held.state is SeatState.ATTENDED,
        "last": last,
        "can_end": one.active and held.state is not SeatState.CANCELLED,
    }


def _answers(one: Registration, reader: Reader) -> Iterator[tuple[str, str]]:
    """Questions with what was answered; a consent with the moment it was given, and the wording."""
    asked = reader.questions()
    for id_, answer in one.answers.items():
        label = reader.text(asked[id_].label) if id_ in asked else id_
        given = one.consents.get(id_)
        yield label, _agreed(reader, answer, given, asked.get(id_)) if given else reader.answer(answer)


def _agreed(reader: Reader, answer: str | bool, given: Consent, question: Question | None) -> str:
    """When somebody agreed, and to what; where it is worded otherwise by now, that too."""
    words, said = reader.words, f"{reader.answer(answer)}, {reader.moment(given.at)}"
    text = text_of(given, question)
    if text is None:
        said = f"{said}. {words('The wording at that time was not kept.')}"
    else:
        said = f"{said}. {words('Agreed to: “{text}”').format(text=text)}"
    if worded_otherwise(given, wordings(question) if question is not None else ()):
        said = f"{said} {words('It is worded otherwise since.')}"
    return said


def _sessions(one: Registration, reader: Reader, ticked: Sequence[str] | None) -> list[tuple[Any, bool]]:
    """The sessions to choose from, and whether each is ticked."""
    has = {held.session_id for held in one.choices if held.state is not SeatState.CANCELLED}
    return [
        (session, session.id in (has if ticked is None else ticked))
        for session in reader.chosen
        if session.id in has or session.status is Status.SCHEDULED
    ]


def _done(words: Words) -> dict[str, str]:
    """What is said once a button has done its work."""
    return {
        "approve": words("You said yes."),
        "decline": words("You said no; the person is told."),
        "cancel": words("It is given up; seats go to those who wait."),
        "sessions": words("The sessions are changed."),
        "check-in": words("Checked in."),
        "undo-check-in": words("The check-in is taken back."),
        "requirement": words("Your decision on the registration elsewhere counts from now on."),
        "transfer": words("The seats are this person's now."),
        "relink": words("All private addresses made before are void."),
        "erase": words("The person is forgotten."),
        "again": words("This form was sent twice, and done once."),
    }
