"""What can be done on the private page: each form is one command, and its answer the page as it stands then.

Every form answers with "see other": reloading sends nothing again. Those that cannot be done twice carry a key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from services.registration.asking import Caller, ChangeRequest, Requests, Who
from services.registration.attendee.filled import Filled, filled_in
from services.registration.attendee.private_pages import PrivatePages
from services.registration.commands import Accept, Erase, GiveNumbers, Reconfirm, Relink
from services.registration.registrations import Registration
from services.registration.store import Store
from services.registration.wording import Fault
from shared.contracts.cloudevent import problems_of
from shared.contracts.registration import Numbers, PersonDetails, SeatState
from shared.contracts.scheduling import Question
from shared.links import MANAGE, Links, manage_path
from shared.web.access import limit_everybody_else
from shared.web.i18n import translations
from shared.web.limits import Kind
from shared.web.pages import language_of
from shared.web.problems import Problem

_ATTENDEE = Caller(Who.ATTENDEE)


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_TICK = _("Please tick the box first.")


class _NumbersGiven(BaseModel):
    numbers: Numbers


class _Handed(BaseModel):
    person: PersonDetails


class PrivateForms:
    """What whoever has the private address can do."""

    def __init__(self, requests: Requests, store: Store, links: Links, pages: PrivatePages) -> None:
        self._requests, self._store, self._links, self._pages = requests, store, links, pages

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/r/{token}/sessions", self.change),
            web.post("/r/{token}/answers", self.answer),
            web.post("/r/{token}/cancel", self.cancel),
            web.post("/r/{token}/accept", self.accept),
            web.post("/r/{token}/reconfirm", self.reconfirm),
            web.post("/r/{token}/numbers", self.give_numbers),
            web.post("/r/{token}/transfer", self.transfer),
            web.post("/r/{token}/new-address", self.relink),
            web.post("/r/{token}/forget", self.forget),
        ]

    async def change(self, request: web.Request) -> web.Response:
        """Other sessions, all at once or not at all."""
        registration, filled = await self._sent(request)
        sessions = await self._store.sessions(registration.event_id)
        questions = [q for s in sessions if s.id in filled.chosen for q in s.questions]
        raw = {
            "sessions": list(filled.chosen),
            "answers": filled.answers(questions),
            "code": filled.text("code") or None,
        }
        return await self._change(request, registration, filled, raw, questions)

    async def answer(self, request: web.Request) -> web.Response:
        """Answers to the event's questions, also to those that came after the registration."""
        registration, filled = await self._sent(request)
        event = await self._pages.event(registration)
        held = [one.session_id for one in registration.choices if one.state is not SeatState.CANCELLED]
        raw = {"sessions": held, "answers": filled.answers(event.questions)}
        return await self._change(request, registration, Filled(filled.fields, tuple(held)), raw, event.questions)

    async def cancel(self, request: web.Request) -> web.Response:
        """Gives up the registration, or one session: a seat, a place in line, or what was offered."""
        registration, filled = await self._sent(request)
        session = filled.text("session")
        if not session and filled.text("all") != "yes":
            raise Problem(400, "nothing-named", "Choose what to cancel.")
        asking = self._requests.cancel(registration, [session] if session else [], _ATTENDEE)
        return await self._done(request, registration, Filled(filled.fields, (session,)), asking, "given-up")

    async def accept(self, request: web.Request) -> web.Response:
        """Takes what is offered: the seat at the event or, where one is named, in a session."""
        registration, filled = await self._sent(request)
        session = filled.text("session")
        sessions = (session,) if session else ()
        asking = self._requests.decide(Accept, registration, filled.caller("accept"), sessions=sessions)
        return await self._done(request, registration, Filled(filled.fields, sessions), asking, "accepted")

    async def reconfirm(self, request: web.Request) -> web.Response:
        """I still come."""
        registration, filled = await self._sent(request)
        asking = self._requests.decide(Reconfirm, registration, _ATTENDEE)
        return await self._done(request, registration, filled, asking, "still-coming")

    async def give_numbers(self, request: web.Request) -> web.Response:
        """The numbers that other organisations gave."""
        registration, filled = await self._sent(request)
        event = await self._pages.event(registration)
        try:
            given = _NumbersGiven.model_validate({"numbers": filled.numbers(event.requirements)}).numbers
        except ValidationError as error:
            return await self._pages.show(request, registration, filled, problems_of(error), 422)
        if not given:
            raise self._see(request, request.match_info["token"])
        asking = self._requests.decide(GiveNumbers, registration, _ATTENDEE, numbers=given)
        return await self._done(request, registration, filled, asking, "numbers")

    async def transfer(self, request: web.Request) -> web.Response:
        """The seat goes to a colleague, who gets a mail and a private address of their own."""
        registration, filled = await self._sent(request)
        person = filled.texts(("name", "email", "language"))
        try:
            colleague = _Handed.model_validate({"person": person}).person
        except ValidationError as error:
            return await self._pages.show(request, registration, filled, problems_of(error), 422)
        if colleague.email == registration.person.email:
            own = {"field": "person.email", "code": "own-address", "message": "this is your own address"}
            return await self._pages.show(request, registration, filled, [own], 409)
        asking = self._requests.transfer(registration, colleague, filled.caller("transfer"))
        return await self._done(request, registration, filled, asking, "handed-on")

    async def relink(self, request: web.Request) -> web.Response:
        """All private addresses are replaced; goes on at the new one."""
        registration, filled = await self._sent(request)
        await self._requests.decide(Relink, registration, filled.caller("relink"))
        now = await self._store.registration(registration.id)
        generation = now.link_generation if now is not None else registration.link_generation + 1
        raise self._see(request, self._links.token(MANAGE, registration.id, generation), "new-address")

    async def forget(self, request: web.Request) -> web.Response:
        """The person is forgotten."""
        registration, filled = await self._sent(request)
        if filled.text("sure") != "yes":
            say = translations(language_of(request)).gettext
            missing = Fault(say("Your registration"), say(_TICK), "sure")
            return await self._pages.show_forget(request, registration, [missing], 422)
        await self._requests.decide(Erase, registration, _ATTENDEE)
        raise web.HTTPSeeOther(f"/r/forgotten?lang={language_of(request)}")

    async def _change(
        self,
        request: web.Request,
        registration: Registration,
        filled: Filled,
        raw: dict[str, Any],
        questions: Sequence[Question],
    ) -> web.Response:
        try:
            asked = ChangeRequest.model_validate(raw)
        except ValidationError as error:
            return await self._pages.show(request, registration, filled, problems_of(error), 422)
        caller = Caller(Who.ATTENDEE, language=language_of(request), shown=filled.shown(questions))
        asking = self._requests.change(registration, asked, caller)
        return await self._done(request, registration, filled, asking, request.path.rpartition("/")[2])

    async def _sent(self, request: web.Request) -> tuple[Registration, Filled]:
        limit_everybody_else(request, Kind.PRIVATE)
        return await self._pages.registration(request), await filled_in(request)

    async def _done(
        self, request: web.Request, registration: Registration, filled: Filled, asking: Awaitable[object], done: str
    ) -> web.Response:
        """The page as it stands after the command, saying that it is `done`, or with the reasons why nothing was changed."""
        try:
            await asking
        except Problem as error:
            if error.status != 409:
                raise
            stands = await self._store.registration(registration.id) or registration
            return await self._pages.show(request, stands, filled, error.errors, 409)
        raise self._see(request, request.match_info["token"], done)

    @staticmethod
    def _see(request: web.Request, token: str, done: str = "") -> web.HTTPSeeOther:
        note = f"&done={done}" if done else ""
        return web.HTTPSeeOther(f"{manage_path(token)}?lang={language_of(request)}{note}")
