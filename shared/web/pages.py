"""HTML pages: one base, the reader's language, safe headers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from shared.contracts.base import said_in
from shared.web.i18n import clock_time, day, languages, preferred, translations
from shared.web.times import moment, span

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


_PRIVATE = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}


def setup_pages(app: web.Application, templates: Mapping[str, Path]) -> None:
    """Makes the shared base and each service's templates (`<service>/<file>`) known to `app`."""
    loader = jinja2.ChoiceLoader(
        [
            jinja2.FileSystemLoader(TEMPLATES),
            jinja2.PrefixLoader({name: jinja2.FileSystemLoader(path) for name, path in templates.items()}),
        ]
    )
    environment = aiohttp_jinja2.setup(
        app,
        loader=loader,
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(said_in=said_in, day=day, clock_time=clock_time, span=span, moment=moment)
    app.router.add_static("/static/", STATIC)


def language_of(request: web.Request) -> str:
    """The reader's language: `?lang=` of the address, else the browser's wish, else English."""
    asked = request.query.get("lang", "")
    return asked if asked in languages() else preferred(request.headers.get("Accept-Language", ""))


def render(
    request: web.Request, template: str, context: Mapping[str, Any], status: int = 200, *, private: bool = False
) -> web.Response:
    """The page in the reader's language; a `private` one is kept by no cache and no search engine."""
    language = language_of(request)
    environment = aiohttp_jinja2.get_env(request.app)
    catalogue = translations(language)
    text = environment.get_template(template).render(
        {
            "language": language,
            "languages": languages(),
            "path": own_path(request),
            "_": catalogue.gettext,
            "gettext": catalogue.gettext,
            "ngettext": catalogue.ngettext,
            **context,
        }
    )
    return web.Response(
        text=text,
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers={**_HEADERS, "Content-Language": language, **(_PRIVATE if private else {})},
    )


def own_path(request: web.Request) -> str:
    """The path of the page itself, to be linked to. It begins with one slash, and nothing in it is decoded: a browser takes
    `//name/` for another site, and a backslash or a tab after the first slash for the same."""
    return f"/{request.rel_url.raw_path.lstrip('/')}"


def wants_html(request: web.Request) -> bool:
    """Whether a browser asks, so that an error is a page and not JSON."""
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/")
