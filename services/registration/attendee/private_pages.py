"""The private page of a registration, and the pages that ask once more before an address is replaced or a person forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from services.registration.attendee.boxes import Boxes
from services.registration.attendee.done import done_note
from services.registration.attendee.filled import Filled
from services.registration.attendee.private_view import Picture
from services.registration.door.tickets import ticket_of, ticket_path
from services.registration.export import export
from services.registration.registrations import Registration
from services.registration.store import Store
from services.registration.wording import Fault, Wording
from shared.clock import Clock, Ids
from shared.config import Settings
from shared.contracts.scheduling import EventState
from shared.links import CALENDAR, Links, calendar_path, manage_path
from shared.web.pages import language_of, render
from shared.web.problems import Problem
from shared.web.qr import qr_code


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_NOBODY = _(
    "There is no registration at this private address. If you asked for a new address, use the one in your newest mail. "
    "If you asked to be forgotten, it is done."
)


class PrivatePages:
    """What whoever has the private address can read."""

    def __init__(self, store: Store, links: Links, settings: Settings, clock: Clock, ids: Ids) -> None:
        self._store, self._links, self._clock, self._ids = store, links, clock, ids
        self._base = settings.public_url.rstrip("/")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/r/forgotten", self.forgotten),
            web.get("/r/{token}", self.page),
            web.get("/r/{token}/new-address", self.ask_new_address),
            web.get("/r/{token}/forget", self.ask_forget),
            web.get("/r/{token}/data.json", self.data),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """How everything stands, and what can be done about it."""
        return await self.show(request, await self.registration(request))

    async def show(
        self,
        request: web.Request,
        registration: Registration,
        filled: Filled | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        status: int = 200,
    ) -> web.Response:
        """The private page; with `errors`, what was `filled` in is kept."""
        event, language, now = await self.event(registration), language_of(request), self._clock()
        sessions, seats = await self._store.sessions(event.id), await self._store.seats(event.id)
        positions = {name: n for (name, _id), n in (await self._store.positions(registration)).items()}
        picture = Picture(event, sessions, seats, registration, positions, now, language)
        calendar = calendar_path(self._links.token(CALENDAR, registration.id, registration.link_generation))
        sent = dict(filled.fields if filled is not None else {})
        own = {f"q.{id_}": _as_filled(answer) for id_, answer in picture.answers_shown.items()}
        # A form that was sent says of each of its boxes whether it was ticked.
        own = {name: text for name, text in own.items() if f"shown.{name.removeprefix('q.')}" not in sent}
        own |= {f"shown.{id_}": digest for id_, digest in picture.agreed_as_shown.items()}
        own |= {f"numbers.{id_}": number for id_, number in registration.numbers.items()}
        # Only the form of the sessions names sessions; another one leaves them as they are.
        chosen = filled.chosen if filled is not None and request.path.endswith("/sessions") else None
        faults = Wording(event, sessions, seats, language, now).said(errors, filled.chosen if filled else ())
        context = picture.context(chosen) | {
            "filled": own | sent,
            "boxes": Boxes(own | sent, language, event.languages[0]),
            "errors": faults,
            "sent": request.path.rpartition("/")[2] if filled is not None else "",
            "key": self._ids(),
            "calendar": calendar,
            "done": done_note(request.query.get("done", ""), event, registration, language),
            "takes_codes": bool(await self._store.codes(event.id, limit=1)),
            "ticket": self._ticket(registration) if picture.seated else None,
        }
        return self._render(request, "private", context, status)

    async def ask_new_address(self, request: web.Request) -> web.Response:
        """Says what a new private address means."""
        event = await self.event(await self.registration(request))
        return self._render(request, "new_address", {"event": event, "key": self._ids()})

    async def ask_forget(self, request: web.Request) -> web.Response:
        """Says what being forgotten means."""
        return await self.show_forget(request, await self.registration(request))

    async def show_forget(
        self, request: web.Request, registration: Registration, errors: Sequence[Fault] = (), status: int = 200
    ) -> web.Response:
        """The page that asks once more; with `errors` where it was sent without the tick."""
        event, now = await self.event(registration), self._clock()
        seats = await self._store.seats(event.id)
        picture = Picture(event, [], seats, registration, {}, now, language_of(request))
        context = {"event": event, "over": picture.over, "errors": errors, "registration": registration}
        return self._render(request, "forget", context, status)

    async def forgotten(self, request: web.Request) -> web.Response:
        """It is done. The same page for everybody: it knows of nobody."""
        return render(request, "registration/forgotten.html", {}, private=True)

    async def data(self, request: web.Request) -> web.Response:
        """All that registration keeps of the person (GDPR, articles 15 and 20), as JSON."""
        registration = await self.registration(request)
        body = await export(self._store, registration, self._clock(), language_of(request))
        return web.Response(
            body=json.dumps(body, ensure_ascii=False, indent=1).encode(),
            content_type="application/json",
            charset="utf-8",
            headers={
                "Cache-Control": "private, no-store",
                "Referrer-Policy": "no-referrer",
                "X-Robots-Tag": "noindex",
                "X-Content-Type-Options": "nosniff",
                "Content-Disposition": f'attachment; filename="registration-{registration.event_id}.json"',
            },
        )

    async def registration(self, request: web.Request) -> Registration:
        """The registration of the address. Raises Problem 404: of one that was replaced or forgotten, too."""
        registration = await self._store.registration_by_token(request.match_info["token"])
        if registration is None or registration.erased:
            raise Problem(404, "unknown-address", _NOBODY, headers={"Cache-Control": "private, no-store"})
        return registration

    async def event(self, registration: Registration) -> EventState:
        """The registration's event. Raises Problem 404."""
        event = await self._store.event(registration.event_id)
        if event is None:
            raise Problem(404, "unknown-event", "There is nothing at this address.")
        return event

    def _ticket(self, registration: Registration) -> dict[str, Any]:
        ticket = ticket_of(registration, self._links)
        return {"code": qr_code(self._base + ticket_path(ticket)), "text": ticket}

    @staticmethod
    def _render(request: web.Request, page: str, context: Mapping[str, Any], status: int = 200) -> web.Response:
        # The address of the form that failed answers no GET: languages are chosen on the page itself.
        own = manage_path(request.match_info["token"])
        path = own if page == "private" else f"{own}/{request.path.rpartition('/')[2]}"
        return render(request, f"registration/{page}.html", {**context, "own": own, "path": path}, status, private=True)


def _as_filled(answer: str | bool) -> str:
    return ("yes" if answer else "no") if isinstance(answer, bool) else answer
