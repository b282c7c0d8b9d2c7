"""A request to the desk of attendees: the event that it is about, as published, and how it reads."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from services.registration.asking import Caller, Who
from services.registration.organiser.words import Reader
from services.registration.registrations import Registration
from services.registration.store import Store
from shared.clock import Clock
from shared.web import visit as shared
from shared.web.problems import Problem
from shared.web.visit import HOME, NOT_KEPT, nowhere

DESK = f"{HOME}/attendees"
OF_EVENT = f"{DESK}/{{event_id}}"

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


@dataclass(frozen=True)
class Visit(shared.Visit):
    """One request of a signed-in organiser about attendees."""

    folder: ClassVar[str] = "registration/organiser"

    @property
    def event_id(self) -> str:
        """The event of the address. Raises Problem 404 for what can be no id."""
        event_id = self.request.match_info["event_id"]
        if not _ID.fullmatch(event_id):
            raise nowhere()
        return event_id

    @property
    def desk(self) -> str:
        """The path of the event's first page."""
        return f"{DESK}/{self.event_id}"

    def caller(self, *asked: str) -> Caller:
        """The organiser, with the key of the form and of all that was `asked` with it: sent twice, it is one request."""
        digest = hashlib.sha256("\n".join([self.said("key"), *asked]).encode(errors="replace"))
        return Caller(Who.ORGANISER, f"desk-{digest.hexdigest()}", waits=True)

    def organiser(self) -> Caller:
        """The organiser, with no key: asked twice, it is two requests."""
        return Caller(Who.ORGANISER)


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


class Gate(shared.Gate[Visit]):
    """Lets signed-in organisers in."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, Visit)

    def page_before(self, request: web.Request) -> str:
        return f"{DESK}/{request.match_info['event_id']}"


async def reader_of(visit: Visit, store: Store) -> Reader:
    """The event and its sessions, as the visitor reads them. Raises Problem 404 for one that is not published."""
    event, sessions = await asyncio.gather(store.event(visit.event_id), store.sessions(visit.event_id))
    if event is None:
        message = "Registration does not know this event: it is not published yet."
        raise Problem(404, "unknown-event", message, headers=NOT_KEPT)
    return Reader(event, sessions, visit.language, visit.words)


async def registration_of(visit: Visit, store: Store) -> Registration:
    """The registration of the address, of this very event. Raises Problem 404."""
    registration = await store.registration(visit.request.match_info["registration_id"])
    if registration is None or registration.event_id != visit.event_id:
        raise nowhere()
    return registration


def meant(visit: Visit, box: str = "sure") -> None:
    """Raises Problem 400 where the box of something that cannot be taken back was not ticked."""
    if visit.said(box) != "yes":
        raise Problem(400, "not-sure", "Tick the box to say that it is meant.")
