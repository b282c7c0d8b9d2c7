"""Publishing over HTTP, for organisers: publish, cancel, the change log, earlier revisions and their restoration."""

from __future__ import annotations

from aiohttp import web

from services.scheduling import answers
from services.scheduling.domain import NoSuchPart
from services.scheduling.editing import Editor, PublishedNow
from services.scheduling.exports.own import agenda_yaml
from services.scheduling.operations.drafts import yaml_file
from services.scheduling.operations.parameters import (
    CURSOR,
    DRAFT_ONLY,
    EVENT_ID,
    FORMAT,
    IF_MATCH,
    LIMIT,
    NUMBER,
    SESSION_ID,
)
from services.scheduling.operations.reading import list_revisions
from services.scheduling.operations.refusals import no_event, refusals
from services.scheduling.request_parts import Note, choice_in, etag, event_id_in, expected_version, flag, note_in
from services.scheduling.store import Store
from services.scheduling.views import Views
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Body, Operation

_EVENT = "/api/v1/events/{event_id}"
_NOTE = Body("A note for readers: what this revision is about", Note, required=False)
_PUBLISHED = Answer("What was published", answers.DraftPublished, headers=["ETag"])
_PROBLEMS = (404, 409, 412, 422)


class Publishing:
    """The operations that make revisions, and those that read them."""

    def __init__(self, store: Store, views: Views, editor: Editor) -> None:
        self._store, self._views, self._editor = store, views, editor

    def operations(self) -> list[Operation]:
        """The operations."""
        number = f"{_EVENT}/revisions/{{number}}"
        return [
            Operation(
                "publish",
                "POST",
                f"{_EVENT}/publish",
                self.publish,
                "Publish the draft; only what changed is told",
                {200: _PUBLISHED},
                [EVENT_ID, IF_MATCH],
                _NOTE,
                _PROBLEMS,
                organiser=True,
            ),
            Operation(
                "cancelEvent",
                "POST",
                f"{_EVENT}/cancel",
                self.cancel_event,
                "Cancel the event and all its sessions at once",
                {200: _PUBLISHED},
                [EVENT_ID, IF_MATCH],
                _NOTE,
                _PROBLEMS,
                organiser=True,
            ),
            Operation(
                "cancelSession",
                "POST",
                f"{_EVENT}/sessions/{{session_id}}/cancel",
                self.cancel_session,
                "Cancel a session at once, in the draft and in what is published",
                {200: _PUBLISHED},
                [EVENT_ID, SESSION_ID, IF_MATCH],
                _NOTE,
                _PROBLEMS,
                organiser=True,
            ),
            Operation(
                "listRevisions",
                "GET",
                f"{_EVENT}/revisions",
                self.list_revisions,
                "The change log for organisers, newest first, with what is not for everybody",
                {200: Answer("A page of the change log", answers.Revisions)},
                [EVENT_ID, LIMIT, CURSOR],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "showRevision",
                "GET",
                number,
                self.show_revision,
                "The agenda as it was published in an earlier revision",
                {200: Answer("The revision", answers.RevisionShown, ["application/yaml"])},
                [EVENT_ID, NUMBER, FORMAT],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "restoreRevision",
                "POST",
                f"{number}/restore",
                self.restore,
                "Publish an earlier revision again, as a new one",
                {200: _PUBLISHED},
                [EVENT_ID, NUMBER, DRAFT_ONLY, IF_MATCH],
                _NOTE,
                [*_PROBLEMS, 428],
                organiser=True,
            ),
        ]

    async def publish(self, request: web.Request) -> web.Response:
        """Nothing changed: no new revision."""
        require_organiser(request)
        note, event_id, expected = await note_in(request), event_id_in(request), expected_version(request)
        with refusals("The agenda cannot be published yet.", 409, "not-ready"):
            return _answer(await self._editor.publish(event_id, note, expected))

    async def cancel_event(self, request: web.Request) -> web.Response:
        """Only the cancellation is told; what else the draft holds stays a draft."""
        require_organiser(request)
        note, event_id, expected = await note_in(request), event_id_in(request), expected_version(request)
        with refusals("This cannot be cancelled yet.", 409, "not-ready"):
            return _answer(await self._editor.cancel_event(event_id, note, expected))

    async def cancel_session(self, request: web.Request) -> web.Response:
        """Only the cancellation is told; what else the draft holds stays a draft."""
        require_organiser(request)
        session_id = request.match_info["session_id"]
        note, event_id, expected = await note_in(request), event_id_in(request), expected_version(request)
        with refusals("This cannot be cancelled yet.", 409, "not-ready"):
            return _answer(await self._editor.cancel_session(event_id, session_id, note, expected))

    async def list_revisions(self, request: web.Request) -> web.Response:
        """With links to join and other fields that are not for everybody."""
        require_organiser(request)
        return await list_revisions(self._views, request, public=False)

    async def show_revision(self, request: web.Request) -> web.Response:
        """As JSON, or as the file that can be imported again."""
        require_organiser(request)
        event_id, number = event_id_in(request), _number_in(request)
        form = choice_in(request, "format", ("json", "yaml"), "json")
        agenda = await self._store.revision_at(event_id, number)
        if agenda is None:
            if await self._store.draft(event_id) is None:
                raise no_event(event_id)
            with refusals(""):
                raise NoSuchPart("revisions", str(number))
        if form == "yaml":
            return yaml_file(agenda_yaml(agenda), f"{event_id}-revision-{number}.yaml", {})
        return web.json_response({"event_id": event_id, "revision": number, "agenda": agenda.as_data()})

    async def restore(self, request: web.Request) -> web.Response:
        """Sessions that came later are told as cancelled."""
        require_organiser(request)
        note, event_id, number = await note_in(request), event_id_in(request), _number_in(request)
        expected, draft_only = expected_version(request), flag(request, "draft_only")
        with refusals("The revision cannot be published again as it is.", 409, "not-ready"):
            return _answer(await self._editor.restore(event_id, number, note, expected, draft_only=draft_only))


def _number_in(request: web.Request) -> int:
    given = request.match_info["number"]
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        with refusals(""):
            raise NoSuchPart("revisions", given[:20])
    return int(given)


def _answer(now: PublishedNow) -> web.Response:
    publication = now.publication
    told = answers.DraftPublished(
        **answers.summary(now.draft),
        changed=publication is not None,
        difference=answers.told_changes(publication.changes) if publication is not None else [],
    )
    return web.json_response(told.model_dump(mode="json"), headers={"ETag": etag(now.draft.version)})
