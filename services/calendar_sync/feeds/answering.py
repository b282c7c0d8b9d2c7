"""A feed as the answer to a conditional request (RFC 9110, sections 13.1.2 and 13.1.3)."""

from __future__ import annotations

from functools import lru_cache

from aiohttp import web
from multidict import CIMultiDict

from services.calendar_sync.feeds.memory import Known

_ALWAYS = (("Cache-Control", "private, max-age=0, must-revalidate"), ("Vary", "Accept-Encoding"))
_SAFE = (("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex"), ("X-Content-Type-Options", "nosniff"))


def language_asked(request: web.Request) -> str | None:
    """`?lang=`, where it has the form of a language: the address alone decides, calendar programs send no wishes."""
    if not request.query_string:
        return None
    asked = request.query.get("lang", "")
    return asked if len(asked) == 2 and asked.isascii() and asked.islower() else None


def unchanged(request: web.Request, known: Known) -> bool:
    """Whether the client has the feed as it is."""
    given = request.headers.get("If-None-Match")
    if given is not None:  # then If-Modified-Since is not looked at
        if known.digest not in given:
            return given.strip() == "*"
        if len(given) == len(known.digest) + 2:
            return True
        tags = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for tag in given.split(",")}
        return known.digest in tags
    since = request.if_modified_since
    return since is not None and known.modified.replace(microsecond=0) <= since


def not_modified(request: web.Request, known: Known) -> web.Response:
    """304."""
    headers = CIMultiDict((("ETag", _etag(request, known)), ("Last-Modified", known.stamp), *_ALWAYS))
    return web.Response(status=304, headers=headers)


def whole(request: web.Request, known: Known, body: bytes) -> web.Response:
    """200 with `body`, which is compressed where `takes_gzip` says so."""
    headers = CIMultiDict(
        (
            ("ETag", _etag(request, known)),
            ("Last-Modified", known.stamp),
            *_ALWAYS,
            *_SAFE,
            ("Content-Language", known.language),
            ("Content-Type", "text/calendar; charset=utf-8"),
            ("Content-Disposition", f'inline; filename="{known.filename}"'),
        )
    )
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


def takes_gzip(request: web.Request) -> bool:
    """Whether the client takes a compressed answer."""
    return _takes_gzip(request.headers.get("Accept-Encoding", ""))


def _etag(request: web.Request, known: Known) -> str:
    return f'"{known.digest}-gzip"' if takes_gzip(request) else f'"{known.digest}"'


@lru_cache(maxsize=256)
def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.split(","):
        coding, _, parameters = part.strip().partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            quality = parameters.strip().lower().removeprefix("q=")
            return not parameters or quality.strip("0.") != "" or quality == ""
    return False
