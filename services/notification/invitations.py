"""Which sessions a person is to be invited to by mail, or no longer: what was sent of each, against what stands. Pure.

A mail holds one session (docs/decisions/0016). What was sent last of each is kept for every registration, so that SEQUENCE
never falls: a CANCEL goes above its REQUEST, and a seat that is taken again goes above the CANCEL. An invitation whose reply
address is void is sent again with the one of now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from services.notification.picture import Picture, has_seat
from shared.calendar.entry import is_cancelled, sequence
from shared.calendar.invitation import Method
from shared.contracts.base import json_of
from shared.contracts.scheduling import EventState, SessionKind, SessionState

MOST_FOR_EVERYBODY = 3
"""Sessions without a choice are invited to where an event has so few of them: more would fill the mailbox, and are in the feed."""


@dataclass(frozen=True)
class Sent:
    """What was sent last of one session to one registration, and in how many mails. `matter` says what it said.

    `generation`: of the private addresses that stood in it; 0 where it was not noted.
    """

    method: Method
    sequence: int
    matter: str
    count: int
    generation: int = 0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Sent:
        return cls(
            Method(stored["method"]),
            stored["sequence"],
            stored["matter"],
            stored["count"],
            stored.get("generation", 0),
        )


@dataclass(frozen=True)
class Due:
    """An invitation to one session, or its end, that is to be sent. `generation`: of the private addresses in it."""

    session_id: str
    method: Method
    sequence: int
    matter: str
    generation: int = 0

    def stored(self) -> dict[str, Any]:
        """As a row holds it while it is under way."""
        return asdict(self) | {"method": self.method.value}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Due:
        generation = stored.get("generation", 0)
        return cls(stored["session_id"], Method(stored["method"]), stored["sequence"], stored["matter"], generation)


def sent_of(stored: Mapping[str, Any] | None) -> dict[str, Sent]:
    """What was sent, by session."""
    return {id_: Sent.of(one) for id_, one in (stored or {}).items()}


def after(due: Due, sent: Mapping[str, Sent]) -> dict[str, Any]:
    """What was sent last of a session once `due` is sent."""
    earlier = sent.get(due.session_id)
    count = earlier.count + 1 if earlier is not None else 1
    return {
        "method": due.method.value,
        "sequence": due.sequence,
        "matter": due.matter,
        "count": count,
        "generation": due.generation,
    }


def due_invitations(
    now: Picture, sessions: Mapping[str, SessionState], sent: Mapping[str, Sent], at: datetime
) -> tuple[Due, ...]:
    """All that is to be sent at `at` (UTC), in order of session. `sessions`: all of the event that are known, also those
    that the person does not have any more. Of what is over nothing is sent."""
    few = sum(_for_everybody(session) for session in sessions.values()) <= MOST_FOR_EVERYBODY
    found: list[Due] = []
    for id_ in sorted(now.sessions.keys() | sent.keys()):
        session = now.sessions.get(id_) or sessions.get(id_)
        if session is None or is_over(session, at):
            continue
        standing = sent.get(id_)
        there = standing is not None and standing.method is Method.REQUEST
        wanted = id_ in now.sessions and has_seat(now, id_) and not is_cancelled(session, now.event)
        if wanted and standing is None and not session.by_choice and not few:
            continue
        matter, number = _matter(session, now.event), _next(session, now.event, standing)
        if wanted and not (there and standing is not None and _stands(standing, matter, now.link_generation)):
            found.append(Due(id_, Method.REQUEST, number, matter, now.link_generation))
        elif there and standing is not None and not wanted:
            # From the ORGANIZER that invited: calendars take an end from nobody else (RFC 5546, section 3.2.5).
            found.append(Due(id_, Method.CANCEL, number, matter, standing.generation or now.link_generation))
    return tuple(found)


def _stands(standing: Sent, matter: str, generation: int) -> bool:
    """Whether a REQUEST says what stands, and an answer to it arrives."""
    return standing.matter == matter and (standing.generation or 1) >= generation


def _next(session: SessionState, event: EventState, standing: Sent | None) -> int:
    base = sequence(session, event)
    return base if standing is None else max(base, standing.sequence + 1)


def _for_everybody(session: SessionState) -> bool:
    return not session.by_choice and session.kind is not SessionKind.BREAK


def is_over(session: SessionState, at: datetime) -> bool:
    """Whether the session is over at `at` (UTC): then nothing is sent of it."""
    end = session.ends_at or session.starts_at
    return end <= at if end is not None else session.date < at.date()


def _matter(session: SessionState, event: EventState) -> str:
    """What a calendar entry is worth another mail for: when, where, what it is called, and how to join."""
    said = json_of(session)
    names = ("title", "date", "starts_local", "ends_local", "starts_at", "ends_at", "zone", "place", "join_url")
    facts = [*(said.get(name) for name in names), json_of(event.place) if not said.get("place") else None]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]
