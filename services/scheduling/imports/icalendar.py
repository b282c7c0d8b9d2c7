"""Reads an iCalendar file (RFC 5545) of a calendar program, of another conference tool or of ours: an entry is a session.

Nothing is guessed: entries that repeat, zones that no database knows and lines that cannot be read are refused with their
line. What the file uses for no entry at all is not spoken of, because calendar programs drop what they do not know.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from services.scheduling.agenda_file import MAX_PROBLEMS
from services.scheduling.content_lines import Component, NotACalendar, Property, calendars, text_of, texts_of
from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.icalendar import KIND, MARK, ZONE, digest
from services.scheduling.hours import which_hour
from services.scheduling.imports.foreign import TIMES, Foreign, ForeignLink, ForeignSession
from services.scheduling.time_zones import check_zone, to_local
from shared.calendar.document import PRODUCT
from shared.calendar.entry import KINDS, REVISION
from shared.contracts.cloudevent import problem
from shared.contracts.scheduling import SessionKind, Status
from shared.web.i18n import languages, translations

_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")
_DATE = re.compile(r"^\d{8}$")
_MOMENT = re.compile(r"^(\d{8}T\d{6})(Z?)$")
_DURATION = re.compile(r"^([+-]?)P(?:(\d{1,4})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)$")
_PAGE = re.compile(r"/events/([a-z0-9][a-z0-9-]{0,79})$")
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Etc/UCT", "Zulu"})
_REPEATS = ("RRULE", "RDATE", "EXRULE", "RECURRENCE-ID")
_METHODS = frozenset({"", "PUBLISH", "REQUEST", "CANCEL", "ADD"})


@dataclass(frozen=True)
class _Calendar:
    """What holds for all entries of a file: who wrote it, its own zone, its zones by TZID, and whether it cancels."""

    ours: bool
    zone: str | None
    zones: Mapping[str, str]
    cancels: bool
    event_id: str | None = None
    language: str | None = None
    name: str = ""
    about: str = ""


class _Faulty(ValueError):
    """Something about an entry that cannot be taken; `line` is where it stands."""

    def __init__(self, line: int, field: str, message: str, code: str) -> None:
        super().__init__(message)
        self.told = {
            **problem(field, message, code),
            "line": str(line),
            "message": f"line {line}: {message}",
        }


def read_calendar(body: bytes) -> Foreign:
    """The entries of a calendar. Raises AgendaRefused with the line of everything that is wrong."""
    try:
        found = calendars(body)
    except NotACalendar as error:
        raise AgendaRefused([_Faulty(error.line, "body", str(error), "icalendar").told]) from error
    sessions: list[ForeignSession] = []
    problems: list[dict[str, str]] = []
    used: set[str] = set()
    heads: list[_Calendar] = []
    for component in found:
        try:
            head = _head(component)
        except _Faulty as error:
            problems.append(error.told)
            continue
        heads.append(head)
        for vevent in component.children:
            if vevent.name == "VEVENT":
                used |= vevent.properties.keys()
                sessions += _session(vevent, head, problems)
    problems += _twice(sessions)
    if not sessions and not problems:
        problems.append(problem("body", "the calendar has no entry; export one with the sessions in it", "empty"))
    if problems:
        raise AgendaRefused(_most(problems))
    head = heads[0]
    zone = head.zone or _usual(sessions)
    return Foreign(
        sessions=sessions,
        speaks_of=_speaks_of(used, sessions, head.ours),
        event=_event(head) if head.ours else {},
        event_if_new={**({"zone": zone} if zone else {}), **({"title": head.name} if head.name else {})},
        event_id=head.event_id,
        language=head.language,
    )


def _speaks_of(used: set[str], sessions: Iterable[ForeignSession], ours: bool) -> frozenset[str]:
    optional = {
        "DESCRIPTION": "description",
        "LOCATION": "room",
        "CATEGORIES": "tracks",
        "STATUS": "status",
    }
    speaks = {"title", "kind", *TIMES}
    speaks |= {field for name, field in optional.items() if ours or name in used}
    return frozenset(speaks | ({"join_url"} if any("join_url" in session.fields for session in sessions) else set()))


def _head(calendar: Component) -> _Calendar:
    version, method = calendar.one("VERSION"), calendar.one("METHOD")
    if version is not None and version.value.strip() == "1.0":
        raise _Faulty(
            version.line, "VERSION", "vCalendar 1.0 is not read; export the calendar as iCalendar 2.0", "version"
        )
    if method is not None and method.value.strip().upper() not in _METHODS:
        message = (
            f"METHOD {method.value.strip()[:20]} is an answer to an invitation, no agenda; export the calendar itself"
        )
        raise _Faulty(method.line, "METHOD", message, "method")
    ours = calendar.text("PRODID") == PRODUCT
    page = _url(calendar.text("URL")) if ours else None
    named = _PAGE.search(page.path) if page is not None else None
    language = next(iter(parse_qs(page.query).get("lang", [])), None) if page is not None else None
    zone = calendar.text("X-WR-TIMEZONE")
    return _Calendar(
        ours=ours,
        zone=_known(zone) or _known(WINDOWS_TO_OLSON.get(zone, "")),
        zones=_zones(calendar),
        cancels=method is not None and method.value.strip().upper() == "CANCEL",
        event_id=named[1] if named is not None else None,
        language=language if language is not None and re.fullmatch("[a-z]{2}", language) else None,
        name=calendar.text("NAME") or calendar.text("X-WR-CALNAME"),
        about=calendar.text("DESCRIPTION") or calendar.text("X-WR-CALDESC"),
    )


def _event(head: _Calendar) -> dict[str, str]:
    """What our own file says of the event: its title, and its subtitle where it is another."""
    said = {"title": head.name} if head.name else {}
    return said | ({"subtitle": head.about} if head.about and head.about != head.name else {})


def _zones(calendar: Component) -> dict[str, str]:
    """IANA zones by TZID, as far as the file's own VTIMEZONEs tell them."""
    found: dict[str, str] = {}
    for zone in calendar.children:
        if zone.name == "VTIMEZONE" and (known := _known(zone.text("X-LIC-LOCATION"))):
            found[zone.text("TZID")] = known
    return found


