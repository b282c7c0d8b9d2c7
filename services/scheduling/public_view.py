"""What everybody may see of a published event: no links to join, no codes of other organisations, no private material."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.contracts.base import json_of
from shared.contracts.registration import SeatsState
from shared.contracts.scheduling import Audience, EventState, Link, Membership, SessionState


@dataclass(frozen=True)
class PublicAgenda:
    """A published event as everybody may see it, for exports: sessions in the order of time, and where it is on the web.

    `page` is the address of the event's page, `feed` that of its calendar feed, both absolute and without a language.
    """

    event: EventState
    sessions: tuple[SessionState, ...]
    page: str
    feed: str

    @property
    def revision(self) -> int:
        """The last revision that changed anything of the event: the same number, the same agenda."""
        return max(self.event.revision, *(session.revision for session in self.sessions), 0)

    @property
    def digest(self) -> str:
        """A short name of exactly this state: while a publication is written out, a reader may see half of it, which
        must not be taken for the whole."""
        told = [f"{self.event.revision}", *sorted(f"{session.id} {session.revision}" for session in self.sessions)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    @property
    def published_at(self) -> datetime:
        """When that revision was published, in UTC."""
        return max([self.event.published_at, *(session.published_at for session in self.sessions)])


def public_agenda(event: EventState, sessions: Sequence[SessionState], public_url: str) -> PublicAgenda:
    """The event and its sessions without what is not for everybody. `public_url` is where Lectern is on the web."""
    base = public_url.rstrip("/")
    shown = tuple(public_session(session) for session in sessions)
    return PublicAgenda(public_event(event), shown, f"{base}/events/{event.id}", f"{base}/feeds/events/{event.id}.ics")


def public_event(event: EventState) -> EventState:
    """The event without members' and registrants' links, the codes that only registrants are told, and the domains and
    lists by which members are known: whoever reads them would know what to pretend."""
    return event.model_copy(
        update={
            "links": _public(event.links),
            "members": Membership(requirement=event.members.requirement) if event.members is not None else None,
            "requirements": [needed.model_copy(update={"code": None}) for needed in event.requirements],
        }
    )


def public_session(session: SessionState) -> SessionState:
    """The session without its link to join and without links that are not public."""
    return session.model_copy(
        update={"join_url": None, "links": _public(session.links), "outcome": _public(session.outcome)}
    )


def public_data(event: EventState, sessions: list[SessionState], seats: SeatsState | None) -> dict[str, Any]:
    """JSON for other systems: the event, its sessions, and how full they are where registration has told."""
    return {
        "event": json_of(public_event(event)),
        "sessions": [json_of(public_session(session)) for session in sessions],
        "seats": json_of(seats) if seats is not None else None,
    }


def _public(links: list[Link]) -> list[Link]:
    return [link for link in links if link.audience is Audience.PUBLIC]
