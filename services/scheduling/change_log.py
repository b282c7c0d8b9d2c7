"""The public change log in words: what each revision changed, for somebody who plans the day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.scheduling.answers import ChangeData, FieldChangeData, RevisionLine
from services.scheduling.difference import What
from shared.calendar.entry import ROLES
from shared.contracts.base import Text, said_in
from shared.contracts.scheduling import Role, SessionState, Status
from shared.web.i18n import clock_time, day

Words = Callable[[str], str]
"""The catalogue's gettext."""

EVENT = "event"


@dataclass(frozen=True)
class Entry:
    """What became of one subject: its title, the id of the session (None: the event), and sentences."""

    title: str
    session_id: str | None
    sentences: tuple[str, ...]


def entries(line: RevisionLine, titles: Mapping[str, Text], language: str, default: str, words: Words) -> list[Entry]:
    """The entries of one revision in `language`; `titles` are the sessions' present ones, by id."""
    said = _Said(language, default, words)
    if line.revision == 1:
        return []
    found: list[Entry] = []
    for change in line.changes:
        session_id = change.subject.removeprefix("sessions/") if change.subject.startswith("sessions/") else None
        if session_id is None and change.subject != EVENT:
            continue
        title = said.text(titles.get(session_id, {})) if session_id is not None else words("The event")
        sentences = tuple(dict.fromkeys(said.sentences(change)))
        if sentences:
            found.append(Entry(title or session_id or "", session_id, sentences))
    return found


def titles_of(sessions: list[SessionState]) -> dict[str, Text]:
    """The sessions' titles by id."""
    return {session.id: session.title for session in sessions}


class _Said:
    def __init__(self, language: str, default: str, words: Words) -> None:
        self._language, self._default, self._words = language, default, words

    def text(self, text: object) -> str:
        return said_in(text, self._language, self._default) if isinstance(text, dict) else ""

    def sentences(self, change: ChangeData) -> Iterator[str]:
        words = self._words
        if change.what is What.ADDED:
            yield words("New.")
        elif change.what is What.REMOVED:
            yield words("Cancelled.")
        fields = {field.field: field for field in change.fields}
        for name, field in fields.items():
            yield from self._field(name, field, fields)

    def _field(self, name: str, field: FieldChangeData, fields: Mapping[str, FieldChangeData]) -> Iterator[str]:
        words = self._words
        before, after = field.before, field.after
        if name == "status":
            yield words("Cancelled.") if after == Status.CANCELLED.value else words("Takes place after all.")
        elif name in ("starts_local", "ends_local"):
            whole_day = "date" in fields
            label = words("Begins: {before} → {after}") if name == "starts_local" else words("Ends: {before} → {after}")
            yield label.format(before=self._moment(before, whole_day), after=self._moment(after, whole_day))
        elif name in ("date", "starts_on", "ends_on"):
            if "starts_local" not in fields:
                label = words("Last day: {before} → {after}") if name == "ends_on" else words("Day: {before} → {after}")
                yield label.format(before=self._day(before), after=self._day(after))
        elif name in ("starts_at", "ends_at"):
            if not {"starts_local", "ends_local", "date"} & fields.keys():
                yield words("The same local time; the offset from UTC changed.")
        elif name == "place":
            was, now = self._place(before), self._place(after)
            if was == now:
                yield words("Details changed.")
            else:
                yield words("Place: {before} → {after}").format(before=was, after=now)
        elif name == "title":
            if self.text(before) and self.text(before) != self.text(after):
                yield words("Title: {before} → {after}").format(before=self.text(before), after=self.text(after))
            else:
                yield words("Translated.")
        elif name in ("people", "contacts"):
            yield from self._people(before or [], after or [])
        elif name in ("links", "outcome"):
            yield from self._links(before or [], after or [])
        elif name == "admission":
            yield from self._admission(before or {}, after or {})
        elif name == "requirements":
            yield words("What else you need to register for changed.")
        elif name == "members":
            yield words("Registration changed.")
        elif name in (
            "description",
            "subtitle",
            "funding",
            "programme",
            "hosts",
            "supporters",
            "kind",
            "tracks",
            "language",
        ):
            translated = isinstance(before, dict) and isinstance(after, dict) and before.items() <= after.items()
            yield words("Translated.") if translated else words("Details changed.")

    def _admission(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
        """What somebody who wants a seat must know is said; the rest is only named."""
        words, rest = self._words, set[str]()
        telling = {
            "code_needed": (words("By invitation now: you need a code."), words("You no longer need a code.")),
            "members_only": (words("For members only now."), words("No longer for members only.")),
            "approval": (
                words("The organisers now decide on each registration."),
                words("Registrations no longer wait for the organisers."),
            ),
        }
        for name in {**before, **after}:
            if name not in telling:
                rest |= {name} if before.get(name) != after.get(name) else set()
            elif bool(before.get(name)) != bool(after.get(name)):
                yield telling[name][0 if after.get(name) else 1]
        if rest:
            yield words("Registration changed.")

    def _people(self, before: list[Any], after: list[Any]) -> Iterator[str]:
        had, has = self._parts(before), self._parts(after)
        for id_, (name, role) in has.items():
            if id_ not in had:
                yield self._words("New: {name} ({role})").format(name=name, role=role)
        for id_, (name, role) in had.items():
            if id_ not in has:
                yield self._words("No longer there: {name} ({role})").format(name=name, role=role)
        if had.keys() == has.keys():
            yield self._words("Details changed.")

    def _parts(self, people: list[Any]) -> dict[tuple[str, str], tuple[str, str]]:
        return {(p["id"], p["role"]): (p["name"], self._words(ROLES[Role(p["role"])])) for p in people}

    def _links(self, before: list[Any], after: list[Any]) -> Iterator[str]:
        had = {link["url"] for link in before}
        for link in after:
            if link["url"] not in had:
                yield self._words("New: {title}").format(title=self.text(link["title"]))
        if had - {link["url"] for link in after}:
            yield self._words("A link was removed.")
        elif had == {link["url"] for link in after}:
            yield self._words("Details changed.")

    def _moment(self, value: Any, whole_day: bool) -> str:
        if value is None:
            return self._words("time to be announced")
        moment = datetime.fromisoformat(value)
        time = clock_time(moment, self._language)
        return f"{day(moment.date(), self._language)}, {time}" if whole_day else time

    def _day(self, value: Any) -> str:
        return day(date.fromisoformat(value), self._language) if value else ""

    def _place(self, value: Any) -> str:
        place: Mapping[str, Any] = value or {}
        parts = [self.text(place.get(name)) for name in ("room", "level", "venue")]
        said = ", ".join(part for n, part in enumerate(parts) if part and part not in parts[:n])
        return said or (self._words("Online") if place.get("online") else self._words("to be announced"))
