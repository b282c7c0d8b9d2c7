"""A signed-in organiser's request: the language, the form once its secret is checked, and the page or redirect as answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from services.scheduling.domain import NoSuchPart
from services.scheduling.editing import NoSuchEvent
from services.scheduling.request_parts import event_id_in
from shared.clock import Clock
from shared.storage.ledger import Conflict
from shared.web.access import OrganiserSession, is_own_form, organiser_session
from shared.web.i18n import translations
from shared.web.pages import language_of, render
from shared.web.problems import Problem, read_form

HOME = "/organise"
NOT_KEPT = {"Cache-Control": "private, no-store"}
MAX_FORM = 1_048_576
"""The largest form of texts, in bytes."""

Form = Mapping[str, Any]
"""The fields of a form as sent: texts, and files (web.FileField)."""

Handler = Callable[["Visit"], Awaitable[web.StreamResponse]]
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Visit:
    """One request of a signed-in organiser."""

    request: web.Request
    session: OrganiserSession
    form: Form = field(default_factory=dict)

    @property
    def language(self) -> str:
        """The reader's language."""
        return language_of(self.request)

    @property
    def words(self) -> Callable[[str], str]:
        """The catalogue's gettext."""
        return translations(self.language).gettext

    @property
    def ngettext(self) -> Callable[[str, str, int], str]:
        """The catalogue's ngettext."""
        return translations(self.language).ngettext

    @property
    def event_id(self) -> str:
        """The event of the address. Raises Problem 404 for what can be no id."""
        event_id = event_id_in(self.request)
        if event_id != event_id.strip():  # a line's end at its end; it would come into addresses
            raise nowhere()
        return event_id

    def typed(self) -> dict[str, str]:
        """The form's texts, with the line ends of files."""
        return {
            name: value.replace("\r\n", "\n").replace("\r", "\n")
            for name, value in self.form.items()
            if isinstance(value, str)
        }

    def said(self, name: str) -> str:
        """One text of the form; empty where it is not there."""
        return self.typed().get(name, "").strip()

    @property
    def version(self) -> int:
        """The draft's version that the form was made for. Raises Problem 400 for a form that says none."""
        given = self.said("version")
        if not re.fullmatch(r"[0-9]{1,9}", given):
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.", headers=NOT_KEPT)
        return int(given)

    def number(self, name: str) -> int | None:
        """A number of the address' parameters; None where there is none."""
        given = self.request.query.get(name, "")
        return int(given) if re.fullmatch(r"[0-9]{1,9}", given) else None

    def page(self, template: str, context: Mapping[str, Any], status: int = 200) -> web.Response:
        """A page of `templates/organiser`."""
        shared = {"csrf": self.session.csrf, "lang": urlencode({"lang": self.language})}
        return render(self.request, f"scheduling/organiser/{template}", {**shared, **context}, status, private=True)

    def go(self, path: str, **query: str | int) -> web.Response:
        """See other: reloading the page must not send the form again."""
        where = f"{path}?{urlencode({'lang': self.language, **query})}"
        return web.Response(status=303, headers={"Location": where, **NOT_KEPT})


class Gate:
    """Lets signed-in organisers in, and forms of their own pages."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def page(self, handler: Handler) -> Handle:
        """A page: whoever is not signed in is asked to, and comes back to it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            session = organiser_session(request, self._clock())
            if session is None:
                query = urlencode({"lang": language_of(request), "next": request.path})
                return web.Response(status=303, headers={"Location": f"{HOME}?{query}", **NOT_KEPT})
            return await _answered(handler, Visit(request, session))

        return handle

    def form(self, handler: Handler, most: int = MAX_FORM) -> Handle:
        """A form, of `most` bytes: refused without a session, and where it does not come from a page of the session."""

        async def handle(request: web.Request) -> web.StreamResponse:
            session = organiser_session(request, self._clock())
            if session is None:
                return sign_in_page(request, where_it_was(request), 401, over=True)
            try:
                form = await read_form(request.clone(client_max_size=most))
            except Problem as error:
                if error.status == 413:
                    error = Problem(413, "too-large", "The file is too large.")
                raise _not_kept(error) from error
            csrf = form.get("csrf", "")
            if not isinstance(csrf, str) or not is_own_form(session, csrf):
                message = "This form is not from a page of your session. Go back, reload the page and send it again."
                raise Problem(403, "foreign-form", message, headers=NOT_KEPT)
            return await _answered(handler, Visit(request, session, form))

        return handle


def sign_in_page(
    request: web.Request, after: str, status: int = 200, *, over: bool = False, wrong: bool = False
) -> web.Response:
    """The form that asks for the token. `over`: a form was sent without a session; `wrong`: the token was wrong."""
    context = {"after": after, "over": over, "wrong": wrong, "path": HOME, "lang": f"lang={language_of(request)}"}
    response = render(request, "scheduling/organiser/sign_in.html", context, status, private=True)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="organisers"'
    return response


def nowhere() -> Problem:
    """There is no such event, session or revision."""
    return Problem(404, "nothing-here", "There is nothing at this address.", headers=NOT_KEPT)


def where_it_was(request: web.Request) -> str:
    """The page to go to after signing in again, where a form was sent."""
    event_id = request.match_info.get("event_id")
    return f"{HOME}/events/{event_id}" if event_id is not None else HOME


async def _answered(handler: Handler, visit: Visit) -> web.StreamResponse:
    try:
        return await handler(visit)
    except (NoSuchEvent, NoSuchPart) as error:
        raise nowhere() from error
    except Conflict as error:
        raise Problem(503, "busy", "Many changes at once; please try again.", headers=NOT_KEPT) from error
    except Problem as error:
        raise _not_kept(error) from error


def _not_kept(error: Problem) -> Problem:
    return Problem(error.status, error.code, error.detail, error.errors, {**error.headers, **NOT_KEPT})
