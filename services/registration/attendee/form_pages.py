"""The form with which a person registers, and the page that says what became of it.

Nobody learns here who is registered: an address that has a registration gets the page of a newcomer, and a mail that says
what stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web
from pydantic import ValidationError

from services.registration.asking import Requests
from services.registration.attendee.boxes import Boxes
from services.registration.attendee.countries import countries, country_code
from services.registration.attendee.filled import Filled, filled_in
from services.registration.attendee.fullness import Openness, fullness, openness, openness_of_form
from services.registration.attendee.needs import read_by_any
from services.registration.attendee.standing import Standing, stand_answered, stand_chosen
from services.registration.commands import Answer
from services.registration.store import Store
from services.registration.wording import Wording
from shared.clock import Clock, Ids
from shared.contracts.cloudevent import problems_of
from shared.contracts.registration import RegistrationRequested
from shared.contracts.scheduling import EventState, RequirementPolicy, SessionState
from shared.web.access import limit_everybody_else
from shared.web.limits import Kind
from shared.web.pages import language_of, render
from shared.web.problems import Problem

_PERSON = ("name", "email", "language", "audience", "affiliation", "country")
_LONGEST_CODE = 80


class FormPages:
    """The routes of whoever wants to come."""

    def __init__(self, requests: Requests, store: Store, clock: Clock, ids: Ids) -> None:
        self._requests, self._store, self._clock, self._ids = requests, store, clock, ids

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/events/{event_id}/register", self.form),
            web.post("/events/{event_id}/register", self.register),
        ]

    async def form(self, request: web.Request) -> web.Response:
        """The empty form; a code in the address (`?code=`) is filled in."""
        code = request.query.get("code", "")[:_LONGEST_CODE]
        return await self._show(request, await self._event(request), Filled({"code": code} if code else {}), [], 200)

    async def register(self, request: web.Request) -> web.Response:
        """What became of the form: a state for each session, or what is wrong beside each field."""
        limit_everybody_else(request, Kind.REGISTER)
        event = await self._event(request)
        filled = await filled_in(request)
        person = filled.texts(_PERSON)
        if "country" in person:
            person["country"] = country_code(person["country"])
        sessions = await self._store.sessions(event.id)
        asked_of = [*event.questions, *(q for s in sessions if s.id in filled.chosen for q in s.questions)]
        raw = {
            "event_id": event.id,
            "person": person,
            "sessions": list(filled.chosen),
            "answers": filled.answers(asked_of),
            "numbers": filled.numbers(event.requirements),
            "code": filled.text("code") or None,
        }
        try:
            asked = RegistrationRequested.model_validate(raw)
            answer = await self._requests.register(asked, filled.caller("register", language_of(request), asked_of))
        except ValidationError as error:
            return await self._show(request, event, filled, problems_of(error), 422)
        except Problem as error:
            if error.status != 409:
                raise
            # A new key: the refused attempt's answer is kept under the old one.
            again = Filled({**filled.fields, "key": ""}, filled.chosen)
            return await self._show(request, event, again, error.errors, 409)
        return self._result(request, event, sessions, answer, asked)

    async def _show(
        self, request: web.Request, event: EventState, filled: Filled, errors: Sequence[dict[str, str]], status: int
    ) -> web.Response:
        seats, now, language = await self._store.seats(event.id), self._clock(), language_of(request)
        published = await self._store.sessions(event.id)
        offered = [
            session
            for session in published
            if session.by_choice and openness(seats.sessions.get(session.id), now) is Openness.OPEN
        ]
        code = request.query.get("code", "")[:_LONGEST_CODE]
        open_, opens = openness_of_form(seats, now)
        code_needed = event.admission.code_needed or any(s.admission.code_needed for s in offered)
        context = {
            "event": event,
            "choices": [
                {
                    "session": session,
                    "seats": fullness(seats.sessions.get(session.id), seats.audiences, now),
                    "chosen": session.id in filled.chosen,
                }
                for session in offered
            ],
            "seats": fullness(seats.event, seats.audiences, now),
            "openness": open_.value,
            "opens": opens,
            "countries": countries(language),
            "policy": RequirementPolicy,
            "code_needed": code_needed,
            "takes_codes": code_needed or bool(filled.text("code") or await self._store.codes(event.id, limit=1)),
            "read_by_chairs": read_by_any(event, published),
            "filled": filled.fields,
            "boxes": Boxes(filled.fields, language, event.languages[0]),
            "errors": Wording(event, published, seats, language, now).said(errors, filled.chosen),
            "key": filled.fields.get("key") or self._ids(),
            "kept_query": f"&code={quote(code, safe='')}" if code else "",
        }
        return render(request, "registration/form.html", context, status, private=status != 200 or bool(code))

    @staticmethod
    def _result(
        request: web.Request,
        event: EventState,
        sessions: Sequence[SessionState],
        answer: Answer,
        asked: RegistrationRequested,
    ) -> web.Response:
        language = language_of(request)
        known = {session.id: session for session in sessions}
        standing = Standing(event, sessions, language)
        rows: list[dict[str, Any]] = [
            {
                "session": known[choice.session_id],
                "state": choice.state.value,
                "sentences": standing.in_session(stand_chosen(answer, choice)),
            }
            for choice in answer.choices
            if choice.session_id in known
        ]
        context = {
            "event": event,
            "answer": answer,
            "sentences": standing.at_event(stand_answered(answer)),
            "rows": rows,
            "email": asked.person.email,
            "policy": RequirementPolicy,
        }
        return render(request, "registration/result.html", context, 201, private=True)

    async def _event(self, request: web.Request) -> EventState:
        event = await self._store.event(request.match_info["event_id"])
        if event is None:
            raise Problem(404, "unknown-event", "There is nothing at this address.")
        return event
