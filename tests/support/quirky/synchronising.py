"""sync-collection: what changed since a token (RFC 6578)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from aiohttp import web

from tests.support.quirky.holdings import CalendarHeld
from tests.support.quirky.multistatus import D, element, gone, multistatus, properties, refused

if TYPE_CHECKING:
    from tests.support.quirky.server import QuirkyServer

_START = "https://quirky.test/sync/"


def token(calendar: CalendarHeld, server: QuirkyServer, number: int | None = None) -> str:
    """A token for the calendar as it is now, or as it was after its change `number`."""
    if server.quirks.sync_tokens_of_one_second:
        return f"{_START}{calendar.identity}/{server.second()}"
    return f"{_START}{calendar.identity}/{calendar.number if number is None else number}"


def sync_collection(server: QuirkyServer, calendar: CalendarHeld, root: Element) -> web.Response:
    """The report: changed objects with ETags, deleted ones as 404, and the next token."""
    quirks = server.quirks
    if quirks.no_sync_collection:
        return refused(403, f"{D}supported-report")
    given = (root.findtext(f"{D}sync-token") or "").strip()
    since = _since(calendar, server, given) if given else -1
    if since is None:
        if quirks.sync_token_refusal != "accepted_silently":
            return refused(int(quirks.sync_token_refusal), f"{D}valid-sync-token")
        since = -1
    if quirks.lists_nothing:
        return multistatus([], element(f"{D}sync-token", escape(token(calendar, server))))
    seconds = quirks.sync_tokens_of_one_second
    changes: list[tuple[int, str]] = []
    for name, held in calendar.objects.items():
        if (held.second if seconds else held.number) > since:
            changes.append((held.number, properties(calendar.path + name, {f"{D}getetag": escape(held.etag)})))
    for name, (number, second) in calendar.removed.items():
        if since >= 0 and (second if seconds else number) > since:
            changes.append((number, gone(calendar.path + name)))
    changes.sort()
    now, size = calendar.number, quirks.sync_page_size
    truncated = size is not None and len(changes) > size and not seconds
    if truncated:
        changes = changes[:size]
        now = changes[-1][0]
    responses = [response for _, response in changes]
    if truncated:
        responses.append(gone(calendar.path, "507 Insufficient Storage"))
    return multistatus(responses, element(f"{D}sync-token", escape(token(calendar, server, now))))


def _since(calendar: CalendarHeld, server: QuirkyServer, given: str) -> int | None:
    """The number (or second) in a token; None for one that this calendar has not given or knows no more."""
    start = f"{_START}{calendar.identity}/"
    value = given.removeprefix(start)
    if not given.startswith(start) or not value.isdigit():
        return None
    since = int(value)
    if server.quirks.sync_tokens_of_one_second:
        return since
    return since if calendar.oldest <= since <= calendar.number else None
