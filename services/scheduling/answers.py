"""What scheduling answers over HTTP, as models: they make the JSON and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from services.scheduling.agenda import Agenda
from services.scheduling.difference import Change, What, as_seen, difference
from services.scheduling.store import Draft
from services.scheduling.warnings import warnings
from shared.contracts.base import Instant, Text
from shared.contracts.registration import SeatsState
from shared.contracts.scheduling import EventState, SessionState, Status


class ReadingData(BaseModel):
    """One way to read a time whose printed abbreviation does not apply on its day."""

    answer: str
    utc: Instant


class WarningData(BaseModel):
    """Something to look at before publishing. `about` has the ids of what else is concerned (session, person, room);
    `readings` are the answers to choose from, for a zone check."""

    code: str
    field: str
    message: str
    blocks: bool
    about: dict[str, str] = {}
    readings: list[ReadingData] = []


class FieldChangeData(BaseModel):
    """A field before and after; null where it was, or is, not there."""

    field: str
    before: Any = None
    after: Any = None


class ChangeData(BaseModel):
    """What became of one subject: `event`, `sessions/<id>`, `people/<id>`, `rooms/<id>` or `blocks/<id>`."""

    subject: str
    what: What
    fields: list[FieldChangeData] = []


class DraftSummary(BaseModel):
    """Where a draft stands."""

    event_id: str
    draft_version: int
    revision: int | None
    warnings: list[WarningData]


class DraftEdited(DraftSummary):
    """A draft after an edit, and what the edit changed."""

    changed: bool
    dry_run: bool
    difference: list[ChangeData]


class DraftShown(DraftSummary):
    """A draft, and what of it is not published yet."""

    agenda: Agenda
    unpublished: list[ChangeData]


class DraftPublished(DraftSummary):
    """What was published. `changed` false: there was nothing new, and no new revision."""

    changed: bool
    difference: list[ChangeData]


class AgendaLine(BaseModel):
    """An event in the organiser's list. `unpublished`: the draft says something that is not published."""

    event_id: str
    title: Text
    status: Status
    starts_on: date
    ends_on: date
    sessions: int
    draft_version: int
    revision: int | None
    unpublished: bool
    changed_at: Instant


class Agendas(BaseModel):
    """A page of the organiser's list."""

    items: list[AgendaLine]
    next_cursor: str | None


class RevisionLine(BaseModel):
    """A published revision and what it changed."""

    revision: int
    published_at: Instant
    note: Text
    changes: list[ChangeData]


class Revisions(BaseModel):
    """A page of the change log, newest first."""

    items: list[RevisionLine]
    next_cursor: str | None


class RevisionShown(BaseModel):
    """An earlier revision: the agenda that it was made from."""

    event_id: str
    revision: int
    agenda: Agenda


class Events(BaseModel):
    """A page of published events."""

    items: list[EventState]
    next_cursor: str | None


class EventShown(BaseModel):
    """A published event as everybody may see it; `seats` null: registration has told nothing yet."""

    event: EventState
    sessions: list[SessionState]
    seats: SeatsState | None


class LanguageReport(BaseModel):
    """How far the agenda is translated into one language: texts in all, and the fields that are missing."""

    language: str
    texts: int
    missing: list[str]


class Translations(BaseModel):
    """The report of missing translations."""

    event_id: str
    languages: list[LanguageReport]


def told_changes(changes: Sequence[Change]) -> list[ChangeData]:
    """Changes as they are answered."""
    return [ChangeData.model_validate(change.as_data()) for change in changes]


def summary(draft: Draft) -> dict[str, Any]:
    """The fields of DraftSummary."""
    published = draft.published
    told = warnings(draft.agenda, published.sessions if published else None)
    return {
        "event_id": draft.agenda.event.id,
        "draft_version": draft.version,
        "revision": published.revision if published else None,
        "warnings": [WarningData.model_validate(warning.as_data()) for warning in told],
    }


def unpublished(draft: Draft) -> list[Change]:
    """What of the draft is not published yet."""
    return difference(draft.published.agenda.as_data() if draft.published else None, draft.agenda.as_data())


def revision_line(document: Mapping[str, Any], *, public: bool) -> RevisionLine:
    """A revision's document as a line of the change log; `public`: only what everybody may know."""
    at: datetime = document["at"]
    changes = document["changes"]
    if public:
        changes = as_seen(changes, document.get("public", []))
    return RevisionLine(revision=document["number"], published_at=at, note=document["note"], changes=changes)


def agenda_line(document: Mapping[str, Any]) -> AgendaLine:
    """A line of the organiser's list."""
    fields = {name: value for name, value in document.items() if name in AgendaLine.model_fields}
    return AgendaLine(**{**fields, "event_id": document["_id"], "revision": document["published_revision"]})
