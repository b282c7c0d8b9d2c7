"""The seats of an event and of each of its sessions: rules, counts and the line of those who wait. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from services.registration.rules import Asked, Needed, Rules
from shared.contracts.scheduling import AudienceKind

EVENT = "@event"
"""The name of the line for a seat at the event itself; sessions' lines bear the session's id."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of attendee in a line, or those who come with one code: seats set aside (None: none), taken, awaited."""

    quota: int | None = None
    confirmed: int = 0
    waiting: int = 0

    @property
    def own(self) -> int:
        """Seats set aside for this kind that nobody has yet."""
        return max(0, (self.quota or 0) - self.confirmed)

    @property
    def beyond(self) -> int:
        """Seats that this kind has taken of those for everybody."""
        return max(0, self.confirmed - (self.quota or 0))


@dataclass(frozen=True, slots=True)
class Line:
    """One counter of seats: how many are confirmed, how many wait, and the next place in line (from 1, never reused).

    `kinds` counts by kind of attendee, and those who have one of the seats reserved for a code by the code's group; who is
    of no kind is in the whole only.
    """

    rules: Rules
    confirmed: int = 0
    waiting: int = 0
    next_place: int = 1
    kinds: Mapping[str, Kind] = field(default_factory=dict)

    @property
    def free(self) -> int | None:
        """Seats left; None: no limit. Zero, not less, after the capacity was lowered below what is taken."""
        return None if self.rules.capacity is None else max(0, self.rules.capacity - self.confirmed)

    @property
    def set_aside(self) -> bool:
        """Whether seats are set aside for some kinds, so that one kind may be full before another."""
        return self.rules.capacity is not None and any(kind.quota for kind in self.kinds.values())

    def free_for(self, kind: str | None) -> int | None:
        """Seats left for somebody of `kind`: those set aside for it, and those that are for everybody. None: no limit."""
        free = self.free
        if not free:
            return free
        set_aside, taken = 0, self.confirmed
        """`taken`: of the seats for everybody, by people of no kind and by those for whom none of their own was left."""
        for of_kind in self.kinds.values():  # asked several times for each request: one look at each kind
            quota = of_kind.quota or 0
            set_aside += quota
            taken -= min(quota, of_kind.confirmed)
        if not set_aside:
            return free
        for_everybody = max(0, (self.rules.capacity or 0) - set_aside)
        own = self.kinds[kind].own if kind is not None and kind in self.kinds else 0
        return min(free, own + max(0, for_everybody - taken))

    def waiting_of(self, kind: str | None) -> int:
        """How many of `kind` wait; None: of no kind."""
        if kind is not None and kind in self.kinds:
            return self.kinds[kind].waiting
        return self.waiting - sum(k.waiting for k in self.kinds.values())

    def admits(self, kind: str | None = None) -> bool:
        """Whether a newcomer of `kind` gets a seat now: freed seats belong to those who wait."""
        if self.free_for(kind) == 0:
            return False
        if self.waiting == 0:
            return True
        if self.waiting_of(kind) > 0:
            return False
        own = self.kinds[kind].own if kind is not None and kind in self.kinds else 0
        # A seat set aside for this kind, of which nobody waits; unless one of another kind waits for any seat that is left.
        others = (k for k in (None, *self.kinds) if k != kind)
        return own > 0 and self.set_aside and not any(self.waiting_of(k) and self.free_for(k) != 0 for k in others)

    def promotes(self, now: datetime) -> bool:
        """Whether those who wait move up at `now`: not after the cutoff, and not once it has begun."""
        rules = self.rules
        bounds = (rules.cutoff, rules.starts, rules.over)
        return rules.scheduled and all(bound is None or now < bound for bound in bounds)

    def seated(self, kind: str | None = None) -> Line:
        kinds = self._counted(kind, confirmed=1)
        return Line(self.rules, self.confirmed + 1, self.waiting, self.next_place, kinds)

    def freed(self, kind: str | None = None) -> Line:
        kinds = self._counted(kind, confirmed=-1)
        return Line(self.rules, self.confirmed - 1, self.waiting, self.next_place, kinds)

    def queued(self, kind: str | None = None) -> Line:
        kinds = self._counted(kind, waiting=1)
        return Line(self.rules, self.confirmed, self.waiting + 1, self.next_place + 1, kinds)

    def left(self, kind: str | None = None) -> Line:
        kinds = self._counted(kind, waiting=-1)
        return Line(self.rules, self.confirmed, self.waiting - 1, self.next_place, kinds)

    def _counted(self, kind: str | None, *, confirmed: int = 0, waiting: int = 0) -> Mapping[str, Kind]:
        if kind is None or kind not in self.kinds:
            return self.kinds
        count = self.kinds[kind]
        changed = Kind(count.quota, count.confirmed + confirmed, count.waiting + waiting)
        return {**self.kinds, kind: changed}


