"""Finds a server's profile at connect time, with one entry of its own that it removes again whatever happens.

The entry lies more than a year back, takes no time, and has a name and a UID that nobody can guess; nothing else in the
calendar is asked for or touched. Every answer that may mean two things is resolved by reading the entry back.
"""

from __future__ import annotations

import html
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.calendar_sync.answers import Answer, Blame, Fault, fault_of, strong
from services.calendar_sync.pace import Stopped
from services.calendar_sync.profile import Profile
from services.calendar_sync.remote_calendar import Asks
from services.calendar_sync.trouble import Trouble
from shared.clock import Ids

TITLE = "Lectern: connection test"
"""What the entry is called, where somebody sees it in the seconds that it is there."""

_AGO = timedelta(days=400)
_NEAR = 86_400.0
"""Seconds by which a server's clock may be wrong."""
_OTHER = '"lectern-has-never-seen-this"'
_XML = {"Content-Type": "application/xml; charset=utf-8", "Depth": "0"}
_ASK_TOKEN = b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><sync-token/></prop></propfind>'
_TOKEN = re.compile(rb"<(?:[\w.-]+:)?sync-token(?:\s[^<>]*)?>\s*([^<\s]+)\s*</")  # [^>]: the square of a long answer
_STEP = re.compile(r"^LOCATION(?:;[^:\r\n]*)?:step (\d+)\s*$", re.MULTILINE)


class ProbeFailed(Fault):
    """The server could not be asked to the end. `left_behind`: addresses of entries that are to be removed later."""

    def __init__(self, cause: Fault, left_behind: tuple[str, ...]) -> None:
        super().__init__(
            cause.words,
            cause.blame,
            kind=cause.kind,
            retry_after=cause.retry_after,
            unknown=cause.unknown,
            refused=cause.refused,
            lasting=cause.lasting,
        )
        self.left_behind = left_behind


async def probe(dav: Asks, path: str, now: datetime, ids: Ids) -> Profile:
    """The profile of the server, found in the calendar at `path` (percent-encoded); `now` in UTC.

    About a dozen requests, a few more for ambiguous answers. Raises ProbeFailed, a Fault, where the server cannot be
    reached, refuses the password, is busy (429, 502, 503, 504), full (507), or sends us elsewhere (3xx); nothing else.
    """
    trial = _Trial(dav, path if path.endswith("/") else path + "/", now, ids())
    try:
        await trial.run()
    except Fault as fault:
        raise ProbeFailed(fault, await trial.clean()) from fault
    except Stopped as stopped:
        interrupted = Fault("The connection test was interrupted.", Blame.OBJECT, kind=Trouble.OTHER)
        raise ProbeFailed(interrupted, await trial.clean()) from stopped
    except BaseException:
        await trial.clean()
        raise
    left = await trial.clean()
    return Profile(**trial.found, probed_at=now, left_behind=left)


@dataclass(frozen=True)
class _Stored:
    """The entry as the server shows it: which of our bodies it is, its ETag, and whether additions survived."""

    step: int
    etag: str | None
    whole: bool


@dataclass(frozen=True)
class _Outcome:
    """What became of a write; neither `stored` nor `refused`: it is not there, and nobody has said why."""

    stored: bool = False
    refused: bool = False
    answer: Answer | None = None
    seen: _Stored | None = None
    """The entry as it is afterwards, where it was read."""


