"""The audit over HTTP, for operators: seats, order and outcomes recomputed from what is stored, and what differs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from services.registration.audit.findings import Report
from services.registration.audit.reading import Auditor
from services.registration.operations.parameters import CURSOR, LIMIT, limit_in
from shared.storage.mongo import SnapshotGone
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Operation, Parameter
from shared.web.problems import Problem

ONE_EVENT = Parameter("event_id", "query", "The event's id; without it, a page of all events that have seats")


class DifferenceShown(BaseModel):
    """One thing that is not as it must be. `line`: @event, or a session's id."""

    code: str
    message: str
    line: str | None
    registration_id: str | None


class ReportShown(BaseModel):
    """The audit of an event, as it stood at one version of its ledger. `checked`: how much was looked at, by what it is;
    `left_out`: how many more differences there are than are named."""

    event_id: str
    version: int
    proven: bool
    checked: dict[str, int]
    differences: list[DifferenceShown]
    left_out: int


class Reports(BaseModel):
    """A page of audited events, in order of their ids; `next_cursor` null: the last page."""

    items: list[ReportShown]
    next_cursor: str | None


class Auditing:
    """The operation that proves what is stored."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "auditRegistration",
                "GET",
                "/api/v1/registration/audit",
                self.audit,
                "Recompute seats, order and outcomes from what is stored and from the log of decisions, and name what differs. "
                "Every event takes its time: ask for few at once",
                {200: Answer("What was looked at, and each difference", Reports)},
                [ONE_EVENT, LIMIT, CURSOR],
                problems=[400, 404, 503],
                organiser=True,
            )
        ]

    async def audit(self, request: web.Request) -> web.Response:
        """Each event as it stood at one moment; the service goes on meanwhile."""
        require_organiser(request)
        event_id, limit = request.query.get("event_id"), limit_in(request)
        more = None
        if event_id:
            events = [event_id]
        else:
            found = await self._auditor.events(request.query.get("cursor"), limit + 1)
            events, more = found[:limit], found[limit - 1] if len(found) > limit else None
        items = [_shown(await self._one(id_)) for id_ in events]
        headers = {"Cache-Control": "private, no-store"}
        return web.json_response({"items": items, "next_cursor": more}, headers=headers)

    async def _one(self, event_id: str) -> Report:
        try:
            report = await self._auditor.audit(event_id)
        except SnapshotGone as error:
            detail = "Reading took longer than the database keeps one moment; please try again when it has less to do."
            raise Problem(503, "audit-too-slow", detail, headers={"Retry-After": "60"}) from error
        if report is None:
            raise Problem(404, "unknown-event", f"There are no seats of an event {event_id!r}.")
        return report


def _shown(report: Report) -> dict[str, Any]:
    """The report as JSON data (ReportShown)."""
    return asdict(report) | {"proven": report.proven}
