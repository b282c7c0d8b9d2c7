"""The attendee's pages: the form, the result with a state per session, the private page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from services.registration.asking import Caller, ChangeRequest, Requests, Who
from services.registration.registrations import Registration
from services.registration.seats import Line
from services.registration.store import Store
from services.registration.wording import said
from shared.clock import Clock, Ids
from shared.config import Settings
from shared.contracts.cloudevent import problems_of
from shared.contracts.registration import RegistrationRequested, SeatState
from shared.contracts.scheduling import Audience, EventState, Link, Question, SessionState, Status
from shared.links import FEED, Links, feed_path, manage_path
from shared.web.access import limit_everybody_else
from shared.web.i18n import translations
from shared.web.limits import Kind
from shared.web.pages import language_of, render
from shared.web.problems import Problem, read_form


class Pages:
    """The routes of people with a browser."""

    def __init__(
        self, requests: Requests, store: Store, links: Links, settings: Settings, clock: Clock, ids: Ids
    ) -> None:
        self._requests, self._store, self._links = requests, store, links
        self._settings, self._clock, self._ids = settings, clock, ids

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/events/{event_id}/register", self._form),
            web.post("/events/{event_id}/register", self._register),
            web.get("/r/{token}", self._private),
            web.post("/r/{token}/sessions", self._change),
            web.post("/r/{token}/cancel", self._cancel),
        ]

    async def _form(self, request: web.Request) -> web.Response:
        return await self._show_form(request, {}, [], [], 200)

    async def _show_form(
        self,
        request: web.Request,
        filled: dict[str, str],
        chosen: Sequence[str],
        errors: Sequence[dict[str, str]],
        status: int,
    ) -> web.Response:
        event = await self._event(request)
        seats = await self._store.seats(event.id)
        now = self._clock()
        published = await self._store.sessions(event.id)
        language = language_of(request)
        sessions = [
            {"state": session, "seats": _seats_left(seats.sessions.get(session.id)), "chosen": session.id in chosen}
            for session in published
            if session.by_choice and _open(seats.sessions.get(session.id), now)
        ]
        context = {
            "event": event,
            "sessions": sessions,
            "event_seats": _seats_left(seats.event),
            "open": _open(seats.event, now),
            "filled": filled,
            "errors": said(
                errors, chosen, event, {s.id: s for s in published}, language, translations(language).gettext
            ),
            "key": filled.get("key") or self._ids(),
        }
        return render(request, "registration/form.html", context, status, private=bool(filled))

    async def _register(self, request: web.Request) -> web.Response:
        limit_everybody_else(request, Kind.REGISTER)
        event = await self._event(request)
        form = await read_form(request)
        filled = {name: value for name, value in form.items() if isinstance(value, str)}
        chosen = [value for value in form.getall("sessions", []) if isinstance(value, str)]
        wanted = ("name", "email", "language", "audience", "affiliation", "country")
        person = {name: filled[name].strip() for name in wanted if filled.get(name, "").strip()}
        if "country" in person:
            person["country"] = person["country"].upper()
        try:
            answers = _answers([*event.questions, *await self._questions(event, chosen)], filled)
            asked = RegistrationRequested.model_validate(
                {"event_id": event.id, "person": person, "sessions": chosen, "answers": answers}
            )
            # The key of the form and what was filled in: sent twice it is one request, filled in anew it is another.
            said_now = [
                *sorted(person.values()),
                *chosen,
                *(f"{id_} {answer}" for id_, answer in sorted(answers.items())),
            ]
            digest = hashlib.sha256("\n".join([filled.get("key", ""), *said_now]).encode())
            answer = await self._requests.register(asked, Caller(Who.ATTENDEE, digest.hexdigest(), waits=True))
        except ValidationError as error:
            return await self._show_form(request, filled, chosen, problems_of(error), 422)
        except Problem as error:
            if error.status != 409:
                raise
            # A new key: the refused attempt's answer is kept under the old one.
            return await self._show_form(request, filled | {"key": ""}, chosen, error.errors, 409)
        titles = {session.id: session for session in await self._store.sessions(event.id)}
        context = {"event": event, "answer": answer, "sessions": titles, "email": asked.person.email}
        return render(request, "registration/result.html", context, 201, private=True)

    async def _private(self, request: web.Request) -> web.Response:
        return await self._show_private(request, await self._registration(request))

    async def _change(self, request: web.Request) -> web.Response:
        limit_everybody_else(request, Kind.PRIVATE)
        registration = await self._registration(request)
        event = await self._store.event(registration.event_id)
        if event is None:
            raise Problem(404, "unknown-event", "There is nothing at this address.")
        form = await read_form(request)
        filled = {name: value for name, value in form.items() if isinstance(value, str)}
        chosen = [value for value in form.getall("sessions", []) if isinstance(value, str)]
        answers = _answers(await self._questions(event, chosen), filled)
        try:
            asked = ChangeRequest.model_validate({"sessions": chosen, "answers": answers})
            await self._requests.change(registration, asked, Caller(Who.ATTENDEE))
        except ValidationError as error:
            return await self._show_private(request, registration, filled, chosen, problems_of(error), 422)
        except Problem as error:
            if error.status != 409:
                raise
            return await self._show_private(request, registration, filled, chosen, error.errors, 409)
        token = request.match_info["token"]
        raise web.HTTPSeeOther(f"{manage_path(token)}?lang={language_of(request)}")

    async def _questions(self, event: EventState, chosen: Sequence[str]) -> list[Question]:
        """The questions of the sessions that are chosen."""
        return [q for s in await self._store.sessions(event.id) if s.id in chosen for q in s.questions]

    async def _show_private(
        self,
        request: web.Request,
        registration: Registration,
        filled: Mapping[str, str] | None = None,
        chosen: Sequence[str] | None = None,
        errors: Sequence[dict[str, str]] = (),
        status: int = 200,
    ) -> web.Response:
        event = await self._store.event(registration.event_id)
        if event is None:
            raise Problem(404, "unknown-event", "There is nothing at this address.")
        sessions = await self._store.sessions(event.id)
        held = {choice.session_id: choice for choice in registration.choices}
        has = {id_ for id_, choice in held.items() if choice.state is not SeatState.CANCELLED}
        seats, now, language = await self._store.seats(event.id), self._clock(), language_of(request)
        feed = feed_path(self._links.token(FEED, registration.id, registration.link_generation))
        base = self._settings.public_url.rstrip("/")
        seated = registration.state in (SeatState.CONFIRMED, SeatState.ATTENDED)
        context = {
            "event": event,
            "registration": registration,
            "chosen": [(session, held[session.id]) for session in sessions if session.id in held],
            "positions": {name: n for (name, _), n in (await self._store.positions(registration)).items()},
            "feed": base + feed,
            "webcal": "webcal://" + base.partition("://")[2] + feed,
            "cancel_path": f"{manage_path(request.match_info['token'])}/cancel",
            "change_path": f"{manage_path(request.match_info['token'])}/sessions",
            "others": [
                {
                    "state": session,
                    "seats": _seats_left(seats.sessions.get(session.id)),
                    "chosen": session.id in (has if chosen is None else chosen),
                }
                for session in sessions
                if session.by_choice and (session.id in has or _open(seats.sessions.get(session.id), now))
            ]
            if len([s for s in sessions if s.by_choice]) > 1
            else [],
            "filled": filled or {f"q.{id_}": _as_filled(answer) for id_, answer in registration.answers.items()},
            "errors": said(
                errors, chosen or [], event, {s.id: s for s in sessions}, language, translations(language).gettext
            ),
            "requirements": event.requirements if registration.active else [],
            "material": lambda session: _for_attendees([*session.links, *session.outcome]),
            "has_seat": lambda state: state in (SeatState.CONFIRMED, SeatState.ATTENDED),
            "event_material": [link for link in event.links if link.audience is Audience.REGISTRANTS] if seated else [],
            "for_everyone": [session for session in sessions if seated and _has_private_material(session)],
        }
        return render(request, "registration/private.html", context, status, private=True)

    async def _cancel(self, request: web.Request) -> web.Response:
        limit_everybody_else(request, Kind.PRIVATE)
        registration = await self._registration(request)
        form = await read_form(request)
        sessions = [value for value in form.getall("session", []) if isinstance(value, str)]
        if not sessions and form.get("all") != "yes":
            raise Problem(400, "nothing-named", "Choose what to cancel.")
        await self._requests.cancel(registration, sessions, Caller(Who.ATTENDEE))
        token = request.match_info["token"]
        # See other: reloading the page must not send the form again.
        raise web.HTTPSeeOther(f"{manage_path(token)}?lang={language_of(request)}")

    async def _registration(self, request: web.Request) -> Registration:
        registration = await self._store.registration_by_token(request.match_info["token"])
        if registration is None:
            raise Problem(404, "unknown-address", "There is nothing at this address.")
        return registration

    async def _event(self, request: web.Request) -> EventState:
        event = await self._store.event(request.match_info["event_id"])
        if event is None:
            raise Problem(404, "unknown-event", "There is nothing at this address.")
        return event


def _for_attendees(links: Sequence[Link]) -> list[Link]:
    """What whoever has a seat may see: public material and that for registrants."""
    return [link for link in links if link.audience in (Audience.PUBLIC, Audience.REGISTRANTS)]


def _answers(questions: Sequence[Question], filled: Mapping[str, str]) -> dict[str, str]:
    """What was answered in a form; a field that was emptied is an empty answer."""
    return {question.id: filled.get(f"q.{question.id}", "").strip() for question in questions}


def _as_filled(answer: str | bool) -> str:
    return ("yes" if answer else "no") if isinstance(answer, bool) else answer


def _has_private_material(session: SessionState) -> bool:
    """Whether a session that nobody chooses has something for those who registered."""
    private = [link for link in (*session.links, *session.outcome) if link.audience is Audience.REGISTRANTS]
    return not session.by_choice and bool(private or session.join_url) and session.status is Status.SCHEDULED


def _open(line: Line | None, now: datetime) -> bool:
    if line is None or not line.rules.scheduled or not line.rules.open:
        return False
    rules = line.rules
    return (rules.opens is None or now >= rules.opens) and all(
        bound is None or now < bound for bound in (rules.closes, rules.starts)
    )


def _seats_left(line: Line | None) -> dict[str, Any]:
    if line is None:
        return {"free": None, "waiting": 0, "full": False}
    return {"free": line.free, "waiting": line.waiting, "full": not any(map(line.admits, line.kinds or (None,)))}