def _known(name: str) -> str | None:
    try:
        return check_zone(name)
    except ValueError:
        return None


def _zone(item: Property, calendar: _Calendar) -> str | None:
    """The IANA zone of a time; None: the event's own (no TZID, RFC 5545 calls it floating)."""
    tzid = item.parameters.get("TZID", "").strip()
    if not tzid:
        return None
    tail = re.search(r"[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_-]+){1,2}$", tzid)  # /software.org/Tzfile/Europe/Paris
    names = [tzid, calendar.zones.get(tzid, ""), WINDOWS_TO_OLSON.get(tzid, "")]
    if tail is not None:
        parts = tail[0].split("/")
        names += ["/".join(parts[-3:]), "/".join(parts[-2:])]
    if (found := next(filter(None, map(_known, names)), None)) is not None:
        return found
    message = f"the time zone {tzid[:60]!r} is not known; write one of the IANA database, for example TZID=Europe/Paris"
    raise _Faulty(item.line, "zone", message, "unknown-zone")


def _session(vevent: Component, calendar: _Calendar, problems: list[dict[str, str]]) -> Iterator[ForeignSession]:
    """The session of an entry, all that is wrong with it at once."""
    wrong: list[_Faulty] = []
    fields: dict[str, Any] = {}
    for read in (_refuse_repeats, _times, _texts):
        try:
            fields.update(read(vevent, calendar))
        except _Faulty as error:
            wrong.append(error)
    uid = vevent.one("UID")
    if uid is None or not uid.value.strip():
        message = "the entry has no UID, which tells it from others; export the calendar again"
        wrong.append(_Faulty(vevent.line, "UID", message, "missing"))
    if wrong or uid is None:
        problems += [error.told for error in wrong]
        return
    silent = {name for name in ("kind", "join_url", "status", "description", "room") if name not in fields}
    yield ForeignSession(
        key=_key(uid, vevent),
        fields=fields,
        line=vevent.line,
        lines=_lines(vevent),
        silent=frozenset(silent),
    )


