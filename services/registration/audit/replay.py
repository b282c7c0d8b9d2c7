"""The log of decisions played again from its beginning: who had which seat and place after each commit, and whether nobody
was passed over. Pure.

Compared by kind of attendee, as it stands in the row of each place: seats may be set aside for some kinds.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.registration.audit.findings import Findings, called
from services.registration.audit.standing import Stored
from services.registration.decisions.log import Effect, Entry
from services.registration.seats import GROUP
from shared.contracts.registration import Outcome, SeatState

OPENING = "upgrade"
"""The command whose entry is an opening balance: seats and places as they stood when the log began."""
HANDING_ON = "transfer"


class Suspicion(NamedTuple):
    """A seat that was taken while others waited: right only if it is of none of their kinds, or was kept for a code."""

    version: int
    kinds: frozenset[str | None]


@dataclass
class Played:
    """One line as the log has it so far."""

    capacity: float | None = None
    """Seats; None: the log has not said it yet."""
    allowed: float = math.inf
    """How many may be taken: the capacity, or what was taken already when it was lowered."""
    states: dict[str, SeatState] = field(default_factory=dict)
    holders: set[str] = field(default_factory=set)
    places: dict[int, str] = field(default_factory=dict)
    """Who waits, by place."""
    highest: int = 0
    opened: bool = False
    """Whether places were given before the log began, and none since."""
    waiting: dict[str | None, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Places by kind, as heaps; some were left since."""
    suspicions: dict[str, Suspicion] = field(default_factory=dict)

    def first(self, kind: str | None) -> int | None:
        """The first place of a kind at which somebody waits."""
        heap = self.waiting[kind]
        while heap and heap[0] not in self.places:
            heapq.heappop(heap)
        return heap[0] if heap else None


