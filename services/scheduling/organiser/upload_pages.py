"""An agenda from a file: what it would change is shown first, and only the button below that imports it.

Between the two the file travels in the page itself, packed: nothing is kept here that somebody would have to clean up, and
what is imported is what was shown.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.scheduling.agenda import Agenda
from services.scheduling.answers import told_changes
from services.scheduling.difference import Change
from services.scheduling.domain import AgendaRefused
from services.scheduling.editing import EditedByHand, Editor, Expected
from services.scheduling.imports.files import MEDIA_TYPES, AgendaFile, Format, format_of_name, read_file
from services.scheduling.imports.foreign import Hints
from services.scheduling.organiser.changes import told
from services.scheduling.organiser.event_pages import problem_words, reader_of
from services.scheduling.organiser.visit import HOME, NOT_KEPT, Gate, Visit
from services.scheduling.organiser.warnings import groups, questions
from services.scheduling.organiser.words import event_kinds
from services.scheduling.store import DraftMoved, Store
from services.scheduling.time_zones import check_zone
from shared.contracts.cloudevent import problem
from shared.contracts.scheduling import EventKind
from shared.web.problems import Problem

IMPORT = f"{HOME}/import"
MAX_FILE = 4_194_304
"""The largest file that is read, in bytes (4 MiB)."""

_MAX_UPLOAD = MAX_FILE + 65_536
_MAX_CONFIRM = 6_291_456
"""A file that cannot be packed smaller grows by a third in the page."""

HINTS = ("event_id", "zone", "kind", "language")


@dataclass(frozen=True)
class Sent:
    """A file as it was sent, with what was said beside it."""

    body: bytes
    form: Format
    hints: Mapping[str, str]

    def read(self) -> AgendaFile:
        """Reads it. Raises AgendaRefused."""
        said = {name: value for name, value in self.hints.items() if value}
        found = []
        if "zone" in said:
            try:
                check_zone(said["zone"])
            except ValueError as error:
                found.append(problem("zone", str(error)))
        if "kind" in said and said["kind"] not in {kind.value for kind in EventKind}:
            found.append(problem("kind", "choose one from the list", "enum"))
        if "language" in said and not re.fullmatch(r"[a-z]{2}", said["language"]):
            found.append(problem("language", "write two letters, for example en or fr"))
        if found:
            raise AgendaRefused(found)
        return read_file(self.body, self.form, Hints(**said))


class UploadPages:
    """`/organise/import`."""

    def __init__(self, store: Store, editor: Editor) -> None:
        self._store, self._editor = store, editor

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get(IMPORT, gate.page(self.ask)),
            web.post(IMPORT, gate.form(self.check, _MAX_UPLOAD)),
            web.get(f"{IMPORT}/confirm", gate.page(self.ask)),
            web.post(f"{IMPORT}/confirm", gate.form(self.confirm, _MAX_CONFIRM)),
        ]

    async def ask(self, visit: Visit) -> web.Response:
        """The form that takes the file."""
        return _ask_page(visit, {"event_id": visit.request.query.get("event", "")[:80]})

    async def check(self, visit: Visit) -> web.Response:
        """Tells what the file would change; nothing is changed yet."""
        typed = visit.typed()
        sent = visit.form.get("file")
        if not isinstance(sent, web.FileField) or not sent.filename:
            return _ask_page(visit, typed, [_problem("file", visit.words("Choose a file first."))])
        form = format_of_name(sent.filename) or MEDIA_TYPES.get(sent.content_type)
        if form is None:
            said = visit.words("The file's name should end in .yaml, .json, .xml, .ics or .csv.")
            return _ask_page(visit, typed, [_problem("file", said)])
        hints = {name: typed.get(name, "").strip() for name in HINTS}
        return await self._check_page(visit, Sent(await asyncio.to_thread(sent.file.read), form, hints))

    async def confirm(self, visit: Visit) -> web.Response:
        """Imports what was shown, unless the draft has moved since."""
        sent, version = _unpacked(visit), visit.version
        try:
            file = await asyncio.to_thread(sent.read)

            def make(before: Agenda | None) -> Agenda:
                if before is not None and version == 0:  # shown as a new event, and somebody else was faster
                    raise DraftMoved(1, None)
                return file.agenda(before)

            edited = await self._editor.put(file.event_id, make, version or None, merges=file.merges)
        except (DraftMoved, EditedByHand) as error:
            return await self._check_page(visit, sent, error.changes or [])
        except AgendaRefused as error:
            return _ask_page(visit, sent.hints, [problem_words(one, visit) for one in error.problems])
        done = "imported" if edited.changes else "unchanged"
        return visit.go(f"{HOME}/events/{file.event_id}", done=done)

    async def _check_page(self, visit: Visit, sent: Sent, moved: Sequence[Change] | None = None) -> web.Response:
        try:
            file = await asyncio.to_thread(sent.read)
            before = await self._store.draft(file.event_id)
            there: Expected = "*" if before is not None else None
            edited = await self._editor.put(file.event_id, file.agenda, there, dry_run=True, merges=file.merges)
        except AgendaRefused as error:
            return _ask_page(visit, sent.hints, [problem_words(one, visit) for one in error.problems])
        agenda = edited.after.agenda
        reader = reader_of(visit, agenda)
        agendas = [before.agenda, agenda] if before is not None else [agenda]
        by_hand: Sequence[Change] = []
        if before is not None and before.version > before.imported_version:
            by_hand = await self._store.changes_since(file.event_id, before.imported_version, before) or []
        published = dict(before.published.sessions) if before is not None and before.published is not None else None
        context = {
            "title": reader.text(agenda.event.title),
            "agenda": agenda,
            "is_new": before is None,
            "version": before.version if before is not None else 0,
            "changes": told(told_changes(edited.changes), agendas, reader) if before is not None else [],
            "by_hand": told(told_changes(by_hand), agendas, reader) if edited.changes else [],
            "moved": told(told_changes(moved), agendas, reader) if moved is not None else None,
            "questions": questions(agenda, reader),
            "groups": groups(agenda, published, reader),
            "packed": base64.urlsafe_b64encode(await asyncio.to_thread(gzip.compress, sent.body, 6)).decode(),
            "format": sent.form.value,
            "hints": sent.hints,
            "path": IMPORT,
        }
        return visit.page("import_check.html", context, 409 if moved is not None else 200)


def _ask_page(visit: Visit, typed: Mapping[str, str], problems: Sequence[dict[str, Any]] = ()) -> web.Response:
    context = {
        "typed": typed,
        "problems": problems,
        "event_kinds": event_kinds(visit.words).items(),
        "endings": ".yaml,.yml,.json,.xml,.ics,.csv,.tsv",
        "path": IMPORT,
    }
    return visit.page("import.html", context, 422 if problems else 200)


def _problem(field: str, said: str) -> dict[str, Any]:
    return {"field": field, "line": None, "said": said, "own": True}


def _unpacked(visit: Visit) -> Sent:
    """The file that the page carried. Raises Problem 400 for what is none."""
    typed = visit.typed()
    try:
        packed = base64.urlsafe_b64decode(typed.get("packed", "") or "-")  # an empty text would be an empty file
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as source:
            body = source.read(MAX_FILE + 1)
        form = Format(typed.get("format", ""))
    except (binascii.Error, ValueError, OSError, EOFError, zlib.error) as error:
        raise Problem(
            400, "bad-form", "This form is not complete; please reload the page.", headers=NOT_KEPT
        ) from error
    if len(body) > MAX_FILE:
        raise Problem(413, "too-large", "The file is too large.", headers=NOT_KEPT)
    return Sent(body, form, {name: typed.get(name, "").strip() for name in HINTS})
