"""A signed-in organiser's request: the language, the form once its secret is checked, and the page or redirect as answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict, MultiMapping

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

Form = MultiMapping[Any]
"""The fields of a form as sent: texts, and files (web.FileField)."""

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Visit:
    """One request of a signed-in organiser."""

    request: web.Request
    session: OrganiserSession
    form: Form = field(default_factory=MultiDict)

    folder: ClassVar[str] = "organiser"
    """Where the templates of its pages are."""

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

    def ticked(self, name: str) -> list[str]:
        """All that is ticked, of boxes that share a name."""
        return [value for value in self.form.getall(name, []) if isinstance(value, str)]

    def page(self, template: str, context: Mapping[str, Any], status: int = 200) -> web.Response:
        """A page of the desk's folder of templates, which no cache keeps."""
        shared = {"csrf": self.session.csrf, "lang": urlencode({"lang": self.language})}
        return render(self.request, f"{self.folder}/{template}", {**shared, **context}, status, private=True)

    def go(self, path: str, **query: str | int) -> web.Response:
        """See other: reloading the page must not send the form again."""
        where = f"{path}?{urlencode({'lang': self.language, **query})}"
        return web.Response(status=303, headers={"Location": where, **NOT_KEPT})


V = TypeVar("V", bound=Visit)
Handler = Callable[[V], Awaitable[web.StreamResponse]]


class Gate(Generic[V]):
    """Lets signed-in organisers in, and forms of their own pages."""

    def __init__(self, clock: Clock, visit: type[V]) -> None:
        self._clock, self._visit = clock, visit

    def page(self, handler: Handler[V]) -> Handle:
        """A page: whoever is not signed in is asked to, and comes back to it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            session = organiser_session(request, self._clock())
            if session is None:
                query = urlencode({"lang": language_of(request), "next": request.path})
                return web.Response(status=303, headers={"Location": f"{HOME}?{query}", **NOT_KEPT})
            return await self.answered(handler, self._visit(request, session))

        return handle

    def form(self, handler: Handler[V], most: int = MAX_FORM) -> Handle:
        """A form, of `most` bytes: refused without a session, and where it does not come from a page of the session."""

        async def handle(request: web.Request) -> web.StreamResponse:
            session = organiser_session(request, self._clock())
            if session is None:
                return sign_in_page(request, self.page_before(request), 401, over=True)
            try:
                form = await read_form(request.clone(client_max_size=most))
            except Problem as error:
                if error.status == 413:
                    error = Problem(413, "too-large", "The file is too large.")
                raise not_kept(error) from error
            csrf = form.get("csrf", "")
            if not isinstance(csrf, str) or not is_own_form(session, csrf):
                message = "This form is not from a page of your session. Go back, reload the page and send it again."
                raise Problem(403, "foreign-form", message, headers=NOT_KEPT)
            return await self.answered(handler, self._visit(request, session, form))

        return handle

    def page_before(self, request: web.Request) -> str:
        """The page to go to after signing in again, where a form was sent."""
        return HOME

    async def answered(self, handler: Handler[V], visit: V) -> web.StreamResponse:
        """The handler's answer; no cache keeps what went wrong."""
        try:
            return await handler(visit)
        except Conflict as error:
            raise Problem(503, "busy", "Many changes at once; please try again.", headers=NOT_KEPT) from error
        except Problem as error:
            raise not_kept(error) from error


def sign_in_page(
    request: web.Request, after: str, status: int = 200, *, over: bool = False, wrong: bool = False
) -> web.Response:
    """The form that asks for the token. `over`: a form was sent without a session; `wrong`: the token was wrong."""
    context = {"after": after, "over": over, "wrong": wrong, "path": HOME, "lang": f"lang={language_of(request)}"}
    response = render(request, "organiser/sign_in.html", context, status, private=True)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="organisers"'
    return response


def nowhere() -> Problem:
    """There is no such thing at this address."""
    return Problem(404, "nothing-here", "There is nothing at this address.", headers=NOT_KEPT)


def not_kept(error: Problem) -> Problem:
    """The problem, told to caches as private."""
    return Problem(error.status, error.code, error.detail, error.errors, {**error.headers, **NOT_KEPT})