class Replay:
    """Plays the commits of the log in order, over what is stored."""

    def __init__(self, stored: Stored, findings: Findings, version: int) -> None:
        self._stored, self._findings, self._last = stored, findings, version
        self._lines: dict[str, Played] = defaultdict(Played)
        self._version = 0
        self._promoted: list[tuple[str, str, int]] = []
        """Line, registration and place of those who left the line with a seat in this commit."""
        self._taken: list[tuple[str, str, int]] = []
        """Line and registration of those who got a seat without a place, and the highest place given before."""

    def commit(self, version: int, entries: Sequence[Entry]) -> None:
        """The next commit."""
        self._findings.checked["commits"] += 1
        if not self._version < version <= self._last:
            message = f"commit {version} of the log stands behind commit {self._version} of {self._last}"
            self._findings.add("log-order", message)
        self._version = version
        self._promoted.clear()
        self._taken.clear()
        for entry in entries:
            self._play(entry)
        self._check_order()

    def end(self) -> None:
        """Whether the end of the log is what is stored."""
        for name in sorted({*self._lines, *self._stored.lines, *self._stored.standings}):
            played = self._lines[name]
            self._compare(name, played)
            for id_, suspicion in played.suspicions.items():
                standing = self._stored.standings[name].get(id_)
                if standing is None or (standing.kind or "").startswith(GROUP):
                    continue
                if standing.kind in suspicion.kinds:
                    message = (
                        f"registration {id_}, which did not wait, got a seat of {called(name)} in commit {suspicion.version} "
                        "while somebody of the same kind went on waiting"
                    )
                    self._findings.add("passer-by", message, name, id_)

    def _play(self, entry: Entry) -> None:
        opening, handing_on = entry.command == OPENING, entry.command == HANDING_ON
        earlier = self._lines
        if opening:
            self._lines = defaultdict(Played)
        if entry.effects and entry.outcome == Outcome.REJECTED:
            message = f"commit {self._version} refused a {entry.command}, and changed {len(entry.effects)} seats by it"
            self._findings.add("log-refusal", message, None, entry.registration_id)
        before: dict[str, int] = {}
        for name, capacity in entry.capacities:
            played = self._lines[name]
            before[name] = len(played.holders)
            played.capacity = math.inf if capacity is None else capacity
            played.opened = opening or played.opened
        given_up: dict[str, str] = {}
        left: set[tuple[str, int]] = set()
        for effect in entry.effects:
            self._findings.checked["effects"] += 1
            played = self._lines[effect.line]
            before.setdefault(effect.line, len(played.holders))
            id_ = self._stored.id(effect.registration_id)
            self._move(played, effect, id_, left, free=opening)
            self._seat(played, effect, id_, given_up if handing_on else None, judged=not opening)
        for name, taken in before.items():
            self._check_capacity(name, taken, opening=opening)
        if opening and earlier:
            self._check_balance(earlier)

    def _check_balance(self, earlier: Mapping[str, Played]) -> None:
        """Whether an opening balance in the middle of the log is what the log came to before."""
        for name, old in earlier.items():
            new = self._lines[name]
            if (old.holders, old.places) != (new.holders, new.places):
                message = (
                    f"commit {self._version} draws a balance of {called(name)}, which is not that of the log before it"
                )
                self._findings.add("log-balance", message, name)
            new.allowed = max(min(old.allowed, new.allowed), new.capacity or 0)
            new.highest, new.opened = max(old.highest, new.highest), old.opened
            new.suspicions = old.suspicions

    def _move(self, played: Played, effect: Effect, id_: str, left: set[tuple[str, int]], *, free: bool) -> None:
        """State and place; `free`: places come in any order, with gaps."""
        name = effect.line
        was = played.states.get(id_)
        # A session that was given up may vanish from a registration that is made again.
        if (was or SeatState.CANCELLED) is not (effect.before or SeatState.CANCELLED):
            message = f"registration {id_} was {_in_words(was)} in {called(name)}; commit {self._version} takes it for {_in_words(effect.before)}"
            self._findings.add("log-state", message, name, id_)
        played.states[id_] = effect.after
        if effect.left is not None:
            if played.places.get(effect.left) == id_:
                del played.places[effect.left]
            else:
                message = f"registration {id_} left place {effect.left} of {called(name)} in commit {self._version} without having it"
                self._findings.add("log-place", message, name, id_)
            left.add((name, effect.left))
        if effect.joined is not None:
            fits = (name, effect.joined) in left or effect.joined == played.highest + 1
            if not free and not fits and not (played.opened and effect.joined > played.highest):
                message = f"registration {id_} got place {effect.joined} of {called(name)} in commit {self._version}; the next was {played.highest + 1}"
                self._findings.add("log-place", message, name, id_)
            if effect.joined in played.places:
                message = f"registration {id_} got place {effect.joined} of {called(name)} in commit {self._version}, which another had"
                self._findings.add("log-place", message, name, id_)
            played.places[effect.joined] = id_
            played.highest = max(played.highest, effect.joined)
            played.opened = free or (played.opened and (name, effect.joined) in left)
            row = self._stored.places[name].get(effect.joined)
            if row is not None:  # else it is named as missing
                heapq.heappush(played.waiting[row.kind], effect.joined)

    def _seat(self, played: Played, effect: Effect, id_: str, given_up: dict[str, str] | None, *, judged: bool) -> None:
        """The seat; `given_up`: who gives up which line's seat, where it is handed on."""
        name = effect.line
        if effect.took not in (0, -1 if id_ in played.holders else 1):
            what = "took a second seat" if effect.took > 0 else "gave up a seat that it did not have"
            self._findings.add(
                "log-seat", f"registration {id_} {what} in {called(name)} in commit {self._version}", name, id_
            )
        elif effect.took < 0:
            played.holders.discard(id_)
            if given_up is not None:
                given_up[name] = id_
            elif played.suspicions.pop(id_, None):
                self._findings.checked["not_judged"] += 1
        elif effect.took > 0:
            played.holders.add(id_)
            if given_up is not None and name in given_up:
                suspicion = played.suspicions.pop(given_up.pop(name), None)
                if suspicion is not None:
                    played.suspicions[id_] = suspicion
            elif effect.left is not None:
                self._promoted.append((name, id_, effect.left))
            elif judged:
                self._taken.append((name, id_, played.highest))

    def _check_capacity(self, name: str, before: int, *, opening: bool) -> None:
        played = self._lines[name]
        taken = len(played.holders)
        if played.capacity is None:
            message = f"the log does not say how many seats {called(name)} had before commit {self._version}; it lacks its beginning"
            self._findings.add("log-beginning", message, name)
            played.capacity = math.inf
        if opening:
            played.allowed = max(played.capacity, taken)
            return
        if taken > max(played.capacity, before):
            message = f"commit {self._version} gave {taken} seats of {called(name)}, which had {played.capacity:g}"
            self._findings.add("oversold", message, name)
        # More than the capacity only where it was lowered below what was rightly taken.
        played.allowed = max(played.capacity, min(taken, before, played.allowed))

    def _check_order(self) -> None:
        for name, id_, place in self._promoted:
            played, row = self._lines[name], self._stored.places[name].get(place)
            first = played.first(row.kind) if row is not None else None
            self._findings.checked["promotions"] += 1
            if first is not None and first < place:
                message = (
                    f"registration {id_} got a seat of {called(name)} from place {place} in commit {self._version}; "
                    f"registration {played.places[first]} went on waiting at place {first}"
                )
                self._findings.add("jumped", message, name, played.places[first])
        for name, id_, highest in self._taken:
            played = self._lines[name]
            firsts = ((kind, played.first(kind)) for kind in list(played.waiting))
            kinds = frozenset(kind for kind, first in firsts if first is not None and first <= highest)
            if not kinds:
                continue
            if id_ in played.holders:
                played.suspicions[id_] = Suspicion(self._version, kinds)
            else:
                self._findings.checked["not_judged"] += 1

    def _compare(self, name: str, played: Played) -> None:
        standings = self._stored.standings[name]
        for id_, standing in standings.items():
            state = played.states.get(id_)
            if (state or SeatState.CANCELLED) is not standing.state:
                message = f"registration {id_} is {_in_words(standing.state)} in {called(name)}; by the log it is {_in_words(state)}"
                self._findings.add("log-end-state", message, name, id_)
            if standing.seated != (id_ in played.holders):
                has, by_log = ("a seat", "none") if standing.seated else ("no seat", "one")
                message = f"registration {id_} has {has} in {called(name)}; by the log it has {by_log}"
                self._findings.add("log-end-seat", message, name, id_)
        for id_, state in played.states.items():
            if id_ not in standings and state is not SeatState.CANCELLED:
                message = f"registration {id_} is {_in_words(state)} in {called(name)} by the log, but not stored"
                self._findings.add("log-end-state", message, name, id_)
        rows = self._stored.places[name]
        for place in sorted({*played.places, *(place for place, row in rows.items() if not row.left)}):
            row = rows.get(place)
            kept = None if row is None or row.left else row.registration_id
            if kept != played.places.get(place):
                message = f"place {place} of {called(name)} is {_whose(kept)}; by the log it is {_whose(played.places.get(place))}"
                self._findings.add("log-end-place", message, name, kept or played.places.get(place))
        if name in self._stored.lines:
            self._compare_line(name, played)

    def _compare_line(self, name: str, played: Played) -> None:
        line = self._stored.lines[name]
        capacity = math.inf if line.rules.capacity is None else line.rules.capacity
        if line.confirmed != len(played.holders):
            message = f"{called(name)} counts {line.confirmed} seats as taken, but {len(played.holders)} by the log"
            self._findings.add("log-end-count", message, name)
        if not played.opened and line.next_place != played.highest + 1:
            message = f"the next place of {called(name)} is {line.next_place}, but {played.highest + 1} by the log"
            self._findings.add("log-end-place", message, name)
        if played.capacity != capacity:
            by_log = "nothing is said" if played.capacity is None else f"there are {_seats(played.capacity)}"
            message = f"{called(name)} has {_seats(capacity)}, but by the log {by_log}"
            self._findings.add("log-end-capacity", message, name)
        held = sum(standing.seated for standing in self._stored.standings[name].values())
        allowed = played.allowed if played.capacity is not None else capacity
        if max(held, line.confirmed) > allowed:
            taken = max(held, line.confirmed)
            message = f"{taken} seats of {called(name)} are taken; it has {_seats(capacity)}, and never rightly had more than {allowed:g} taken since"
            self._findings.add("oversold", message, name)


def _seats(capacity: float) -> str:
    return "seats without limit" if capacity == math.inf else f"{capacity:g} seats"


def _in_words(state: SeatState | None) -> str:
    return "unknown" if state is None else state.value


def _whose(id_: str | None) -> str:
    return "nobody's" if id_ is None else f"registration {id_}'s"