@dataclass(frozen=True)
class Seats:
    """All lines of one event, as of one version of its ledger."""

    event_id: str
    event: Line | None = None
    sessions: Mapping[str, Line] = field(default_factory=dict)
    audiences: tuple[str, ...] = ()

    @property
    def choice_needed(self) -> bool:
        """Whether there is nothing to attend without choosing a session."""
        lines = self.sessions.values()
        return any(line.rules.by_choice for line in lines) and not any(
            line.rules.content and not line.rules.by_choice for line in lines
        )

    def promotions_left(self, now: datetime) -> bool:
        """Whether seats are free at `now` while people wait for them."""
        lines = [*self.sessions.values(), *([self.event] if self.event is not None else [])]
        return any(
            line.promotes(now) and line.waiting_of(kind) and line.free_for(kind) != 0
            for line in lines
            if line.waiting
            for kind in (None, *line.kinds)
        )

    @property
    def wordings(self) -> set[str]:
        """The digests of everything that can be agreed to."""
        lines = [*self.sessions.values(), *([self.event] if self.event is not None else [])]
        asked = (question for line in lines for question in line.rules.questions)
        return {digest for question in asked for _, digest in question.wordings}

    def line(self, name: str) -> Line:
        """The line called `name`. Raises KeyError for one that is not there."""
        if name == EVENT:
            if self.event is None:
                raise KeyError(EVENT)
            return self.event
        return self.sessions[name]


GROUP = "@"
"""Begins the name of a code's group among the kinds of a line; no kind of attendee begins so."""


def with_quotas(line: Line, audiences: Sequence[AudienceKind]) -> Line:
    """The line with the kinds that are published now; a kind that went stays while somebody of it is counted."""
    quotas = {kind.id: kind.quota for kind in audiences}
    groups = {id_: kind for id_, kind in line.kinds.items() if id_.startswith(GROUP)}
    counted = {id_: kind for id_, kind in line.kinds.items() if kind.confirmed or kind.waiting}
    kept = {id_: replace(kind, quota=None) for id_, kind in counted.items()}
    known = {id_: replace(line.kinds.get(id_, Kind()), quota=quota) for id_, quota in quotas.items()}
    return replace(line, kinds=kept | groups | known)


def with_reserve(line: Line, group: str, seats: int) -> Line:
    """The line with `seats` reserved for a code's group; zero takes what nobody has yet back."""
    kind = replace(line.kinds.get(group, Kind()), quota=seats or None)
    kinds = {**line.kinds, group: kind}
    if kind == Kind():
        del kinds[group]
    return replace(line, kinds=kinds)


def kinds_of_session(audiences: Sequence[str], quotas: Mapping[str, int]) -> list[AudienceKind]:
    """The kinds that a session counts: all of the event's, with the seats that the session sets aside."""
    return [AudienceKind(id=id_, name={}, quota=quotas.get(id_)) for id_ in audiences]


_RULES = tuple(field.name for field in fields(Rules))


def line_document(line: Line) -> dict[str, Any]:
    """The line as stored."""
    document = {
        "rules": _rules_document(line.rules),
        "confirmed": line.confirmed,
        "waiting": line.waiting,
        "next_place": line.next_place,
    }
    if line.kinds:
        document["kinds"] = {
            id_: {"quota": kind.quota, "confirmed": kind.confirmed, "waiting": kind.waiting}
            for id_, kind in line.kinds.items()
        }
    return document


def _rules_document(rules: Rules) -> dict[str, Any]:
    """What `asdict` gives: that one copies each value of every field, and each commit of a decision stores the rules."""
    document = {name: getattr(rules, name) for name in _RULES}
    document["questions"] = tuple(asdict(question) for question in rules.questions)
    document["requirements"] = tuple(asdict(needed) for needed in rules.requirements)
    return document


def line_from(document: Mapping[str, Any]) -> Line:
    """The line from what is stored."""
    stored: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in document["rules"].items() if name in _RULES
    }
    stored["questions"] = tuple(
        Asked(
            q["id"],
            q["kind"],
            q["required"],
            tuple(map(tuple, q["choices"])),
            tuple((language, digest) for language, digest in q.get("wordings", ())),
        )
        for q in stored.get("questions", ())
    )
    stored["requirements"] = tuple(Needed(**needed) for needed in stored.get("requirements", ()))
    stored["quotas"] = tuple((id_, seats) for id_, seats in stored.get("quotas", ()))
    kinds = {id_: Kind(**kind) for id_, kind in document.get("kinds", {}).items()}
    return Line(Rules(**stored), document["confirmed"], document["waiting"], document["next_place"], kinds)


def seats_from(event_id: str, state: Mapping[str, Any]) -> Seats:
    """The seats from the ledger's state; none where the event is not known yet."""
    event = state.get("event")
    return Seats(
        event_id,
        None if event is None else line_from(event),
        {name: line_from(line) for name, line in state.get("sessions", {}).items()},
        tuple(state.get("audiences", ())),
    )


def changed_state(before: Seats, after: Seats) -> dict[str, Any]:
    """The ledger's fields that differ, as the dotted names that a commit takes."""
    changes: dict[str, Any] = {}
    if after.event is not None and after.event != before.event:
        changes["event"] = line_document(after.event)
    for name, line in after.sessions.items():
        if before.sessions.get(name) != line:
            changes[f"sessions.{name}"] = line_document(line)
    if after.audiences != before.audiences:
        changes["audiences"] = list(after.audiences)
    return changes
