"""The organiser's desk: sign in, the list of agendas, and the way to everything else."""

from __future__ import annotations

import re
from datetime import timedelta

import structlog
from aiohttp import web

from services.scheduling.answers import AgendaLine, agenda_line
from services.scheduling.editing import Editor
from services.scheduling.organiser.event_pages import EventPages
from services.scheduling.organiser.history_pages import HistoryPages
from services.scheduling.organiser.part_pages import PartPages
from services.scheduling.organiser.upload_pages import UploadPages
from services.scheduling.organiser.visit import HOME, NOT_KEPT, Gate, Visit, sign_in_page
from services.scheduling.store import Store
from services.scheduling.views import Views
from shared.clock import Clock, Ids, new_id
from shared.contracts.base import said_in
from shared.web.access import SETTINGS, begin_session, end_session, may_sign_in, organiser_session
from shared.web.pages import language_of
from shared.web.problems import Problem, read_form

MOST = 1000
"""How many agendas the list shows."""

_log = structlog.get_logger()
_OWN_PAGE = re.compile(r"/organise(/[A-Za-z0-9._-]+)*")


class OrganiserPages:
    """`/organise` and everything below it."""

    def __init__(self, store: Store, views: Views, editor: Editor, clock: Clock, ids: Ids = new_id) -> None:
        self._views, self._clock, self._ids = views, clock, ids
        self._gate = Gate(clock)
        self._parts = (
            EventPages(store, views, editor, clock),
            PartPages(store, editor),
            HistoryPages(store, views, editor),
            UploadPages(store, editor),
        )

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get(HOME, self.home),
            web.get(f"{HOME}/sign-in", self.home),
            web.post(f"{HOME}/sign-in", self.sign_in),
            web.post(f"{HOME}/sign-out", self._gate.form(self.sign_out)),
            *(route for part in self._parts for route in part.routes(self._gate)),
        ]

    async def home(self, request: web.Request) -> web.StreamResponse:
        """The list of agendas; the form to sign in for whoever is not."""
        if organiser_session(request, self._clock()) is None:
            return sign_in_page(request, _own_page(request.query.get("next", "")))
        return await self._gate.page(self.list_agendas)(request)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Exchanges the organiser's token for a session.

        The form carries no secret of a session, since there is none yet; whoever could forge it has the token.
        """
        try:
            form = await read_form(request)
        except Problem as error:
            raise Problem(error.status, error.code, error.detail, error.errors, NOT_KEPT) from error
        given, after = form.get("token", ""), form.get("next", "")
        page = _own_page(after if isinstance(after, str) else "")
        if not isinstance(given, str) or not may_sign_in(request, given.strip()):
            _log.warning("organiser_sign_in_refused")
            return sign_in_page(request, page, 401, wrong=True)
        response = web.Response(status=303, headers={"Location": f"{page}?lang={language_of(request)}", **NOT_KEPT})
        begin_session(request, response, self._clock(), self._ids())
        _log.info("organiser_signed_in")
        return response

    async def sign_out(self, visit: Visit) -> web.StreamResponse:
        """Ends the session in this browser."""
        response = visit.go(HOME)
        end_session(response, visit.request.app[SETTINGS])
        return response

    async def list_agendas(self, visit: Visit) -> web.StreamResponse:
        """Every agenda: what is to come first, then what is over, latest first."""
        found = [agenda_line(document) for document in await self._views.agendas(after=None, limit=MOST)]
        yesterday = self._clock().date() - timedelta(days=1)  # it may still be that day where the event is

        def say(line: AgendaLine) -> str:
            return said_in(line.title, visit.language)

        context = {
            "groups": [
                ("upcoming", [line for line in found if line.ends_on >= yesterday]),
                ("past", [line for line in reversed(found) if line.ends_on < yesterday]),
            ],
            "say": say,
        }
        return visit.page("home.html", context)


def _own_page(path: str) -> str:
    """A page of organisers to go to after signing in, and nowhere else."""
    return path if _OWN_PAGE.fullmatch(path) and "/sign-" not in path else HOME
