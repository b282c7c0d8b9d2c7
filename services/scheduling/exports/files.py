"""The files that a published event is offered as: name, media type, and what writes it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.scheduling.exports.icalendar import agenda_calendar
from services.scheduling.exports.json_ld import agenda_json_ld
from services.scheduling.exports.pdf import agenda_pdf
from services.scheduling.exports.schedule_json import schedule_json
from services.scheduling.exports.schedule_xml import schedule_xml
from services.scheduling.exports.table import agenda_table
from services.scheduling.public_view import PublicAgenda

FORM = "1"
"""Raise it when a file of the same agenda comes out otherwise: what readers have kept is then not right any more."""

MOST_KEPT = 64
"""How many written files are kept for the next reader."""

Write = Callable[[PublicAgenda, str], Awaitable[bytes]]


@dataclass(frozen=True)
class FileKind:
    """One of the files: its name in the address, its media type, and what it is for."""

    name: str
    media_type: str
    about: str
    write: Write

    @property
    def charset(self) -> str | None:
        """UTF-8 for text."""
        return "utf-8" if self.media_type.startswith("text/") else None


def _in_thread(write: Callable[[PublicAgenda, str], bytes]) -> Write:
    return lambda agenda, language: asyncio.to_thread(write, agenda, language)


FILES = {
    kind.name: kind
    for kind in (
        FileKind("agenda.pdf", "application/pdf", "the agenda to print", agenda_pdf),
        FileKind("agenda.ics", "text/calendar", "the sessions as calendar entries", _in_thread(agenda_calendar)),
        FileKind("agenda.csv", "text/csv", "the sessions as a table", _in_thread(agenda_table)),
        FileKind("agenda.jsonld", "application/ld+json", "schema.org Event", _in_thread(agenda_json_ld)),
        FileKind("schedule.json", "application/json", "schedule JSON (c3, frab, pretalx)", _in_thread(schedule_json)),
        FileKind("schedule.xml", "application/xml", "schedule XML (c3, frab, pretalx)", _in_thread(schedule_xml)),
    )
}


class Files:
    """Writes files, and keeps the last ones: a hall of people asks for the same PDF at once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str, str], asyncio.Task[bytes]] = OrderedDict()

    async def file(self, kind: FileKind, agenda: PublicAgenda, language: str) -> bytes:
        """The file, written at most once for each state of the agenda and language."""
        key = (agenda.event.id, kind.name, agenda.digest, language)
        task = self._kept.get(key)
        if task is None:
            task = asyncio.ensure_future(kind.write(agenda, language))
            task.add_done_callback(lambda done: self._forget_failed(key, done))
            self._kept[key] = task
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return await asyncio.shield(task)

    def _forget_failed(self, key: tuple[str, str, str, str], done: asyncio.Task[bytes]) -> None:
        """What failed is tried again by the next who asks."""
        if (done.cancelled() or done.exception() is not None) and self._kept.get(key) is done:
            del self._kept[key]
