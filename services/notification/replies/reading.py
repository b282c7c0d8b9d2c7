"""What a mail answers to invitations: iTIP REPLY wherever in the mail it stands (RFC 5546, section 3.2.3; RFC 6047). Pure.

Mails are written by every program there is, and by people who mean harm: everything is bounded, and nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import parsedate_to_datetime
from enum import StrEnum

MAX_BYTES = 1_048_576
"""The largest mail that is looked at: a meeting's answer has some kilobytes, with a quoted page some hundred."""
MOST_CONTAINERS = 40
"""Parts that hold parts, as many as a mail may name."""
MOST_PARTS = 200
MOST_BOUNDARIES = 2000
"""Lines that begin as the boundaries of parts do."""
LONGEST_HEADER = 4000
"""Octets of a part's own headers: reading their parameters takes the square of it."""
MAX_CALENDAR = 131_072
MOST_LINES = 4000
MOST_ANSWERS = 20
MOST_SEQUENCE = 2**31 - 1  # what the field holds (RFC 5545, section 3.3.8)

_CONTAINER = re.compile(rb"multipart/|message/", re.IGNORECASE)
_PART_HEADER = re.compile(rb"^content-(?:type|disposition):[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_TYPES = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
_PROPERTY = re.compile(r"^([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:\"[^\"]*\"|[^\":;]*))*):(.*)$", re.DOTALL)
_PARAMETER = re.compile(r";([A-Za-z0-9-]+)=(\"[^\"]*\"|[^\":;]*)")
_STAMP = re.compile(r"^(\d{8}T\d{6})Z?$")


class Word(StrEnum):
    """What was answered."""

    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"


@dataclass(frozen=True)
class Answer:
    """The answer to one invitation. `words` by the address that gives it, in lower case; `stamped_at` in UTC."""

    uid: str
    words: tuple[tuple[str, Word], ...]
    sequence: int
    stamped_at: datetime | None

    def word_of(self, email: str) -> Word | None:
        """What the person says; where one address alone answers it is theirs, however it is spelled."""
        if len(self.words) == 1:
            return self.words[0][1]
        said = {word for address, word in self.words if address == email.lower()}
        return said.pop() if len(said) == 1 else None

    def by_another(self, email: str) -> bool:
        """Whether the one address that answers is not the person's: an alias of theirs, or somebody to whom they handed the
        mail on."""
        address = self.words[0][0] if len(self.words) == 1 else ""
        return "@" in address and address != email.lower()


@dataclass(frozen=True)
class Reading:
    """A mail's answers. `automatic`: no person wrote it, nor a program that a person told to."""

    answers: tuple[Answer, ...] = ()
    automatic: bool = False


def read(raw: bytes, sender: str | None) -> Reading:
    """What the mail says; no answers where it says nothing that can be understood. `sender`: the envelope's, empty for the
    null sender (bounces and many automatic answers, RFC 5321, section 4.5.5), None where it is not known."""
    if len(raw) > MAX_BYTES or _is_a_maze(raw):
        return Reading()
    try:
        message = message_from_bytes(raw, policy=compat32)
        answers = tuple(_answers(message))
        return Reading(answers, _is_automatic(message, sender))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError):
        # The parser of the standard library stumbles over some malformed mails; they say nothing to us.
        return Reading()


def _is_a_maze(raw: bytes) -> bool:
    """Whether it is made to be hard to read."""
    if len(_CONTAINER.findall(raw)) > MOST_CONTAINERS:
        return True
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # all of them are line ends to the parser
    if lines.count(b"\n--") > MOST_BOUNDARIES:
        return True
    return any(len(header[0]) > LONGEST_HEADER for header in _PART_HEADER.finditer(lines))


def _is_automatic(message: Message, sender: str | None) -> bool:
    """An out-of-office answer, a bounce, a mail of a list. A calendar that sends a person's answer calls it
    "auto-generated"; only "auto-replied" is an answer that nobody gave (RFC 3834, section 5)."""
    submitted = _header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    precedence = _header(message, "Precedence").strip().lower()
    return (
        sender == ""
        or submitted.startswith("auto-replied")
        or precedence in ("auto_reply", "bulk", "junk", "list")
        or any(name in message for name in ("X-Autoreply", "X-Autorespond", "List-Id", "X-Failed-Recipients"))
        or message.get_content_type() == "multipart/report"
    )


