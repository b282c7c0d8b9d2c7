"""What schedule JSON and schedule XML have in common: the events of a file as sessions, their kinds and keys.

The dialects: frab (the oldest, also of FOSDEM), pretalx, the hub of the CCC (schedule v2), and our own export.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urljoin, urlsplit

from services.scheduling.agenda import AgendaSession
from services.scheduling.exports.schedule import GENERATOR, event_id_of, room_names, session_id_of
from services.scheduling.imports.foreign import Foreign, ForeignLink, ForeignPerson, ForeignSession
from services.scheduling.imports.names import slug
from services.scheduling.imports.schedule_parts import FileEvent, FileSchedule, Problems, short
from services.scheduling.imports.schedule_times import MOMENT, Instants, TimeRefusal, times_of
from services.scheduling.time_zones import check_zone
from shared.contracts.scheduling import SessionKind, Status

_LANGUAGE = re.compile(r"([a-z]{2})(?:[-_].*)?", re.IGNORECASE)
_UTC_NAMES = {"Etc/UTC", "Etc/GMT", "GMT", "Z", "Zulu", "UCT", "Universal"}
_SPOKEN_OF = frozenset(
    {"title", "description", "kind", "language", "track", "room", "people", "links", "outcome"}
    | {"date", "starts", "ends", "ends_on"}
)
_KINDS = {
    SessionKind.KEYNOTE: "keynote keynotes keynotevortrag eröffnungsvortrag",
    SessionKind.PLENARY: "plenary plenarium plenum plénière opening closing ceremony eröffnung abschluss ouverture clôture",
    SessionKind.PANEL: "panel podium podiumsdiskussion discussion diskussion table-ronde roundtable round-table débat debate",
    SessionKind.WORKSHOP: "workshop workshops atelier ateliers tutorial tutorials hands-on werkstatt training schulung formation",
    SessionKind.WEB_CONFERENCE: "web-conference webconference webinar webinaire online-seminar visioconférence",
    SessionKind.BREAK: "break pause pausen lunch coffee mittagessen mittagspause kaffeepause déjeuner pause-café",
    SessionKind.SOCIAL: "social party concert konzert performance reception empfang réception cocktail dinner abendessen dîner",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}


def foreign_schedule(read: FileSchedule, problems: Problems) -> Foreign:
    """The file for merge.py. Raises AgendaRefused with `problems` and all that it finds itself."""
    ours = read.generator == GENERATOR
    zone = _zone(read, problems)
    event: dict[str, Any] = {
        name: read.conference[name] for name in ("title", "description") if read.conference.get(name)
    }
    event |= _days(read, problems)
    if zone:
        event["zone"] = zone
    reader = _Sessions(read, zone, problems)
    sessions = [reader.session(item, number) for number, item in enumerate(read.events, 1)]
    problems.refuse()
    lines = {
        "title": "title",
        "description": "description",
        "starts_on": "start",
        "ends_on": "end",
        "zone": "time_zone_name",
    }
    named = read.conference.get("acronym", "")
    return Foreign(
        sessions=sessions,
        speaks_of=_SPOKEN_OF,
        event=event,
        event_lines={name: read.lines[there] for name, there in lines.items() if there in read.lines},
        event_id=(event_id_of(named) if ours else slug(named)) or None,
        # The language of an event is what is spoken there; only our own file says what it is written in.
        language=read.language if ours and re.fullmatch("[a-z]{2}", read.language) else None,
        unspeakable=_is_unspeakable,
        rooms_of=room_names,
    )


def _is_unspeakable(session: AgendaSession) -> bool:
    """No time, or cancelled: the family has no word for it."""
    return session.starts is None or session.status is Status.CANCELLED


def _zone(read: FileSchedule, problems: Problems) -> str | None:
    name = read.conference.get("time_zone_name", "")
    if not name:
        return None
    if name in _UTC_NAMES:
        return "UTC"
    try:
        return check_zone(name)
    except ValueError as error:
        problems.add(read.lines.get("time_zone_name"), "conference.time_zone_name", str(error), "zone")
        return None


def _days(read: FileSchedule, problems: Problems) -> dict[str, str]:
    """First and last day, where the file has both: a new event without them lasts as long as its sessions."""
    days: dict[str, str] = {}
    for name, there in (("starts_on", "start"), ("ends_on", "end")):
        words = read.conference.get(there, "")
        if not words:
            continue
        try:
            match = MOMENT.fullmatch(words)
            days[name] = date.fromisoformat(match.group(1) if match is not None else "").isoformat()
        except ValueError:
            message = f"{short(words)} is not a date; write year, month and day, for example 2019-11-20"
            problems.add(read.lines.get(there), f"conference.{there}", message, "date")
    return days if len(days) == 2 else {}


def _base(read: FileSchedule) -> str:
    """What addresses without a host are relative to; empty where the file does not say."""
    base = read.conference.get("base_url", "")
    return base if urlsplit(base).scheme in ("http", "https") else ""


class _Sessions:
    """Makes sessions of events, and notices what is there twice."""

    def __init__(self, read: FileSchedule, zone: str | None, problems: Problems) -> None:
        self._ours, self._zone, self._problems, self._base = read.generator == GENERATOR, zone, problems, _base(read)
        self._with_days = self._ours or read.generator.lower() == "pretalx"
        self._seen: dict[str, int | None] = {}
        self._named = ""

    def session(self, item: FileEvent, number: int) -> ForeignSession:
        self._named = f"events.{item.values.get('guid') or item.values.get('id') or item.values.get('slug') or number}"
        key = self._key(item)
        if not item.values.get("title"):
            self._refuse(item, "title", "title is missing; add it", "missing")
        fields: dict[str, Any] = {
            "title": item.values.get("title", ""),
            "description": _description(item.values),
            "kind": kind_of(item.values.get("type", "")).value,
            "language": _language(item.values.get("language", "")),
            "track": item.values.get("track", ""),
            "room": self._room(item),
            "people": [ForeignPerson(name) for name in item.persons],
            "links": [self._link(link) for link in item.links],
            "outcome": [self._link(link) for link in item.attachments],
        }
        moments = self._moments(item)
        lines = dict(item.lines)
        for ours, theirs in (
            ("kind", ("type",)),
            ("people", ("persons",)),
            ("outcome", ("attachments",)),
            ("description", ("description", "abstract", "subtitle")),
            ("date", ("date", "start")),
            ("starts", ("start", "date")),
            ("ends", ("duration", "end")),
        ):
            if (line := next((item.lines[name] for name in theirs if name in item.lines), None)) is not None:
                lines[ours] = line
        return ForeignSession(key, fields, item.line, lines, moments=moments)

    def _refuse(self, item: FileEvent, name: str, message: str, code: str) -> None:
        self._problems.add(item.lines.get(name, item.line), f"{self._named}.{name}", message, code)

    def _key(self, item: FileEvent) -> str:
        """What the session is called from export to export.

        Ours: the slug, which is the session's id. Else the guid: frab and pretalx keep it for as long as the session
        lives, and JSON and XML have the same. `id` and `code` are those of the submission, which may be held several
        times; a slug changes with the title. Old files have an `id` only.
        """
        names = ("slug", "guid", "id") if self._ours else ("guid", "id", "slug")
        name = next((name for name in names if item.values.get(name)), None)
        if name is None:
            self._refuse(item, "guid", "guid is missing; add one that no other event has, and keep it", "missing")
            return ""
        value = item.values[name]
        key = session_id_of(value) if self._ours and name == "slug" else value.lower()
        if key in self._seen:
            first = self._seen[key]
            where = f" (first on line {first})" if first is not None else ""
            self._refuse(
                item, name, f"{short(value)} is the {name} of two events{where}; give one of them another", "twice"
            )
        self._seen.setdefault(key, item.lines.get(name, item.line))
        return key

    def _room(self, item: FileEvent) -> str:
        inside, said = item.above.strip(), item.values.get("room", "").strip()
        if inside and said and " ".join(inside.split()) != " ".join(said.split()):
            message = f"room says {short(said)}, but the event stands in {short(inside)}; make the two the same"
            self._refuse(item, "room", message, "contradiction")
        return said or inside

    def _link(self, link: ForeignLink) -> ForeignLink:
        """With its whole address: frab and pretalx leave the host out of attachments."""
        try:
            relative = not urlsplit(link.url).scheme
        except ValueError:
            return link  # the agenda says what is wrong with it
        return ForeignLink(link.title, urljoin(self._base, link.url), link.kind) if relative and self._base else link

    def _moments(self, item: FileEvent) -> Callable[[str], Instants] | None:
        try:
            return times_of(item, self._zone, self._named, with_days=self._with_days)
        except TimeRefusal as refusal:
            self._refuse(item, refusal.field, str(refusal), "time")
            return None


def kind_of(words: str) -> SessionKind:
    """What a type is here: our own words as they are, usual ones in English, German and French, else a presentation."""
    plain = " ".join(words.split()).casefold()
    known = next((kind for kind in SessionKind if kind.value == plain), None) or _KIND_OF.get(plain.replace(" ", "-"))
    if known is not None:
        return known
    # "Workshop (90 minutes)", "Long workshop": the first word that is known.
    return next((_KIND_OF[word] for word in re.findall(r"[\w-]+", plain) if word in _KIND_OF), SessionKind.PRESENTATION)


def _description(values: Mapping[str, str]) -> str:
    """Subtitle, abstract and description as paragraphs of one text; what is said twice, once."""
    parts = [values.get(name, "").strip() for name in ("subtitle", "abstract", "description")]
    return "\n\n".join(dict.fromkeys(part for part in parts if part))


def _language(words: str) -> str | None:
    match = _LANGUAGE.fullmatch(words.strip())
    return match.group(1).lower() if match else None
