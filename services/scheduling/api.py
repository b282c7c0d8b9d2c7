"""Scheduling over HTTP: import, draft, publish, reschedule, cancel for organisers; the published agenda for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import structlog
from aiohttp import web

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of, read_agenda
from services.scheduling.difference import Change, difference
from services.scheduling.domain import (
    AgendaRefused,
    NoSuchSession,
    publish,
    refuse_faults,
    with_event_cancelled,
    with_event_patched,
    with_session_cancelled,
    with_session_patched,
)
from services.scheduling.public_view import public_data, public_event
from services.scheduling.request_parts import (
    cursor_in,
    cursor_to,
    day_in,
    etag,
    event_id_in,
    expected_version,
    flag,
    limit_in,
    note_in,
)
from services.scheduling.shift import shifted, weeks_until
from services.scheduling.store import Decide, Decision, Draft, DraftMoved, Store
from services.scheduling.warnings import warnings
from shared.clock import Clock
from shared.contracts.base import json_of
from shared.contracts.cloudevent import problem
from shared.storage.ledger import Conflict
from shared.web.access import require_organiser
from shared.web.problems import Problem, read_body, read_json

_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain"})
Edit = Callable[[Agenda], Agenda]
Patch = Callable[[Draft, Mapping[str, Any]], dict[str, Any]]
_log = structlog.get_logger()


class Api:
    """The routes below /api/v1/events."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        event = "/api/v1/events/{event_id}"
        return [
            web.post("/api/v1/events/import", self.import_agenda),
            web.get("/api/v1/events", self.list_events),
            web.get(event, self.show_event),
            web.patch(event, self.patch_event),
            web.get(f"{event}/draft", self.show_draft),
            web.get(f"{event}/revisions", self.list_revisions),
            web.post(f"{event}/publish", self.publish),
            web.post(f"{event}/cancel", self.cancel_event),
            web.patch(f"{event}/sessions/{{session_id}}", self.patch_session),
            web.post(f"{event}/sessions/{{session_id}}/cancel", self.cancel_session),
        ]

    async def import_agenda(self, request: web.Request) -> web.Response:
        """Makes the body (YAML or JSON) the draft of its event. `dry_run=true` only tells what would change;
        `shift_to=YYYY-MM-DD` moves all days by whole weeks, so that the event begins on or after that day."""
        require_organiser(request)
        is_json = request.content_type == "application/json"
        if not is_json and request.content_type not in _YAML:
            raise Problem(415, "unsupported-media-type", "Send the agenda as application/yaml or application/json.")
        dry_run, shift_to = flag(request, "dry_run"), day_in(request, "shift_to")
        body = await read_body(request)
        with _Refusals("The agenda cannot be imported; nothing was changed."):
            agenda = await asyncio.to_thread(read_agenda, body, is_json=is_json)
            if shift_to is not None:
                agenda = _moved(agenda, shift_to)
        event_id = agenda.event.id

        def decide(before: Draft | None) -> Decision:
            return Decision(replace(before, agenda=agenda) if before else Draft(agenda, 0))

        if dry_run:
            before = await self._store.draft(event_id)
            after = decide(before).draft
        else:
            before, decision = await self._change(request, event_id, decide)
            after = decision.draft
        answer = _edited(before, after, created=before is None and not dry_run, dry_run=dry_run)
        _log.info("agenda_imported", event_id=event_id, dry_run=dry_run, draft_version=after.version)
        return answer

    async def list_events(self, request: web.Request) -> web.Response:
        """Published events by first day: `limit` (1 to 100) and `cursor` page through them; `from` leaves out those over before."""
        limit, after = limit_in(request), cursor_in(request)
        found = await self._store.events(after=after, limit=limit + 1, from_day=day_in(request, "from"))
        items = [json_of(public_event(event)) for event in found[:limit]]
        following = cursor_to(found[limit - 1].starts_on, found[limit - 1].id) if len(found) > limit else None
        return web.json_response({"items": items, "next_cursor": following})

    async def show_event(self, request: web.Request) -> web.Response:
        """The published event with its sessions and seats, without what is not for everybody."""
        event_id = event_id_in(request)
        event = await self._store.event(event_id)
        if event is None:
            raise _no_event(event_id)
        sessions, seats = await asyncio.gather(self._store.sessions(event_id), self._store.seats(event_id))
        return web.json_response(public_data(event, sessions, seats))

    async def list_revisions(self, request: web.Request) -> web.Response:
        """The change log for organisers, newest revision first."""
        require_organiser(request)
        found = await self._store.revisions(event_id_in(request))
        if not found:
            raise _no_event(event_id_in(request))
        items = [
            {"revision": r["number"], "published_at": r["at"].isoformat(), "note": r["note"], "changes": r["changes"]}
            for r in found
        ]
        return web.json_response({"items": items})

    async def show_draft(self, request: web.Request) -> web.Response:
        """The draft with its warnings and what is not published of it yet. Its version is the ETag."""
        require_organiser(request)
        draft = await self._store.draft(event_id_in(request))
        if draft is None:
            raise _no_event(event_id_in(request))
        body = {
            **_summary(draft),
            "agenda": draft.agenda.as_data(),
            "unpublished": _told(_unpublished(draft)),
        }
        return web.json_response(body, headers={"ETag": etag(draft.version)})

    async def publish(self, request: web.Request) -> web.Response:
        """Publishes the draft with a `note`, and tells what changed. Nothing changed: no new revision."""
        require_organiser(request)
        note, event_id = await note_in(request), event_id_in(request)

        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            return Decision(draft, publish(draft.agenda, draft.published, note, self._clock()))

        return await self._published(request, event_id, decide, "The agenda cannot be published yet.")

    async def patch_event(self, request: web.Request) -> web.Response:
        """Merges the body into the event of the draft (RFC 7396). Publish to make it known."""
        return await self._patch(request, lambda draft, patch: with_event_patched(draft.agenda, patch))

    async def patch_session(self, request: web.Request) -> web.Response:
        """Merges the body into a session of the draft (RFC 7396): reschedule, move, change. Publish to make it known."""
        session_id = request.match_info["session_id"]
        return await self._patch(
            request, lambda draft, patch: with_session_patched(draft.agenda, session_id, patch), session_id
        )

    async def cancel_session(self, request: web.Request) -> web.Response:
        """Cancels a session at once: in the draft and, where it is published, in a new revision of what is published."""
        session_id = request.match_info["session_id"]
        return await self._cancel(request, lambda agenda: with_session_cancelled(agenda, session_id))

    async def cancel_event(self, request: web.Request) -> web.Response:
        """Cancels the event and all its sessions at once."""
        return await self._cancel(request, with_event_cancelled)

    async def _patch(self, request: web.Request, patched: Patch, session_id: str | None = None) -> web.Response:
        require_organiser(request)
        event_id, patch = event_id_in(request), await read_json(request)
        if not isinstance(patch, dict):
            raise Problem(422, "invalid", "Send an object of the fields to change.", [problem("body", "not an object")])
        own_id = event_id if session_id is None else session_id
        if patch.get("id", own_id) != own_id:
            raise Problem(422, "invalid", "An id stays.", [problem("id", "leave it out; an id cannot be changed")])

        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            return Decision(replace(draft, agenda=agenda_of(Source(patched(draft, patch)))))

        with _Refusals("Some fields are wrong; nothing was changed."):
            before, decision = await self._change(request, event_id, decide)
        return _edited(before, decision.draft)

    async def _cancel(self, request: web.Request, cancelled: Edit) -> web.Response:
        require_organiser(request)
        note, event_id = await note_in(request), event_id_in(request)

        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            published = draft.published
            in_draft = _if_there(cancelled, draft.agenda)
            # Only the cancellation is told: what else the draft holds stays a draft.
            told = _if_there(cancelled, published.agenda) if published is not None else None
            if in_draft is None and told is None:
                raise _no_session(request)
            publication = publish(told, published, note, self._clock()) if told is not None else None
            return Decision(replace(draft, agenda=in_draft or draft.agenda), publication)

        return await self._published(request, event_id, decide, "This cannot be cancelled yet.")

    async def _published(self, request: web.Request, event_id: str, decide: Decide, refusal: str) -> web.Response:
        with _Refusals(refusal, status=409, code="not-ready"):
            _, decision = await self._change(request, event_id, decide)
        publication = decision.publication
        published = publication.published if publication is not None else decision.draft.published
        draft = replace(decision.draft, published=published)
        if publication is not None:
            _log.info(
                "revision_published",
                event_id=event_id,
                revision=publication.published.revision,
                sessions_told=len(publication.sessions_told),
            )
        body = {
            **_summary(draft),
            "changed": publication is not None,
            "difference": _told(publication.changes) if publication is not None else [],
        }
        return web.json_response(body, headers={"ETag": etag(draft.version)})

    async def _change(self, request: web.Request, event_id: str, decide: Decide) -> tuple[Draft | None, Decision]:
        try:
            return await self._store.change(event_id, decide, expected_version(request))
        except NoSuchSession as error:
            raise _no_session(request) from error
        except DraftMoved as error:
            subjects = [change.subject for change in error.changes or []]
            since = f": {', '.join(subjects[:20])}" if subjects else ""
            raise Problem(
                412,
                "draft-moved",
                f"Somebody else changed the draft{since}. It is at version {error.version} now; read it again, then repeat your change.",
                [problem(subject, "changed since the version you have", "changed") for subject in subjects[:100]],
                {"ETag": etag(error.version)},
            ) from error
        except Conflict as error:
            raise Problem(
                503, "busy", "Many changes at once; please try again.", headers={"Retry-After": "1"}
            ) from error


