"""What a reader finds in a file of another format: plain words in one language, names instead of ids, and the lines.

A reader makes no decision about the agenda; merge.py lays what it found over the draft.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.scheduling.agenda import Agenda, AgendaSession

EVENT_TEXTS = frozenset({"title", "subtitle", "description"})
SESSION_TEXTS = frozenset({"title", "description", "funding"})
TIMES = frozenset({"date", "starts", "ends", "ends_on"})
"""Fields that stand and fall together; with them go `starts_hour`, `ends_hour` and `zone`, where the reader has them."""


@dataclass(frozen=True)
class ForeignLink:
    """A public address with its title. `kind`: what a new one is, where the file says it."""

    title: str
    url: str
    kind: str | None = None


@dataclass(frozen=True)
class ForeignPerson:
    """A person as the file names them. `role` None: the file does not say; empty texts and None: it is silent."""

    name: str
    role: str | None = None
    affiliation: str = ""
    country: str | None = None
    position: str = ""


@dataclass(frozen=True)
class ForeignSession:
    """A session as the file has it.

    `key` is what the file calls it: a session's id of ours, or any text that stays the same from export to export.
    `fields` are fields of the agenda's own form as text (`starts: "09:40"`), texts in the file's language; beside them
    `room` and `block` (names), `tracks` (list of names), `people` (list of ForeignPerson), `links` and `outcome` (lists of
    ForeignLink). `link` is one address that the file names among others that it cannot hold: it is added where the draft has
    it not. `track` is the one track that a format has room for: the first; further ones of the draft stay. `starts_at` and
    `ends_at` are instants (UTC) that stand for the local times of a file that gives only them; `moments` gives the two where
    they depend on the event's zone, which it is asked with, and raises AgendaRefused.
    `silent` names fields of `speaks_of` that the file leaves open for this session: those of the draft stay.
    `line` (from 1) is where the session begins, `lines` where its fields stand.
    """

    key: str
    fields: Mapping[str, Any]
    line: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    moments: Callable[[str], tuple[datetime, datetime | None]] | None = None


def _keeps_none(session: AgendaSession) -> bool:
    return False


@dataclass(frozen=True)
class Foreign:
    """A whole file.

    `speaks_of` names the fields of a session that the format can express: where a session of the file has none of it, it
    is empty; every other field of the draft stays. `event` holds the event's fields that the file has; `event_if_new` those
    that only an event without a draft takes from it, after the hints; `event_id` is the event that it names itself. `unspeakable` tells which sessions of the draft the format cannot express (a session
    without a time in a format of times): they stay though the file does not have them.
    `rooms_of` tells, by the session's id, what the format writes as the room of each session of a draft in a language:
    where the file has the same, the room stays (`Online` is no room).
    """

    sessions: Sequence[ForeignSession]
    speaks_of: frozenset[str]
    event: Mapping[str, Any] = field(default_factory=dict)
    event_lines: Mapping[str, int] = field(default_factory=dict)
    event_if_new: Mapping[str, Any] = field(default_factory=dict)
    event_id: str | None = None
    language: str | None = None
    unspeakable: Callable[[AgendaSession], bool] = _keeps_none
    rooms_of: Callable[[Agenda, str], Mapping[str, str]] | None = None


@dataclass(frozen=True)
class Hints:
    """What whoever imports says beside the file. `language` is the language of the file's texts."""

    event_id: str | None = None
    kind: str | None = None
    zone: str | None = None
    language: str | None = None
