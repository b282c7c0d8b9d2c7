"""Changes in words for organisers: every field of a draft or of what is published, before and after, private ones included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.answers import ChangeData
from services.scheduling.difference import What
from services.scheduling.organiser.words import Words, audiences, field_names, kinds, policies, roles
from services.scheduling.rules import Needed
from shared.contracts.base import said_in
from shared.web.i18n import clock_time, day

LONGEST = 160
"""How much of a text is shown, in characters."""

_DERIVED = frozenset({"starts_at", "ends_at", "room_id", "revision", "published_at", "window", "event_id"})
"""Fields of what is published that follow from others. A window is told by `opens` and `closes`."""
_DAYS = frozenset({"date", "starts_on", "ends_on"})
_MOMENTS = frozenset({"starts_local", "ends_local", "opens", "closes"})
_TIMES = frozenset({"starts", "ends"})


@dataclass(frozen=True)
class Told:
    """What became of one part: what it is called, the session to look at (None: no session), and sentences."""

    title: str
    session_id: str | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Reader:
    """Who reads: the language, the event's first language, the catalogue."""

    language: str
    first: str
    words: Words

    def text(self, text: Mapping[str, str]) -> str:
        """A text in the reader's language, else in the event's first."""
        return said_in(dict(text), self.language, self.first)


def told(changes: Iterable[ChangeData], agendas: Sequence[Agenda], reader: Reader) -> list[Told]:
    """The changes in words. `agendas` know the names of parts; where several know one, the last does."""
    writer = _Writer(reader, _names(agendas, reader))
    found: list[Told] = []
    here = {session.id for agenda in agendas[-1:] for session in agenda.sessions}
    for change in changes:
        section, _, id_ = change.subject.partition("/")
        sentences = tuple(dict.fromkeys(writer.sentences(change)))
        if sentences:
            found.append(
                Told(writer.name(section, id_), id_ if section == "sessions" and id_ in here else None, sentences)
            )
    return found


def _names(agendas: Sequence[Agenda], reader: Reader) -> dict[tuple[str, str], str]:
    names: dict[tuple[str, str], str] = {}
    for agenda in agendas:
        names |= {("people", person.id): person.name for person in agenda.people}
        names |= {("rooms", room.id): reader.text(room.name) or room.id for room in agenda.rooms}
        names |= {("blocks", block.id): reader.text(block.title) for block in agenda.blocks}
        names |= {("requirements", needed.id): reader.text(needed.name) for needed in agenda.event.requirements}
        names |= {("audiences", kind.id): reader.text(kind.name) for kind in agenda.event.audiences}
        names |= {("sessions", session.id): reader.text(session.title) for session in agenda.sessions}
    return names