def _lines(vevent: Component) -> dict[str, int]:
    places = {
        "id": "UID", "title": "SUMMARY", "description": "DESCRIPTION", "room": "LOCATION", "status": "STATUS",
        "tracks": "CATEGORIES", "date": "DTSTART", "starts": "DTSTART", "ends": "DTEND", "ends_on": "DTEND",
        "starts_hour": "DTSTART", "ends_hour": "DTEND", "zone": "DTSTART", "join_url": "CONFERENCE", "links": "URL",
    }  # fmt: skip
    return {field: found.line for field, name in places.items() if (found := vevent.one(name)) is not None}


def _key(uid: Property, vevent: Component) -> str:
    """Our session's id from our UID; what others write before the @, where it can be an id; else the whole UID."""
    whole = text_of(uid.value)
    local = whole.rpartition("@")[0] or whole
    if "." in local and REVISION in vevent.properties and _ID.match(local.partition(".")[0]):
        message = "this is one person's calendar, with the sessions of that person only; export the event's"
        raise AgendaRefused([_Faulty(uid.line, "UID", message, "personal").told])
    return local if _ID.match(local) else whole


def _refuse_repeats(vevent: Component, _: _Calendar) -> dict[str, Any]:
    for name in _REPEATS:
        if (found := vevent.one(name)) is not None:
            message = f"the entry repeats ({name}); a session is once, so write an entry of its own for each time"
            raise _Faulty(found.line, "date", message, "repeats")
    return {}


@dataclass(frozen=True)
class _Time:
    """A time as written: an instant (UTC), a local time with its zone (`at` its first instant), or a local time alone."""

    local: datetime
    at: datetime | None = None
    zone: str | None = None

    def in_zone(self, zone: str) -> _Time:
        """The same time on a clock in `zone`; what has no zone of its own is meant there."""
        if self.at is None or self.zone == zone:
            return _Time(self.local, self.at or _first(self.local, zone), zone)
        return _Time(to_local(self.at, zone), self.at, zone)


def _times(vevent: Component, calendar: _Calendar) -> dict[str, Any]:
    start = vevent.one("DTSTART")
    if start is None:
        raise _Faulty(vevent.line, "date", "the entry has no DTSTART; add its day or time", "missing")
    meant = _known(vevent.text(ZONE))
    if _DATE.match(start.value.strip()):
        return {"date": _whole_day(start, vevent).isoformat(), **({"zone": meant} if meant else {})}
    try:
        begins = _time(start, calendar)
        ends = _end(vevent, begins, calendar)
        zone = begins.zone or (meant if begins.at is not None else None)
        if zone is not None:
            begins = begins.in_zone(zone)
            ends = ends.in_zone(zone) if ends is not None else None
    except (OverflowError, ValueError) as error:
        if isinstance(error, _Faulty):
            raise
        message = "the time is at the edge of the calendar; choose another year"
        raise _Faulty(start.line, "date", message, "impossible-time") from error
    fields: dict[str, Any] = {"zone": zone} if zone is not None else {}
    if ends == begins:  # a moment: the program that wrote it knows no end
        ends = None
    for name, day, time in (("starts", "date", begins), ("ends", "ends_on", ends)):
        if time is None:
            continue
        if zone is None and time.at is not None:  # the draft's zone says what people read on the wall
            fields[f"{name}_at"] = time.at
            continue
        fields[day] = time.local.date().isoformat()
        fields[name] = time.local.time().isoformat("seconds" if time.local.second else "minutes")
        if zone is not None:
            fields[f"{name}_hour"] = which_hour(time.local, time.at, zone)
    return fields


def _whole_day(start: Property, vevent: Component) -> date:
    """The day of an entry without a time. Several days are no session."""
    first = _day(start)
    after, length = vevent.one("DTEND"), vevent.one("DURATION")
    if after is not None and not _DATE.match(after.value.strip()):
        raise _Faulty(after.line, "ends", "DTSTART is a date and DTEND a time; make both the same", "mixed")
    days = (_day(after) - first).days if after is not None else _duration(length)[0] if length is not None else 1
    if days > 1:
        message = f"the entry is {days} days long; a session without a time is one day, so write an entry for each day"
        raise _Faulty(start.line, "date", message, "several-days")
    return first


