"""A request to the desk of agendas: the event and the draft's version that it is about."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

from services.scheduling.domain import NoSuchPart
from services.scheduling.editing import NoSuchEvent
from services.scheduling.request_parts import event_id_in
from shared.clock import Clock
from shared.web import visit as shared
from shared.web.problems import Problem
from shared.web.visit import HOME, MAX_FORM, NOT_KEPT, nowhere, sign_in_page

__all__ = ["HOME", "MAX_FORM", "NOT_KEPT", "Gate", "Visit", "nowhere", "sign_in_page"]

Handler = Callable[["Visit"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Visit(shared.Visit):
    """One request of a signed-in organiser."""

    folder: ClassVar[str] = "scheduling/organiser"

    @property
    def event_id(self) -> str:
        """The event of the address. Raises Problem 404 for what can be no id."""
        event_id = event_id_in(self.request)
        if event_id != event_id.strip():  # a line's end at its end; it would come into addresses
            raise nowhere()
        return event_id

    @property
    def version(self) -> int:
        """The draft's version that the form was made for. Raises Problem 400 for a form that says none."""
        given = self.said("version")
        if not re.fullmatch(r"[0-9]{1,9}", given):
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.", headers=NOT_KEPT)
        return int(given)

    def number(self, name: str) -> int | None:
        """A number of the address' parameters; None where there is none."""
        given = self.request.query.get(name, "")
        return int(given) if re.fullmatch(r"[0-9]{1,9}", given) else None


class Gate(shared.Gate[Visit]):
    """Lets signed-in organisers in; an event, session or revision that is not there is nowhere."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, Visit)

    def page_before(self, request: web.Request) -> str:
        event_id = request.match_info.get("event_id")
        return f"{HOME}/events/{event_id}" if event_id is not None else HOME

    async def answered(self, handler: Any, visit: Visit) -> web.StreamResponse:
        try:
            return await super().answered(handler, visit)
        except (NoSuchEvent, NoSuchPart) as error:
            raise nowhere() from error
