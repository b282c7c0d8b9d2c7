"""What everybody may read over HTTP: published events, their change log, and their agenda as files."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.scheduling import answers
from services.scheduling.exports.files import FILES, FORM, Files
from services.scheduling.exports.pdf import PdfNotMade
from services.scheduling.operations.parameters import CURSOR, EVENT_ID, FILE, FROM, LANGUAGE, LIMIT, PROGRAMME, SERIES
from services.scheduling.operations.refusals import no_event
from services.scheduling.public_view import PublicAgenda, public_agenda, public_data, public_event
from services.scheduling.request_parts import cursor_to, day_in, event_id_in, id_in, limit_in, number_in, place_in
from services.scheduling.views import Views
from shared.contracts.base import json_of
from shared.contracts.cloudevent import problem
from shared.web.access import SETTINGS
from shared.web.openapi import Answer, Operation
from shared.web.pages import language_of
from shared.web.problems import Problem

_EVENT = "/api/v1/events/{event_id}"


class Reading:
    """The operations that need no token."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._files = Files()

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "listEvents",
                "GET",
                "/api/v1/events",
                self.list_events,
                "Published events by first day",
                {200: Answer("A page of events", answers.Events)},
                [LIMIT, CURSOR, FROM, SERIES, PROGRAMME],
                problems=[400],
            ),
            Operation(
                "showEvent",
                "GET",
                _EVENT,
                self.show_event,
                "A published event with its sessions and seats",
                {200: Answer("The event", answers.EventShown)},
                [EVENT_ID],
                problems=[404],
            ),
            Operation(
                "listChanges",
                "GET",
                f"{_EVENT}/changes",
                self.list_changes,
                "What changed from revision to revision, newest first",
                {200: Answer("A page of the change log", answers.Revisions)},
                [EVENT_ID, LIMIT, CURSOR],
                problems=[400, 404],
            ),
            Operation(
                "downloadAgenda",
                "GET",
                "/events/{event_id}/{file:[a-z]+\\.[a-z]+}",
                self.download,
                f"The agenda as a file: {', '.join(FILES)}",
                {
                    200: Answer("The file", media=[kind.media_type for kind in FILES.values()], headers=["ETag"]),
                    304: Answer("The file that you have is still right"),
                },
                [EVENT_ID, FILE, LANGUAGE],
                problems=[404],
            ),
        ]

    async def list_events(self, request: web.Request) -> web.Response:
        """`limit` (1 to 100) and `cursor` page through them."""
        limit = limit_in(request)
        found = await self._views.events(
            after=place_in(request),
            limit=limit + 1,
            from_day=day_in(request, "from"),
            series=id_in(request, "series"),
            programme=id_in(request, "programme"),
        )
        items = [json_of(public_event(event)) for event in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        following = cursor_to(last.starts_on.isoformat(), last.id) if last is not None else None
        return web.json_response({"items": items, "next_cursor": following})

    async def show_event(self, request: web.Request) -> web.Response:
        """Without what is not for everybody."""
        event_id = event_id_in(request)
        event = await self._views.event(event_id)
        if event is None:
            raise no_event(event_id)
        sessions, seats = await asyncio.gather(self._views.sessions(event_id), self._views.seats(event_id))
        return web.json_response(public_data(event, sessions, seats))

    async def list_changes(self, request: web.Request) -> web.Response:
        """Only what everybody may know of each change."""
        return await list_revisions(self._views, request, public=True)

    async def download(self, request: web.Request) -> web.Response:
        """In the reader's language; the same revision gives the same ETag."""
        kind = FILES.get(request.match_info["file"])
        agenda = await self._agenda(request)
        if kind is None:
            message = f"choose one of {', '.join(FILES)}"
            raise Problem(404, "no-such-file", "There is no such file.", [problem("file", message, "unknown")])
        language = language_of(request)
        tag = f'"{agenda.digest}-{FORM}-{language}-{kind.name}"'
        headers = {
            "ETag": tag,
            "Cache-Control": "no-cache",
            "Content-Language": language,
            "Vary": "Accept-Language",
            "X-Content-Type-Options": "nosniff",
        }
        known = {item.strip().removeprefix("W/") for item in request.headers.get("If-None-Match", "").split(",")}
        if known & {tag, "*"}:
            return web.Response(status=304, headers=headers)
        try:
            body = await self._files.file(kind, agenda, language)
        except PdfNotMade as error:
            raise Problem(503, "not-made", str(error), headers={"Retry-After": "30"}) from error
        headers["Content-Disposition"] = (
            f'inline; filename="{agenda.event.id}-{language}.{kind.name.partition(".")[2]}"'
        )
        return web.Response(body=body, content_type=kind.media_type, charset=kind.charset, headers=headers)

    async def _agenda(self, request: web.Request) -> PublicAgenda:
        event_id = event_id_in(request)
        event = await self._views.event(event_id)
        if event is None:
            raise no_event(event_id)
        sessions = await self._views.sessions(event_id)
        return public_agenda(event, sessions, request.app[SETTINGS].public_url)


async def list_revisions(views: Views, request: web.Request, *, public: bool) -> web.Response:
    """A page of the change log; `public`: only what everybody may know."""
    event_id, limit = event_id_in(request), limit_in(request)
    before = number_in(request)
    found = await views.revisions(event_id, before=before, limit=limit + 1)
    if not found and not await views.known(event_id, published=public):
        raise no_event(event_id)
    items = [answers.revision_line(item, public=public).model_dump(mode="json") for item in found[:limit]]
    following = cursor_to(str(found[limit - 1]["number"])) if len(found) > limit else None
    return web.json_response({"items": items, "next_cursor": following})