def _time(item: Property, calendar: _Calendar) -> _Time:
    found = _MOMENT.match(item.value.strip())
    if found is None:
        message = f"{item.value.strip()[:40]!r} is no date and time; for example 20191120T094000"
        raise _Faulty(item.line, "date", message, "time")
    try:
        local = datetime.strptime(found[1], "%Y%m%dT%H%M%S")  # noqa: DTZ007
    except ValueError as error:
        message = f"{item.value.strip()} is no day or time that there is; correct it"
        raise _Faulty(item.line, "date", message, "time") from error
    if found[2] or item.parameters.get("TZID") in _UTC_NAMES:
        return _Time(local, local.replace(tzinfo=UTC))
    zone = _zone(item, calendar)
    return _Time(local, _first(local, zone) if zone is not None else None, zone)


def _day(item: Property) -> date:
    try:
        return date.fromisoformat(item.value.strip())
    except ValueError as error:
        raise _Faulty(item.line, "date", f"there is no day {item.value.strip()[:40]}; correct it", "time") from error


def _end(vevent: Component, begins: _Time, calendar: _Calendar) -> _Time | None:
    """The end of an entry with a time: DTEND, or DURATION (days on the clock, hours on the time line; section 3.3.6)."""
    after, length = vevent.one("DTEND"), vevent.one("DURATION")
    if after is not None:
        if _DATE.match(after.value.strip()):
            raise _Faulty(after.line, "ends", "DTSTART is a time and DTEND a date; make both the same", "mixed")
        ends = _time(after, calendar)
        if begins.at is not None and begins.zone is None and ends.at is None:
            message = "DTSTART is in UTC and DTEND in no zone; write both with the same"
            raise _Faulty(after.line, "ends", message, "mixed")
        return ends
    if length is None:
        return None
    days, rest = _duration(length)
    local = begins.local + timedelta(days=days)
    if begins.at is None:
        return _Time(local + rest)
    if begins.zone is None:
        at = begins.at + timedelta(days=days) + rest
        return _Time(at.replace(tzinfo=None), at)
    at = (_first(local, begins.zone) if days else begins.at) + rest
    return _Time(to_local(at, begins.zone), at)


