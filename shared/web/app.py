"""The HTTP side of a process: correlation id, one log line a request, errors in one form, health and metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import structlog
from aiohttp import web
from prometheus_client import Histogram, generate_latest
from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

from shared.clock import Monotonic, new_id
from shared.config import Settings
from shared.links import FEEDS
from shared.observability.metrics import HTTP_SECONDS
from shared.storage.mongo import UNAVAILABLE
from shared.web.access import SETTINGS
from shared.web.i18n import translations
from shared.web.limits import LIMITS, Limits
from shared.web.pages import language_of, render, setup_pages, wants_html
from shared.web.problems import Problem, problem_response, too_large

MAX_BODY = 1_048_576
"""The largest request body, in bytes (1 MiB)."""

CORRELATION_HEADER = "X-Correlation-Id"
Check = Callable[[], Awaitable[None]]
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger()
_UNTOLD = frozenset(("/health", "/ready", "/metrics"))
_GOOD_ID = re.compile(r"^[A-Za-z0-9._:-]{1,100}$")


def make_app(
    settings: Settings,
    routes: Sequence[web.AbstractRouteDef],
    templates: Mapping[str, Path],
    checks: Mapping[str, Check],
    monotonic: Monotonic = time.monotonic,
) -> web.Application:
    """The application of a process. `checks` raise when what they check does not work; /ready runs them all.

    `monotonic` is what limits of requests go by, in seconds.
    """
    app = web.Application(middlewares=[_observe], client_max_size=MAX_BODY)
    app[SETTINGS] = settings
    app[LIMITS] = Limits(settings, monotonic)
    setup_pages(app, templates)

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def ready(_: web.Request) -> web.Response:
        faults: dict[str, str] = {}
        for name, check in checks.items():
            try:
                await check()
            except Exception as error:  # noqa: BLE001 - whatever a check raises is its answer
                faults[name] = f"{type(error).__name__}: {error}"
        body = {"status": "not ready" if faults else "ready", "checks": {n: faults.get(n, "ok") for n in checks}}
        return web.json_response(body, status=503 if faults else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app.router.add_get("/health", health)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    app.router.add_routes(routes)
    return app


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


@web.middleware
async def _observe(request: web.Request, handler: Next) -> web.StreamResponse:
    given = request.headers.get(CORRELATION_HEADER)
    correlation = given if given is not None and _GOOD_ID.match(given) else new_id()
    started = time.perf_counter()
    status = 500
    # Cheaper than bound_contextvars: it is done for each of thousands of requests in a second.
    tokens = bind_contextvars(correlation_id=correlation)
    try:
        try:
            response = await handler(request)
        except web.HTTPRedirection:
            raise
        except Exception as error:  # noqa: BLE001 - told as what it is; the last resort is a fault, with all in the log
            response = _refused(request, error)
        status = response.status
        if not response.prepared:
            response.headers[CORRELATION_HEADER] = correlation
        return response
    except web.HTTPException as raised:  # a redirection: "see other" after a form, which is no failure
        status = raised.status
        raised.headers[CORRELATION_HEADER] = correlation
        raise
    finally:
        seconds = time.perf_counter() - started
        route = _route(request)
        _seconds_of(route, request.method, status).observe(seconds)
        if _is_told(route, status):
            _log.info(
                "http_request",
                method=request.method,
                route=route,
                status=status,
                milliseconds=round(seconds * 1000, 1),
            )
        reset_contextvars(**tokens)


def correlation_id() -> str:
    """The id of the request that is being answered: whoever sends the head of an answer itself puts it there."""
    return str(get_contextvars().get("correlation_id", ""))


def _is_told(route: str, status: int) -> bool:
    """Whether a request has a line in the log. What programs ask for thousands of times, and got, is only counted."""
    if status < 400 and (status == 304 or route.startswith(FEEDS)):
        return False
    return route not in _UNTOLD


def _refused(request: web.Request, error: Exception) -> web.Response:
    """What a handler raised, in our form."""
    if isinstance(error, Problem):
        return _answer(request, error)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return _answer(request, too_large(request))
    if isinstance(error, web.HTTPException):
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        detail = "There is nothing at this address." if error.status == 404 else (error.reason or "")
        return _answer(request, Problem(error.status, error.reason.lower().replace(" ", "-"), detail, headers=allow))
    if isinstance(error, UNAVAILABLE):
        _log.warning("database_away", route=_route(request), error=type(error).__name__)
        detail = "The database does not answer just now; please try again in a moment."
        return _answer(request, Problem(503, "database-away", detail, headers={"Retry-After": "5"}))
    _log.exception("http_request_failed", route=_route(request))
    return _answer(request, Problem(500, "fault", "Something went wrong here. It has been noted; please try again."))


@lru_cache(maxsize=1024)
def _seconds_of(route: str, method: str, status: int) -> Histogram:
    return HTTP_SECONDS.labels(route, method, str(status))


def _answer(request: web.Request, error: Problem) -> web.Response:
    correlation = correlation_id()
    if not wants_html(request):
        return problem_response(error, correlation)
    gettext = translations(language_of(request)).gettext
    titles = {404: gettext("Not found"), 429: gettext("One moment, please")}
    context = {
        "title": titles.get(error.status) or gettext("This did not work"),
        "detail": gettext(error.detail) if error.detail else "",
        "errors": error.errors,
        "correlation_id": correlation,
    }
    response = render(request, "error.html", context, error.status)
    response.headers.update(error.headers)
    return response
