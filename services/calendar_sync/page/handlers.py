"""The page about a person's calendar, and its forms: each is one act, and its answer the page as it stands then.

Every form answers with "see other": reloading sends nothing again. The address is the only key, as on the private page;
no cookie is read, so that no other site can send a form in the person's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from services.calendar_sync.answers import Fault
from services.calendar_sync.connecting import Connecting, NoCalendar, NotOffered, TooLate
from services.calendar_sync.discovery_failed import DiscoveryFailed
from services.calendar_sync.own_calendar import own_calendar
from services.calendar_sync.page.sent import NO_CALENDAR, Sent, Wrong, field_of, filled_in, sent_in
from services.calendar_sync.page.view import View
from services.calendar_sync.private_access import NOT_KEPT, PrivateAccess
from services.calendar_sync.store import Person
from services.calendar_sync.tools import Tools
from services.calendar_sync.trouble import SENTENCES, Trouble
from shared.web.i18n import translations
from shared.web.limits import Kind
from shared.web.pages import language_of, render
from shared.web.problems import Problem, read_form

Act = Callable[[web.Request], Awaitable[web.Response]]
"""A form's handler."""


class CalendarPage:
    """GET /calendar/{token} and its forms."""

    def __init__(self, tools: Tools, connecting: Connecting, access: PrivateAccess) -> None:
        self._tools, self._connecting, self._access = tools, connecting, access

    def routes(self) -> list[web.RouteDef]:
        """The page and its forms."""
        forms = {
            "waiting": self.wish_waiting,
            "feed": self.switch_feed,
            "new-address": self.new_address,
            "connect": self.connect,
            "choose": self.choose,
            "test": self.test,
            "disconnect": self.disconnect,
            "keep": self.keep,
        }
        return [
            web.get("/calendar/{token}", self.page),
            *(web.post(f"/calendar/{{token}}/{name}", self._form(act)) for name, act in forms.items()),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """How everything stands, and what can be done about it."""
        return await self._show(request, await self._access.person(request))

    async def wish_waiting(self, request: web.Request) -> web.Response:
        """Whether what the person waits for is shown."""
        person, form = await self._sent(request)
        await self._connecting.wish_waiting(person, form.get("show") == "yes")
        return self._see(request, "waiting")

    async def switch_feed(self, request: web.Request) -> web.Response:
        """The feed is switched off, or on again."""
        person, form = await self._sent(request)
        await self._tools.store.wish(person.seats.registration_id, feed_off=form.get("on") != "yes")
        return self._see(request, "feed")

    async def new_address(self, request: web.Request) -> web.Response:
        """The feed gets a new address."""
        person, _ = await self._sent(request)
        done = await self._access.new_feed_address(person)
        return self._see(request, "new-address" if done else "too-late")

    async def connect(self, request: web.Request) -> web.Response:
        """Looks for the account that was entered; up to a minute."""
        person, say = await self._access.counted(request, Kind.CONNECT), translations(language_of(request)).gettext
        sent = await sent_in(request, say)
        if sent.credentials is None:
            return await self._show(request, person, sent, 422)
        entered = sent.credentials
        try:
            await self._connecting.connect(
                person, entered.address, entered.username, entered.password.get_secret_value()
            )
        except DiscoveryFailed as failed:
            wrong = Wrong(field_of(failed), failed.said(say))
            return await self._show(request, person, Sent(None, sent.filled, (wrong,)), 422)
        except NoCalendar:
            return await self._show(
                request, person, Sent(None, sent.filled, (Wrong("address", say(NO_CALENDAR)),)), 422
            )
        except (NotOffered, TooLate):
            return self._see(request, "too-late")
        return self._see(request, "found")

    async def choose(self, request: web.Request) -> web.Response:
        """Connects the chosen calendar, or forgets the account."""
        person, form = await self._sent(request)
        if form.get("stop") == "yes":
            await self._connecting.connections.stop_choosing(person.seats.registration_id)
            return self._see(request, "stopped")
        try:
            await self._connecting.choose(person, form.get("calendar", ""))
        except TooLate:
            return self._see(request, "too-late")
        return self._see(request, "chosen")

    async def test(self, request: web.Request) -> web.Response:
        """Asks the server now."""
        person = await self._access.counted(request, Kind.CONNECT)
        try:
            await self._connecting.test(person)
        except TooLate:
            return self._see(request, "too-late")
        except Fault as fault:
            return self._see(request, str(fault.kind))
        return self._see(request, "works")

    async def disconnect(self, request: web.Request) -> web.Response:
        """Lectern leaves the calendar."""
        person, _ = await self._sent(request)
        done = await self._connecting.disconnect(person)
        return self._see(request, "disconnected" if done else "too-late")

    async def keep(self, request: web.Request) -> web.Response:
        """A seat is kept that was to be given up."""
        person, form = await self._sent(request)
        try:
            await self._connecting.keep(person, form.get("session", ""))
        except TooLate:
            return self._see(request, "too-late")
        return self._see(request, "kept")

    def _form(self, act: Act) -> Act:
        """Where forms come too often, the page is shown with what was filled in, to be sent again."""

        async def answer(request: web.Request) -> web.Response:
            try:
                return await act(request)
            except Problem as error:
                if error.status != 429:
                    raise
                sent = Sent(None, await filled_in(request))
                head = translations(language_of(request)).gettext(error.detail)
                shown = await self._show(request, await self._access.person(request), sent, error.status, head)
                shown.headers.update(error.headers)
                return shown

        return answer

    async def _sent(self, request: web.Request) -> tuple[Person, Mapping[str, str]]:
        person, form = await self._access.counted(request), await read_form(request)
        return person, {name: value for name, value in form.items() if isinstance(value, str)}

    async def _show(
        self, request: web.Request, person: Person, sent: Sent | None = None, status: int = 200, head: str | None = None
    ) -> web.Response:
        tools, language, (agenda, event) = self._tools, language_of(request), await self._access.agenda(person)
        say = translations(language).gettext
        notices = await tools.answering.notices(person.seats.registration_id)
        own = await own_calendar(tools, self._connecting.connections, person)
        feed = self._access.feed(person)
        view = View(person, agenda, event, own, notices, feed, tools.clock(), language, say)
        code = request.query.get("done", "")
        if code in set(Trouble) and sent is None:
            head = say(SENTENCES[Trouble(code)])
        context: dict[str, Any] = view.context() | {
            "own": self._access.page(person),
            "path": self._access.page(person),
            "registration_page": self._access.registration_page(person),
            "done": view.done(code) if sent is None else None,
            "wrong_now": head,
            "wrong_at": "password" if sent is not None and "address" in sent.filled else None,
            "connects": self._connecting.offered,
            "errors": sent.wrong if sent is not None else (),
            "filled": sent.filled if sent is not None else {},
        }
        return render(request, "calendar-sync/calendar.html", context, status, private=True)

    @staticmethod
    def _see(request: web.Request, done: str) -> web.Response:
        where = f"/calendar/{request.match_info['token']}?lang={language_of(request)}&done={done}"
        return web.Response(status=303, headers={"Location": where, **NOT_KEPT})