@dataclass
class _Trial:
    """One probe. `found` are the fields of the profile known so far."""

    dav: Asks
    path: str
    now: datetime
    id: str
    found: dict[str, bool] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)
    _etags: set[str] = field(default_factory=set)
    _told: list[bool] = field(default_factory=list)
    _step: int = 0

    @property
    def first(self) -> str:
        return f"{self.path}lectern-test-{self.id}.ics"

    @property
    def second(self) -> str:
        return f"{self.path}lectern-test-{self.id}-2.ics"

    async def run(self) -> None:
        """Asks all there is to ask. Raises Fault."""
        # Nothing is there yet: an update must be refused.
        made = await self._write(self.first, {"If-Match": _OTHER})
        self.found["match_missing"] = made.refused
        if not made.stored:
            made = await self._write(self.first, {"If-None-Match": "*"})
        seen = made.seen or await self._get(self.first)
        if seen is None:
            if made.refused:
                self.found["writes"] = False
            return
        self.found["writes"] = True
        self.found["keeps_unknown"] = seen.whole
        self.found["strong_etags"] = strong(seen.etag) is not None
        self._note_etag(made, seen)
        seen = await self._try_conditions(seen)
        after = await self._try_update(seen)
        self.found["etag_on_put"] = bool(self._told) and all(self._told)
        if after is not None:
            await self._try_uid()
            await self._try_removal(after)

    async def _try_conditions(self, seen: _Stored) -> _Stored:
        """Two writes that must be refused. Returns the entry as it then is."""
        for name, condition in (("none_match", {"If-None-Match": "*"}), ("match", {"If-Match": _OTHER})):
            outcome = await self._write(self.first, condition)
            self.found[name] = outcome.refused
            if not outcome.refused:
                seen = outcome.seen or await self._get(self.first) or seen
        return seen

    async def _try_update(self, seen: _Stored) -> _Stored | None:
        """A write that must succeed. Returns the entry as it then is."""
        etag = strong(seen.etag)
        outcome = await self._write(self.first, {"If-Match": etag} if etag else {})
        after = outcome.seen or await self._get(self.first)
        if after is None:
            return None
        self.found["match"] &= etag is not None and after.step == self._step and after.etag != seen.etag
        self._note_etag(outcome, after)
        return after

    async def _try_uid(self) -> None:
        outcome = await self._write(self.second, {"If-None-Match": "*"})
        self.found["uid_refused"] = outcome.refused
        if outcome.stored:
            await self._remove(self.second)

    async def _try_removal(self, seen: _Stored) -> None:
        """What is told of a removal, and which ETag an entry made anew gets."""
        token = await self._token()
        if not await self._remove(self.first, strong(seen.etag)):
            return
        if token is not None and not self._counts_seconds(token):
            self.found["sync_collection"] = await self._tells_removal(token)
        # Another body than any before: a server that derives ETags from contents gives another one.
        before = set(self._etags)
        made = await self._write(self.first, {"If-None-Match": "*"})
        answer = made.answer
        if self.found["etag_on_put"] and answer is not None and answer.status == 201 and answer.etag is not None:
            self.found["etags_reused"] = answer.etag in before
            return
        again = made.seen or await self._get(self.first)
        if again is not None and again.step == self._step and again.etag is not None:
            self.found["etags_reused"] = again.etag in before

    def _note_etag(self, outcome: _Outcome, seen: _Stored) -> None:
        """Whether the answer to a PUT told the strong ETag that a GET shows; a lost answer says nothing."""
        answer = outcome.answer
        if outcome.stored and answer is not None and answer.done and seen.step == self._step:
            told = strong(answer.etag)
            self._told.append(told is not None and told == seen.etag)

    async def _token(self) -> str | None:
        """The calendar's present sync token; None where it has none."""
        answer = await self._curious("PROPFIND", _ASK_TOKEN)
        found = _TOKEN.search(answer.body) if answer is not None and answer.status == 207 else None
        return html.unescape(found[1].decode(errors="replace")) if found else None

    def _counts_seconds(self, token: str) -> bool:
        """Whether the token is the present second: what changes later in that second would never be told."""
        present = self.now.timestamp()
        return any(abs(int(digits) - present) < _NEAR for digits in re.findall(r"(?<!\d)\d{10}(?!\d)", token))

    async def _tells_removal(self, token: str) -> bool:
        body = (
            '<?xml version="1.0" encoding="utf-8"?><sync-collection xmlns="DAV:">'
            f"<sync-token>{html.escape(token)}</sync-token><sync-level>1</sync-level><prop><getetag/></prop>"
            "</sync-collection>"
        )
        answer = await self._curious("REPORT", body.encode())
        name = self.first.rpartition("/")[2]
        return answer is not None and answer.status == 207 and any(one.endswith(name) for one in answer.absent)

    async def _curious(self, method: str, body: bytes) -> Answer | None:
        """A question that a server need not understand: None where its answer cannot be had or read."""
        try:
            return _checked(await self.dav.ask(method, self.path, body, _XML))
        except Fault as fault:
            if fault.unknown:
                return None
            raise

    async def _write(self, address: str, condition: dict[str, str]) -> _Outcome:
        """Writes the next body. What is not plainly refused is read back; a write that got lost is tried once more."""
        new, lost = address not in self._written, False
        answer: Answer | None = None
        for _ in range(2):
            answer = await self._put(address, condition)
            if answer is not None and answer.status == 201:
                return _Outcome(stored=True, answer=answer)
            seen: _Stored | None = None
            # A 412 says many things, but never that the body was stored.
            if answer is None or not (answer.status == 412 or answer.uid_taken):
                seen = await self._get(address)
                if seen is not None and seen.step == self._step:
                    return _Outcome(stored=True, answer=answer, seen=seen)
            lost = lost or answer is None
            if answer is not None and 400 <= answer.status < 500:
                if new and not lost:  # what was lost may still come
                    self._written.discard(address)
                return _Outcome(refused=True, answer=answer, seen=seen)
        return _Outcome(answer=answer)

    async def _put(self, address: str, condition: dict[str, str]) -> Answer | None:
        """Writes the next body; None where the answer was lost. Whatever the answer, it may be there from now on."""
        self._step += 1
        new = address not in self._written
        self._written.add(address)
        headers = {"Content-Type": "text/calendar; charset=utf-8", **condition}
        try:
            return _checked(await self.dav.ask("PUT", address, self._body(), headers))
        except Fault as fault:
            if fault.unknown:
                return None
            if new:
                self._written.discard(address)
            raise

    async def _get(self, address: str) -> _Stored | None:
        """The entry as it is; None where it is not there. A broken answer is asked for once more."""
        headers = {"Accept": "text/calendar"}
        try:
            answer = await self.dav.ask("GET", address, b"", headers)
        except Fault as fault:
            if not fault.unknown:
                raise
            answer = await self.dav.ask("GET", address, b"", headers)
        answer = _checked(answer)
        if answer.status != 200:
            return None
        text = answer.body.decode(errors="replace").replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
        step = _STEP.search(text)
        if step is None:
            return None  # a page of a proxy, or half a body: certainly not our entry
        if answer.etag is not None and address == self.first:
            self._etags.add(answer.etag)
        whole = f"X-LECTERN-TEST:{self.id}" in text and "BEGIN:VALARM" in text
        return _Stored(int(step[1]), answer.etag, whole)

    async def _remove(self, address: str, etag: str | None = None) -> bool:
        """Removes the entry; whether it is gone. The name is ours alone, so a condition that fails need not stop us."""
        answer: Answer | None = None
        with suppress(Fault):
            answer = await self.dav.ask("DELETE", address, b"", {"If-Match": etag} if etag else {})
        if answer is None or (answer.status != 204 and not answer.missing):
            answer = await self.dav.ask("GET", address, b"", {"Accept": "text/calendar"})
            if not answer.missing and etag is not None:
                return await self._remove(address)
            if not answer.missing:
                return False
        self._written.discard(address)
        return True

    async def clean(self) -> tuple[str, ...]:
        """Removes what was written. Returns the addresses of what may still be there."""
        for address in sorted(self._written):
            with suppress(Fault, Stopped):
                _ = await self._remove(address) or await self._remove(address)
        return tuple(sorted(self._written))

    def _body(self) -> bytes:
        start, stamp = (self.now - _AGO).replace(minute=0, second=0), f"{self.now:%Y%m%dT%H%M%SZ}"
        lines = (
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Lectern//Lectern//EN",
            "BEGIN:VEVENT",
            f"UID:lectern-test-{self.id}",
            f"DTSTAMP:{stamp}",
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{start + timedelta(minutes=5):%Y%m%dT%H%M%SZ}",
            f"SEQUENCE:{self._step}",
            f"SUMMARY:{TITLE}",
            f"LOCATION:step {self._step}",
            "TRANSP:TRANSPARENT",
            f"X-LECTERN-TEST:{self.id}",
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            f"DESCRIPTION:{TITLE}",
            "TRIGGER:-PT5M",
            "END:VALARM",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        )
        return "\r\n".join(lines).encode()


def _checked(answer: Answer) -> Answer:
    """The answer, unless it says that there is no use in asking on (it is not the calendar that speaks)."""
    if answer.status in (401, 429, 502, 503, 504, 507) or 300 <= answer.status < 400:
        raise fault_of(answer)
    return answer
