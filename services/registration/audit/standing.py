"""What is stored of an event, in short, and whether it agrees with itself: counts, places in line, codes, states. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from services.registration.audit.findings import Findings, called
from services.registration.codes import Code
from services.registration.decisions.fold import Waiting, lines_of
from services.registration.registrations import Held, Registration
from services.registration.seats import EVENT, Line, Seats
from shared.contracts.registration import SeatState


class Standing(NamedTuple):
    """How a registration stands in one line. `kind` is what it is counted as."""

    state: SeatState
    place: int | None
    seated: bool
    kind: str | None


class Place(NamedTuple):
    """A place in a line, as its row says it."""

    registration_id: str
    left: bool
    kind: str | None


class Stored:
    """All that is stored of an event beside the log. It is told one thing after the other, then checked."""

    def __init__(self, seats: Seats, findings: Findings) -> None:
        self.seats, self._findings = seats, findings
        self.lines: dict[str, Line] = dict(lines_of(seats))
        self.standings: dict[str, dict[str, Standing]] = defaultdict(dict)
        """By line and registration."""
        self.places: dict[str, dict[int, Place]] = defaultdict(dict)
        """By line and place, those that were left as well."""
        self._codes: dict[str, Code] = {}
        self._uses: Counter[str] = Counter()
        self._forgotten = 0
        self._same: dict[Standing, Standing] = {}
        self._ids: dict[str, str] = {}

    def id(self, id_: str) -> str:
        """The same id, kept in memory once."""
        return self._ids.setdefault(id_, id_)

    def registration(self, registration: Registration) -> None:
        """One registration, in any order."""
        self._findings.checked["registrations"] += 1
        id_ = self.id(registration.id)
        self._stand(EVENT, id_, registration)
        for held in registration.choices:
            self._stand(held.session_id, id_, held)
        if registration.active and registration.code is not None:
            self._uses[registration.code] += 1
        self._forgotten += registration.active and registration.erased
        for what in _contradictions(registration):
            self._findings.add("contradiction", f"registration {id_}: {what}", None, id_)

    def waiting(self, waiting: Waiting) -> None:
        """One place in a line, in any order."""
        self._findings.checked["places"] += 1
        places = self.places[waiting.line]
        if waiting.place in places:
            message = f"place {waiting.place} of {called(waiting.line)} was given twice"
            self._findings.add("place-twice", message, waiting.line, waiting.registration_id)
        places[waiting.place] = Place(self.id(waiting.registration_id), waiting.left, waiting.kind)

    def code(self, code: Code) -> None:
        """One invitation code."""
        self._findings.checked["codes"] += 1
        self._codes[code.id] = code

    def check(self) -> None:
        """Whether all of it agrees."""
        for name in sorted({*self.standings, *self.places} - self.lines.keys()):
            for id_, standing in self.standings[name].items():
                if standing.state is not SeatState.CANCELLED:
                    message = (
                        f"registration {id_} has or awaits a seat in {called(name)}, which the event does not have"
                    )
                    self._findings.add("unknown-session", message, name, id_)
        for name, line in self.lines.items():
            self._findings.checked["lines"] += 1
            self._check_counts(name, line)
            self._check_places(name, line)
        self._check_codes()

    def _stand(self, line: str, id_: str, item: Registration | Held) -> None:
        standing = Standing(item.state, item.place, item.takes_seat, item.kind)
        self.standings[line][id_] = self._same.setdefault(standing, standing)

    def _check_counts(self, name: str, line: Line) -> None:
        standings = self.standings[name]
        seated = Counter(s.kind for s in standings.values() if s.seated)
        waiting = Counter(s.kind for s in standings.values() if s.state is SeatState.WAITLISTED)
        self._findings.checked["seats"] += line.confirmed
        self._findings.checked["waiting"] += line.waiting
        if line.confirmed != seated.total():
            message = f"{called(name)} counts {line.confirmed} seats as taken, but registrations hold {seated.total()}"
            self._findings.add("seats-count", message, name)
        if line.waiting != waiting.total():
            message = f"{called(name)} counts {line.waiting} as waiting, but {waiting.total()} registrations wait"
            self._findings.add("waiting-count", message, name)
        for kind in sorted({*line.kinds, *seated, *waiting} - {None}, key=str):
            counted = line.kinds.get(kind) if kind is not None else None
            confirmed, waits = (counted.confirmed, counted.waiting) if counted else (0, 0)
            if confirmed != seated[kind]:
                message = f"{called(name)} counts {confirmed} seats of the kind {kind!r}, but registrations hold {seated[kind]}"
                self._findings.add("kind-seats-count", message, name)
            if waits != waiting[kind]:
                message = f"{called(name)} counts {waits} of the kind {kind!r} as waiting, but {waiting[kind]} registrations wait"
                self._findings.add("kind-waiting-count", message, name)

    def _check_places(self, name: str, line: Line) -> None:
        places, standings = self.places[name], self.standings[name]
        for place in range(1, line.next_place):
            if place not in places:
                message = (
                    f"place {place} of {called(name)} is missing; the last that was given is {line.next_place - 1}"
                )
                self._findings.add("place-missing", message, name)
        for place, row in places.items():
            if not 1 <= place < line.next_place:
                message = f"place {place} of {called(name)} was never given; the next is {line.next_place}"
                self._findings.add("place-not-given", message, name, row.registration_id)
            if row.left:
                continue
            standing = standings.get(row.registration_id)
            if standing is None or standing.state is not SeatState.WAITLISTED or standing.place != place:
                message = f"place {place} of {called(name)} is kept for registration {row.registration_id}, which does not wait there"
                self._findings.add("place-without-registration", message, name, row.registration_id)
            elif row.kind != standing.kind:
                message = f"place {place} of {called(name)} is one of the kind {row.kind!r}; who waits there is of {standing.kind!r}"
                self._findings.add("place-of-another-kind", message, name, row.registration_id)
        for id_, standing in standings.items():
            if standing.state is not SeatState.WAITLISTED or standing.place is None:
                continue
            found = places.get(standing.place)
            if found is None or found.left or found.registration_id != id_:
                message = f"registration {id_} waits at place {standing.place} of {called(name)}, which is not its own"
                self._findings.add("registration-without-place", message, name, id_)

    def _check_codes(self) -> None:
        for id_ in sorted(self._uses.keys() - self._codes.keys()):
            self._findings.add("unknown-code", f"{self._uses[id_]} registrations use a code that there is not")
        for id_, code in self._codes.items():
            # Who was forgotten after the event keeps the seat, and its use, without the code.
            least, name_of = self._uses[id_], f"the code that begins with {code.spelled[:3]!r}"
            if not least <= code.used <= least + self._forgotten:
                message = f"{name_of} counts {code.used} uses, but {least} registrations use it"
                self._findings.add("code-uses", message)
            if code.group is None:
                continue
            # Fewer is no fault: one that was given up while others waited went to them.
            most = code.reserved if not code.released else 0
            for name in (EVENT, *code.sessions):
                kind = self.lines[name].kinds.get(code.group) if name in self.lines else None
                kept = (kind.quota if kind is not None else None) or 0
                if kept > most:
                    message = f"{called(name)} keeps {kept} seats for {name_of}, which are {most} at the most"
                    self._findings.add("code-reserve", message, name)


def _contradictions(registration: Registration) -> Iterator[str]:
    """What cannot be true at once."""
    r = registration
    if not r.takes_seat and any(held.takes_seat for held in r.choices):
        yield "it holds a seat in a session, but none at the event"
    if not r.active and any(held.state is not SeatState.CANCELLED for held in r.choices):
        yield "it is cancelled, but not all of its sessions are"
    if (r.hold_until is not None) != (r.state is SeatState.PENDING and r.held):
        yield "a seat is held exactly as long as there is a time until when"
    items: list[tuple[str, Registration | Held]] = [("at the event", r)]
    items += [(f"in {called(held.session_id)}", held) for held in r.choices]
    for where, item in items:
        if (item.until is not None) != (item.state is SeatState.OFFERED):
            yield f"what is offered {where} has a time to answer, and nothing else has"
        if (item.place is not None) != (item.state is SeatState.WAITLISTED):
            yield f"who waits {where} has a place, and nobody else has"
        if item.held and item.state is not SeatState.PENDING:
            yield f"only what is pending {where} can be held"