def _header(message: Message, name: str) -> str:
    return str(message.get(name, ""))


def _answers(message: Message) -> Iterator[Answer]:
    """The answers of the mail's calendars; what stands in it twice (alternative and attachment) counts once."""
    seen: set[tuple[str, int]] = set()
    sent_at = _date(message)
    for text, method in _calendars(message):
        for answer in _replies(text, method):
            if answer.stamped_at is None:  # some Exchange servers leave it out
                answer = replace(answer, stamped_at=sent_at)
            key = (answer.uid, answer.sequence)
            if key not in seen and len(seen) < MOST_ANSWERS:
                seen.add(key)
                yield answer


def _calendars(message: Message) -> Iterator[tuple[str, str]]:
    """The texts of calendar parts, wherever they are, with the method that their MIME headers name."""
    for number, part in enumerate(message.walk()):
        if number >= MOST_PARTS:
            return
        name = str(part.get_filename() or "").lower()
        if part.is_multipart() or not (part.get_content_type() in _TYPES or name.endswith(".ics")):
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and len(payload) <= MAX_CALENDAR:
            yield _text(payload), str(part.get_param("method", "") or "").upper()


def _text(payload: bytes) -> str:
    # iCalendar is UTF-8 (RFC 5545, section 3.1.4). Whatever else it is, what we look for in it is ASCII.
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        return payload.decode("latin-1")


def _replies(text: str, mime_method: str) -> Iterator[Answer]:
    """The answers in one calendar; none where it is something else than a REPLY."""
    method, path, found = mime_method, [], {}  # type: str, list[str], dict[str, list[tuple[str, str]]]
    ready: list[Answer] = []
    for name, parameters, value in _lines(text):
        if name == "BEGIN":
            path.append(value.strip().upper())
            if path == ["VCALENDAR", "VEVENT"]:
                found = {}
        elif name == "END":
            if path == ["VCALENDAR", "VEVENT"] and (answer := _answer(found)) is not None:
                ready.append(answer)
            if path:
                path.pop()
        elif path == ["VCALENDAR"] and name == "METHOD":
            method = value.strip().upper()
        elif path == ["VCALENDAR", "VEVENT"]:
            found.setdefault(name, []).append((parameters, value))
    if method == "REPLY":
        yield from ready


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Content lines, unfolded: name, parameters and value. What is no content line is passed over."""
    whole = re.sub(r"(?:\r\n|\n|\r)[ \t]", "", text)
    for number, line in enumerate(re.split(r"\r\n|\n|\r", whole)):
        if number >= MOST_LINES:
            return
        if (match := _PROPERTY.match(line)) is not None:
            yield match[1].upper(), match[2], match[3]


def _answer(found: dict[str, list[tuple[str, str]]]) -> Answer | None:
    uids, attendees = found.get("UID", []), found.get("ATTENDEE", [])
    words = tuple(said for parameters, value in attendees[:MOST_ANSWERS] if (said := _word(parameters, value)))
    if len(uids) != 1 or not words:
        return None
    sequence = found.get("SEQUENCE", [("", "")])[0][1].strip()
    number = int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) <= 10 else 0
    return Answer(
        uid=uids[0][1].strip().replace("\\", ""),
        words=words,
        sequence=min(number, MOST_SEQUENCE),  # missing: 0 (RFC 5545, section 3.8.7.4)
        stamped_at=_stamp(found.get("DTSTAMP", [("", "")])[0][1].strip()),
    )


def _word(parameters: str, value: str) -> tuple[str, Word] | None:
    """Who answers, and what."""
    named = {name.upper(): text.strip('"') for name, text in _PARAMETER.findall(parameters)}
    try:
        word = Word(named.get("PARTSTAT", "").strip().lower())
    except ValueError:
        return None
    address = re.sub(r"^mailto:", "", value.strip().strip('"'), flags=re.IGNORECASE)
    if "@" not in address:  # some name the person by something else, and the address in a parameter (RFC 7986, 6.2)
        address = named.get("EMAIL", address)
    return address.strip().lower(), word


def _date(message: Message) -> datetime | None:
    """When the mail was sent, as it says itself."""
    try:
        date = parsedate_to_datetime(_header(message, "Date")[:100])
        return date.astimezone(UTC) if date.tzinfo is not None else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _stamp(text: str) -> datetime | None:
    match = _STAMP.match(text)
    try:
        return datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if match is not None else None
    except ValueError:
        return None
