"""A file of any format that is read, as something that can be made the draft of an event."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import read_agenda
from services.scheduling.domain import AgendaRefused
from services.scheduling.imports.foreign import Foreign, Hints
from services.scheduling.imports.icalendar import read_calendar
from services.scheduling.imports.merge import event_id_of, merged_agenda
from services.scheduling.imports.schedule_json import read_schedule_json
from services.scheduling.imports.schedule_xml import read_schedule_xml
from services.scheduling.imports.table import read_table
from shared.contracts.cloudevent import problem

MAX_FILE = 4_194_304
"""The largest file that is read, in bytes (4 MiB). What is kept of it has a limit of its own (agenda_file.py)."""


class Format(StrEnum):
    """What a file is written in. `json` is our own form or a schedule, whichever it holds."""

    YAML = "yaml"
    JSON = "json"
    SCHEDULE_XML = "xml"
    CALENDAR = "ics"
    TABLE = "csv"


MEDIA_TYPES = {
    "application/yaml": Format.YAML,
    "application/x-yaml": Format.YAML,
    "text/yaml": Format.YAML,
    "text/x-yaml": Format.YAML,
    "text/plain": Format.YAML,
    "application/json": Format.JSON,
    "application/xml": Format.SCHEDULE_XML,
    "text/xml": Format.SCHEDULE_XML,
    "text/calendar": Format.CALENDAR,
    "text/csv": Format.TABLE,
    "text/tab-separated-values": Format.TABLE,
}
"""The media types that are taken, and what each is read as."""

_ENDINGS = {".yml": Format.YAML, ".ical": Format.CALENDAR, ".tsv": Format.TABLE, ".txt": Format.YAML}
_READERS: dict[Format, Callable[[bytes], Foreign]] = {
    Format.SCHEDULE_XML: read_schedule_xml,
    Format.CALENDAR: read_calendar,
    Format.TABLE: read_table,
}


@dataclass(frozen=True)
class AgendaFile:
    """A file that was read: the event that it is for, and how it becomes the agenda, given the draft that is there."""

    event_id: str
    agenda: Callable[[Agenda | None], Agenda]
    merges: bool = False
    """It is laid over the draft, and keeps what it cannot say."""


def format_of_name(name: str) -> Format | None:
    """The format that a file's name ends in; None for an ending that is not known."""
    ending = PurePath(name).suffix.lower()
    return _ENDINGS.get(ending) or next((known for known in Format if f".{known.value}" == ending), None)


def read_file(body: bytes, form: Format, hints: Hints) -> AgendaFile:
    """Reads a file; its references and times are checked when it is made an agenda. Raises AgendaRefused."""
    if form is Format.YAML or (form is Format.JSON and not _is_schedule(body)):
        agenda = read_agenda(body, is_json=form is Format.JSON)
        if hints.event_id is not None and hints.event_id != agenda.event.id:
            message = f"the file is of {agenda.event.id}; leave event_id out, or correct it"
            raise AgendaRefused([problem("event_id", message, "other-event")])
        return AgendaFile(agenda.event.id, lambda _: agenda)
    foreign = _READERS.get(form, read_schedule_json)(body)
    return AgendaFile(event_id_of(foreign, hints), lambda before: merged_agenda(foreign, before, hints), merges=True)


def _is_schedule(body: bytes) -> bool:
    """Whether JSON is a schedule file (`{"schedule": ...}`) and not our own form (`{"event": ...}`)."""
    if b'"schedule"' not in body:
        return False
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False  # the reader of our own form says what is wrong
    return isinstance(data, dict) and "schedule" in data and "event" not in data