class _Refusals:
    """Turns AgendaRefused into an answer that names each field."""

    def __init__(self, detail: str, status: int = 422, code: str = "invalid") -> None:
        self._detail, self._status, self._code = detail, status, code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AgendaRefused):
            raise Problem(self._status, self._code, self._detail, error.problems) from error


def _if_there(cancelled: Edit, agenda: Agenda) -> Agenda | None:
    """The agenda with the cancellation, None where it has no such session."""
    try:
        return cancelled(agenda)
    except NoSuchSession:
        return None


def _no_session(request: web.Request) -> Problem:
    detail = f"There is no session {request.match_info.get('session_id', '')} in this event."
    return Problem(404, "no-such-session", detail, [problem("session_id", "check the id", "unknown")])


def _there(draft: Draft | None, event_id: str) -> Draft:
    if draft is None:
        raise _no_event(event_id)
    return draft


def _no_event(event_id: str) -> Problem:
    return Problem(
        404, "no-such-event", f"There is no event {event_id}.", [problem("event_id", "check the id", "unknown")]
    )


def _moved(agenda: Agenda, day: date) -> Agenda:
    try:
        agenda = shifted(agenda, weeks_until(agenda, day))
    except OverflowError as error:
        raise AgendaRefused([problem("shift_to", "beyond the calendar; choose a nearer day")]) from error
    refuse_faults(agenda)
    return agenda


def _edited(before: Draft | None, after: Draft, *, created: bool = False, dry_run: bool = False) -> web.Response:
    changes = difference(before.agenda.as_data() if before else None, after.agenda.as_data())
    body = {**_summary(after), "changed": bool(changes), "dry_run": dry_run, "difference": _told(changes)}
    headers = {"ETag": etag(after.version)}
    if created:
        headers["Location"] = f"/api/v1/events/{after.agenda.event.id}/draft"
    return web.json_response(body, status=201 if created else 200, headers=headers)


def _summary(draft: Draft) -> dict[str, Any]:
    published = draft.published
    return {
        "event_id": draft.agenda.event.id,
        "draft_version": draft.version,
        "revision": published.revision if published else None,
        "warnings": [w.as_data() for w in warnings(draft.agenda, published.sessions if published else None)],
    }


def _unpublished(draft: Draft) -> list[Change]:
    return difference(draft.published.agenda.as_data() if draft.published else None, draft.agenda.as_data())


def _told(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [change.as_data() for change in changes]