def _duration(item: Property) -> tuple[int, timedelta]:
    """Days, and what is left of them."""
    found = _DURATION.match(item.value.strip().upper())
    if found is None or found[1] == "-" or not any(found.groups()[1:]):
        message = f"{item.value.strip()[:40]!r} is no length of time; for example PT1H15M"
        raise _Faulty(item.line, "ends", message, "duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    return 7 * weeks + days, timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _first(local: datetime, zone: str) -> datetime:
    """The instant of a local time; of two equal ones the first (section 3.3.5)."""
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def _texts(vevent: Component, calendar: _Calendar) -> dict[str, Any]:
    status = vevent.text("STATUS").upper()
    cancelled = calendar.cancels or status == "CANCELLED"
    title = _plain(vevent, "SUMMARY")
    if title is None:
        title = _undecorated(vevent, cancelled)
    if not title.strip():
        raise _Faulty(vevent.line, "title", "the entry has no SUMMARY; give it a title", "missing")
    fields: dict[str, Any] = {"title": title.strip()}
    if status or cancelled:
        fields["status"] = (Status.CANCELLED if cancelled else Status.SCHEDULED).value
    ours = REVISION in vevent.properties or _names_our_page(vevent)
    about = _plain(vevent, "DESCRIPTION")
    if about is None and not _names_our_page(vevent):
        about = vevent.text("DESCRIPTION")
    if about is not None:
        fields["description"] = about.strip()
    fields |= _place(vevent, ours)
    fields |= _categories(vevent, ours)
    page = vevent.one("URL")
    if page is not None and not ours and _is_address(page.value.strip()):
        fields["link"] = ForeignLink("", page.value.strip())
    return fields


def _plain(vevent: Component, name: str) -> str | None:
    """Our text without what stands around it for readers; None where there is no mark, or those words were changed."""
    mark = re.fullmatch(r"(\d{1,6}) (\d{1,6}) ([0-9a-f]{16})", vevent.text(f"{MARK}{name}"))
    whole = vevent.text(name)
    if mark is None or len(whole) < int(mark[1]) + int(mark[2]):
        return None
    begin, end = int(mark[1]), len(whole) - int(mark[2])
    return whole[begin:end] if digest(whole[:begin], whole[end:]) == mark[3] else None


def _undecorated(vevent: Component, cancelled: bool) -> str:
    """The title in a SUMMARY that a feed of ours made and a calendar program copied."""
    title = vevent.text("SUMMARY")
    for language in languages():
        words = translations(language).gettext
        shown = words("Cancelled: {title}") if cancelled else words("{title} (time to be announced)")
        before, _, after = shown.partition("{title}")
        all_day = _DATE.match(vevent.text("DTSTART")) is not None
        if (cancelled or all_day) and title.startswith(before) and title.endswith(after):
            return title[len(before) : len(title) - len(after)].strip() or title
    return title


def _names_our_page(vevent: Component) -> bool:
    """Whether a description ends as ours do: then people and links stand in it, and no mark says where."""
    last = vevent.text("DESCRIPTION").rpartition("\n\n")[2]
    return "/events/" in last and any(
        last.startswith(translations(language).gettext("Programme: {url}").partition("{url}")[0])
        for language in languages()
    )


def _place(vevent: Component, ours: bool) -> dict[str, Any]:
    """The room, and the link to join: an address in LOCATION is one, and must not be printed as the name of a room."""
    fields: dict[str, Any] = {}
    joins = ("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL")
    addresses = [item.value.strip() for name in joins for item in vevent.properties.get(name, [])]
    where = vevent.text("LOCATION")
    if _is_address(where):
        addresses.append(where)
        where = ""
    if (address := next(filter(_is_address, addresses), None)) is not None:
        fields["join_url"] = address
    room = _plain(vevent, "LOCATION")
    if room is not None:
        fields["room"] = room.removesuffix(", ").strip()  # a room that somebody wrote in front of the venue
    elif not ours or not where or f"{MARK}LOCATION" in vevent.properties:
        fields["room"] = where
    return fields


def _categories(vevent: Component, ours: bool) -> dict[str, Any]:
    """The tracks, and the kind of session that ours have for their last category."""
    names = [name for item in vevent.properties.get("CATEGORIES", []) for name in texts_of(item.value) if name]
    kinds = {translations(language).gettext(word): kind for language in languages() for kind, word in KINDS.items()}
    known = {kind.value: kind for kind in SessionKind}.get(vevent.text(KIND))
    if known is None and ours and names:
        known = kinds.get(names[-1])
    if known is None:
        return {"tracks": names}
    last = next((n for n in reversed(range(len(names))) if kinds.get(names[n]) is known), None)
    return {"kind": known.value, "tracks": [name for n, name in enumerate(names) if n != last]}


def _usual(sessions: Iterable[ForeignSession]) -> str | None:
    """The zone that most entries are written in."""
    zones = Counter(session.fields["zone"] for session in sessions if session.fields.get("zone"))
    return zones.most_common(1)[0][0] if zones else None


def _twice(sessions: Iterable[ForeignSession]) -> Iterator[dict[str, str]]:
    first: dict[str, int] = {}
    for session in sessions:
        line = session.lines.get("id", session.line or 1)
        if session.key in first:
            message = f"the entry {session.key[:80]} stands on line {first[session.key]} already; remove one of them"
            yield _Faulty(line, "UID", message, "id-twice").told
        first.setdefault(session.key, line)


def _is_address(words: str) -> bool:
    found = _url(words)
    return (
        found is not None and found.scheme in ("http", "https") and bool(found.hostname) and not re.search(r"\s", words)
    )


def _url(words: str) -> SplitResult | None:
    try:
        return urlsplit(words)
    except ValueError:
        return None


def _most(problems: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    rest = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], problem("body", f"and {rest} more; mend these first, then import again", "more")]
