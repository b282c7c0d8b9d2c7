"""Drafts over HTTP, for organisers: import, read, edit."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.scheduling import answers
from services.scheduling.editing import Edited, Editor
from services.scheduling.exports.own import agenda_yaml
from services.scheduling.imports.files import MAX_FILE, MEDIA_TYPES, read_file
from services.scheduling.operations.parameters import (
    CURSOR,
    DRY_RUN,
    EVENT_ID,
    FORMAT,
    HINTS,
    IF_MATCH,
    LIMIT,
    PART_ID,
    SECTION,
    SHIFT_TO,
    VERSION,
)
from services.scheduling.operations.refusals import no_event, refusals
from services.scheduling.request_parts import (
    choice_in,
    cursor_to,
    day_in,
    etag,
    event_id_in,
    expected_version,
    flag,
    hints_in,
    limit_in,
    place_in,
    whole_number_in,
)
from services.scheduling.store import Store
from services.scheduling.translations import reports
from services.scheduling.views import Views
from shared.contracts.cloudevent import problem
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Body, Operation
from shared.web.problems import Problem, read_body, read_json

_EVENT = "/api/v1/events/{event_id}"
_PART = f"{_EVENT}/{{section:sessions|people|rooms|blocks}}"
_EDITED = Answer("The draft after the edit", answers.DraftEdited, headers=["ETag"])
_PATCH = Body("The fields to change (RFC 7396: null clears a field)")


class Drafts:
    """The operations on drafts."""

    def __init__(self, store: Store, views: Views, editor: Editor) -> None:
        self._store, self._views, self._editor = store, views, editor

    def operations(self) -> list[Operation]:
        """The operations."""
        imported = {200: _EDITED, 201: Answer("The draft of a new event", answers.DraftEdited, headers=["ETag"])}
        return [
            Operation(
                "importAgenda",
                "POST",
                "/api/v1/events/import",
                self.import_agenda,
                "Make a file the draft of its event: the project's own YAML or JSON, schedule JSON or XML, iCalendar, CSV",
                imported,
                [*HINTS, DRY_RUN, SHIFT_TO, IF_MATCH],
                Body("The file", media=list(MEDIA_TYPES)),
                [412, 422, 428],
                organiser=True,
            ),
            Operation(
                "listDrafts",
                "GET",
                "/api/v1/drafts",
                self.list_drafts,
                "All agendas by first day, published or not",
                {200: Answer("A page of agendas", answers.Agendas)},
                [LIMIT, CURSOR],
                problems=[400],
                organiser=True,
            ),
            Operation(
                "showDraft",
                "GET",
                f"{_EVENT}/draft",
                self.show_draft,
                "The draft with its warnings and what is not published of it yet",
                {200: Answer("The draft", answers.DraftShown, ["application/yaml"], ["ETag"])},
                [EVENT_ID, VERSION, FORMAT],
                problems=[400, 404],
                organiser=True,
            ),
            Operation(
                "showTranslations",
                "GET",
                f"{_EVENT}/draft/translations",
                self.show_translations,
                "Which texts of the draft are missing in which language",
                {200: Answer("The report", answers.Translations)},
                [EVENT_ID],
                problems=[404],
                organiser=True,
            ),
            Operation(
                "changeEvent",
                "PATCH",
                _EVENT,
                self.patch_event,
                "Change the event in the draft",
                {200: _EDITED},
                [EVENT_ID, IF_MATCH],
                _PATCH,
                [404, 412, 422],
                organiser=True,
            ),
            Operation(
                "addPart",
                "POST",
                _PART,
                self.add_part,
                "Add a session, person, room or block to the draft",
                {201: _EDITED},
                [EVENT_ID, SECTION, IF_MATCH],
                Body("The part, with its id"),
                [404, 412, 422],
                organiser=True,
            ),
            Operation(
                "changePart",
                "PATCH",
                f"{_PART}/{{part_id}}",
                self.patch_part,
                "Change a session (reschedule, move ...), person, room or block in the draft",
                {200: _EDITED},
                [EVENT_ID, SECTION, PART_ID, IF_MATCH],
                _PATCH,
                [404, 412, 422],
                organiser=True,
            ),
            Operation(
                "removePart",
                "DELETE",
                f"{_PART}/{{part_id}}",
                self.remove_part,
                "Remove a session, person, room or block from the draft; a published session is told as cancelled",
                {200: _EDITED},
                [EVENT_ID, SECTION, PART_ID, IF_MATCH],
                problems=[400, 404, 412, 422],
                organiser=True,
            ),
        ]

    async def import_agenda(self, request: web.Request) -> web.Response:
        """All or nothing; a second import of the same file changes nothing."""
        require_organiser(request)
        form = MEDIA_TYPES.get(request.content_type)
        if form is None:
            known = ", ".join(MEDIA_TYPES)
            raise Problem(415, "unsupported-media-type", f"Send the agenda as one of {known}.")
        hints, dry_run, shift_to = hints_in(request), flag(request, "dry_run"), day_in(request, "shift_to")
        expected = expected_version(request)
        body = await read_body(request.clone(client_max_size=MAX_FILE))
        with refusals("The agenda cannot be imported; nothing was changed."):
            file = await asyncio.to_thread(read_file, body, form, hints)
            edited = await self._editor.put(
                file.event_id, file.agenda, expected, shift_to=shift_to, dry_run=dry_run, merges=file.merges
            )
        return _answer(edited, dry_run=dry_run)

    async def list_drafts(self, request: web.Request) -> web.Response:
        """`unpublished` marks those whose draft says something that is not published."""
        require_organiser(request)
        limit = limit_in(request)
        found = await self._views.agendas(after=place_in(request), limit=limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        items = [answers.agenda_line(item).model_dump(mode="json") for item in found[:limit]]
        following = cursor_to(last["starts_on"], last["_id"]) if last is not None else None
        return web.json_response({"items": items, "next_cursor": following})

    async def show_draft(self, request: web.Request) -> web.Response:
        """Its version is the ETag. `version`: as it was then."""
        require_organiser(request)
        event_id, version = event_id_in(request), whole_number_in(request, "version")
        form = choice_in(request, "format", ("json", "yaml"), "json")
        draft = await self._store.draft(event_id)
        if draft is None:
            raise no_event(event_id)
        if version is not None and version != draft.version:
            earlier = await self._store.draft_at(event_id, version)
            if earlier is None:
                message = f"the draft has had versions 1 to {draft.version}"
                raise Problem(404, "no-such-version", "There is no such version.", [problem("version", message)])
            agenda = earlier
        else:
            agenda = draft.agenda
        headers = {"ETag": etag(version or draft.version)}
        if form == "yaml":
            return yaml_file(agenda_yaml(agenda), f"{event_id}.yaml", headers)
        shown = draft if agenda is draft.agenda else type(draft)(agenda, version or draft.version, draft.published)
        told = answers.DraftShown(
            **answers.summary(shown), agenda=agenda, unpublished=answers.told_changes(answers.unpublished(shown))
        )
        body = told.model_dump(mode="json", exclude={"agenda"}) | {"agenda": agenda.as_data()}
        return web.json_response(body, headers=headers)

    async def show_translations(self, request: web.Request) -> web.Response:
        """A report for each language of the event."""
        require_organiser(request)
        event_id = event_id_in(request)
        draft = await self._store.draft(event_id)
        if draft is None:
            raise no_event(event_id)
        languages = [
            answers.LanguageReport(language=report.language, texts=report.texts, missing=list(report.missing))
            for report in reports(draft.agenda)
        ]
        return web.json_response(answers.Translations(event_id=event_id, languages=languages).model_dump(mode="json"))

    async def patch_event(self, request: web.Request) -> web.Response:
        """Merges the body into the event of the draft. Publish to make it known."""
        require_organiser(request)
        event_id = event_id_in(request)
        patch, expected = await _object_in(request, event_id), expected_version(request)
        with refusals("Some fields are wrong; nothing was changed."):
            return _answer(await self._editor.patch_event(event_id, patch, expected))

    async def add_part(self, request: web.Request) -> web.Response:
        """Adds it at the end of its list."""
        require_organiser(request)
        event_id, section = event_id_in(request), request.match_info["section"]
        part, expected = await _object_in(request, None), expected_version(request)
        with refusals("Some fields are wrong; nothing was changed."):
            edited = await self._editor.add_part(event_id, section, part, expected)
        return _answer(edited, status=201)

    async def patch_part(self, request: web.Request) -> web.Response:
        """Merges the body into the part. Publish to make it known."""
        require_organiser(request)
        event_id, section, part_id = event_id_in(request), request.match_info["section"], _part_id_in(request)
        patch, expected = await _object_in(request, part_id), expected_version(request)
        with refusals("Some fields are wrong; nothing was changed."):
            return _answer(await self._editor.patch_part(event_id, section, part_id, patch, expected))

    async def remove_part(self, request: web.Request) -> web.Response:
        """Refused while something refers to it."""
        require_organiser(request)
        event_id, section, part_id = event_id_in(request), request.match_info["section"], _part_id_in(request)
        expected = expected_version(request)
        with refusals("It cannot be removed; nothing was changed."):
            return _answer(await self._editor.remove_part(event_id, section, part_id, expected))


def yaml_file(body: bytes, name: str, headers: dict[str, str]) -> web.Response:
    """An agenda in its own form, to be kept and edited as a file."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type="application/yaml", charset="utf-8", headers={**headers, **disposition})


def _part_id_in(request: web.Request) -> str:
    return request.match_info["part_id"]


async def _object_in(request: web.Request, own_id: str | None) -> dict[str, object]:
    """The JSON object in the body. Its `id`, where it has one, is `own_id`."""
    patch = await read_json(request)
    if not isinstance(patch, dict):
        raise Problem(422, "invalid", "Send an object of the fields to change.", [problem("body", "not an object")])
    if own_id is not None and patch.get("id", own_id) != own_id:
        raise Problem(422, "invalid", "An id stays.", [problem("id", "leave it out; an id cannot be changed")])
    return patch


def _answer(edited: Edited, *, dry_run: bool = False, status: int | None = None) -> web.Response:
    created = edited.before is None and not dry_run
    told = answers.DraftEdited(
        **answers.summary(edited.after),
        changed=bool(edited.changes),
        dry_run=dry_run,
        difference=answers.told_changes(edited.changes),
    )
    headers = {"ETag": etag(edited.after.version)}
    if created:
        headers["Location"] = f"/api/v1/events/{edited.after.agenda.event.id}/draft"
    return web.json_response(told.model_dump(mode="json"), status=status or (201 if created else 200), headers=headers)