class _Writer:
    def __init__(self, reader: Reader, names: Mapping[tuple[str, str], str]) -> None:
        self._reader, self._names = reader, names
        self._labels = field_names(reader.words)
        self._choices = {
            "role": roles(reader.words),
            "audience": audiences(reader.words),
            "kind": kinds(reader.words),
            "policy": policies(reader.words),
            "overlaps": {"allow": reader.words("allowed"), "refuse": reader.words("not allowed")},
            "status": {"scheduled": reader.words("takes place"), "cancelled": reader.words("cancelled")},
            "zone_check": {
                "local": reader.words("the clock on the wall there"),
                "printed": reader.words("the printed zone"),
            },
            "starts_hour": {"first": reader.words("the first"), "second": reader.words("the second")},
            "ends_hour": {"first": reader.words("the first"), "second": reader.words("the second")},
        }

    def name(self, section: str, id_: str) -> str:
        """What a subject is called."""
        words = self._reader.words
        if not id_:
            return {
                "event": words("The event"),
                "sessions": words("Sessions"),
                "people": words("People"),
                "rooms": words("Rooms"),
                "blocks": words("Parts of the day"),
            }.get(section, section)
        return self._names.get((section, id_), id_)

    def sentences(self, change: ChangeData) -> Iterator[str]:
        if change.what is What.ADDED:
            yield self._reader.words("New.")
        elif change.what is What.REMOVED:
            yield self._reader.words("Removed.")
        for each in change.fields:
            if each.field == "order":
                yield self._reader.words("Another order.")
            else:
                yield from self._field(each.field, each.before, each.after)

    def _field(self, name: str, before: Any, after: Any) -> Iterator[str]:
        if name == "window":
            for bound in ("opens", "closes"):
                yield from self._field(bound, (before or {}).get(bound), (after or {}).get(bound))
        elif name in _DERIVED or before == after:
            return
        elif name == "quotas":
            before, after = before or {}, after or {}
            for kind in dict.fromkeys([*after, *before]):
                if before.get(kind) != after.get(kind):
                    label = f"{self._labels[name]} ({self._names.get(('audiences', kind), kind)})"
                    yield self._line(label, self._value(kind, before.get(kind)), self._value(kind, after.get(kind)))
        elif _is_text(before) or _is_text(after):
            yield from self._texts(name, before or {}, after or {})
        elif isinstance(before, Mapping) or isinstance(after, Mapping):
            before, after = before or {}, after or {}
            for inner in [*after, *(inner for inner in before if inner not in after)]:
                yield from self._field(inner, before.get(inner), after.get(inner))
        else:
            if isinstance(after if before is None else before, bool):  # what holds by default is left out of a draft
                before, after = (not after if before is None else before), (not before if after is None else after)
            was, is_ = self._value(name, before), self._value(name, after)
            label = self._labels.get(name, name)
            if was == is_:
                yield self._reader.words("{label}: details changed").format(label=label)
            else:
                yield self._line(label, was, is_)

    def _texts(self, name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
        label = self._labels.get(name, name)
        for language in dict.fromkeys([*before, *after]):
            was, is_ = before.get(language, ""), after.get(language, "")
            if was != is_:
                yield self._line(f"{label} ({language})", _short(was), _short(is_))

    def _line(self, label: str, was: str, is_: str) -> str:
        nothing = self._reader.words("nothing")
        return self._reader.words("{label}: {before} → {after}").format(
            label=label, before=was or nothing, after=is_ or nothing
        )

    def _value(self, name: str, value: Any) -> str:
        if value is None or value in ("", [], {}):
            return ""
        if isinstance(value, bool):
            return self._reader.words("yes") if value else self._reader.words("no")
        if isinstance(value, list):
            return "; ".join(self._item(name, item) for item in value)
        text = str(value)
        if name in self._choices:
            return self._choices[name].get(text, text)
        if name in _DAYS:
            return day(date.fromisoformat(text), self._reader.language)
        if name in _MOMENTS:
            return self._moment(text)
        if name in _TIMES:
            return text[:5]
        section = {"room": "rooms", "block": "blocks", "requirement": "requirements"}.get(name)
        return self._names.get((section, text), text) if section is not None else _short(text)

    def _item(self, name: str, item: Any) -> str:
        if not isinstance(item, Mapping):
            return self._names.get(("people", str(item)), str(item)) if name == "contacts" else str(item)
        if _is_text(item):
            return self._reader.text(item)
        said = next(
            (item[key] for key in ("name", "title", "label") if key in item), item.get("person", item.get("id"))
        )
        if "person" in item:
            said = self._names.get(("people", item["person"]), item["person"])
        said = self._reader.text(said) if isinstance(said, Mapping) else str(said)
        role = self._choices["role"].get(str(item.get("role")), "")
        audience = item.get("audience", "public")
        seen_by = self._choices["audience"].get(audience, audience) if audience != "public" else ""
        details = ", ".join(part for part in (role, str(item.get("code") or ""), seen_by, self._seats_of(item)) if part)
        return f"{said} ({details})" if details else said

    def _seats_of(self, item: Mapping[str, Any]) -> str:
        """What a kind of attendee or a registration elsewhere means for seats."""
        words = self._reader.words
        if item.get("quota") is not None:
            return words("seats set aside: {number}").format(number=item["quota"])
        if item.get("policy") == "hold":
            defaults = {name: Needed.model_fields[name].default for name in ("hold_days", "remind_days")}
            return words("days that a seat is held: {days}; reminder before the end: {before}").format(
                days=item.get("hold_days", defaults["hold_days"]),
                before=item.get("remind_days", defaults["remind_days"]),
            )
        return self._choices["policy"]["first"] if item.get("policy") == "first" else ""

    def _moment(self, text: str) -> str:
        moment = datetime.fromisoformat(text)
        at = f"{day(moment.date(), self._reader.language)}, {clock_time(moment, self._reader.language)}"
        return f"{at} UTC" if moment.tzinfo is not None else at


def _is_text(value: Any) -> bool:
    """Words by language; `id` is no language."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(key, str) and len(key) == 2 and key != "id" for key in value)
        and all(isinstance(words, str) for words in value.values())
    )


def _short(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1].rstrip() + "…"
