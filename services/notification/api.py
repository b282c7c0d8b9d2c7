"""HTTP API of notification, for organisers: which mails were sent, wait or failed, and trying one again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from services.notification.mails import Mails
from services.notification.store import FAILED, SENDING, SENT, WAITING
from shared.clock import Clock
from shared.contracts.cloudevent import problem
from shared.web.access import require_organiser
from shared.web.problems import Problem

STATES = (WAITING, SENDING, SENT, FAILED)
MOST = 500
"""Rows in one answer."""

_SHOWN = (
    "registration_id",
    "event_id",
    "telling",
    "kind",
    "state",
    "attempts",
    "reason",
    "created_at",
    "scheduled_for",
    "sent_at",
    "failed_at",
    "correlation_id",
)


class Api:
    """The handlers. No answer holds a name or an address."""

    def __init__(self, mails: Mails, clock: Clock, wake: Callable[[], None]) -> None:
        self._mails, self._clock, self._wake = mails, clock, wake

    def routes(self) -> list[web.AbstractRouteDef]:
        """All routes of this API."""
        return [web.get("/api/v1/mails", self.list), web.post("/api/v1/mails/{mail_id}/retry", self.retry)]

    async def list(self, request: web.Request) -> web.Response:
        """Mails in order of id: `state` filters, `limit` and `after` (the last id seen) page; with counts by state."""
        require_organiser(request)
        state = request.query.get("state")
        if state is not None and state not in STATES:
            known = ", ".join(STATES)
            raise Problem(422, "invalid", "Some fields are wrong.", [problem("state", f"should be one of {known}")])
        limit = _limit(request.query.get("limit", "100"))
        rows = await self._mails.rows(state, request.query.get("after", ""), limit + 1)
        body = {
            "counts": await self._mails.counts(),
            "mails": [_shown(row) for row in rows[:limit]],
            "next": rows[limit - 1]["_id"] if len(rows) > limit else None,
        }
        return web.json_response(body)

    async def retry(self, request: web.Request) -> web.Response:
        """Tries a failed mail again, with what stands now."""
        require_organiser(request)
        found = await self._mails.retry(request.match_info["mail_id"], self._clock())
        if found is None:
            raise Problem(404, "unknown-mail", "There is no mail with this id.")
        if found != FAILED:
            raise Problem(409, "not-failed", f"Only failed mails can be tried again; this one is {found}.")
        self._wake()
        return web.json_response({"id": request.match_info["mail_id"], "state": WAITING}, status=202)


def _limit(given: str) -> int:
    if given.isascii() and given.isdigit() and 1 <= int(given) <= MOST:
        return int(given)
    message = f"should be a whole number from 1 to {MOST}"
    raise Problem(422, "invalid", "Some fields are wrong.", [problem("limit", message)])


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"id": row["_id"]}
    for name in _SHOWN:
        if (value := row.get(name)) is not None:
            shown[name] = value.isoformat() if isinstance(value, datetime) else value
    return shown
