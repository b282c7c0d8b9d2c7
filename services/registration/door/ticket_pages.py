"""What a ticket's address shows: at the door whose it is, with a button that checks in; for everybody else where to show it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from services.registration.asking import Who
from services.registration.door.door import Door
from services.registration.door.scans import Scan, Scanned
from services.registration.door.tickets import LONGEST, ticket_path
from services.registration.door.wording import at_the_door
from services.registration.registrations import Registration
from shared.contracts.scheduling import EventState, SessionState
from shared.web.pages import language_of, own_path, render
from shared.web.problems import Problem, read_form

CHOSEN = "lectern_entrance."
"""Before the event's id, the name of the cookie that says which session was chosen on the scan page (scan.js writes it)."""

_TIME_SIGNS = 11
"""How many signs of an ordered id say when it was made (shared.clock.ordered_id), in milliseconds."""

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_NO_TICKET = _("This ticket is not valid. The newest mail about the registration leads to the one that is.")


class TicketPages:
    """The routes under a ticket's address. Opening one checks nobody in: a helper may tap it in a mail."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/c/{ticket}", self._ticket),
            web.get("/c/{ticket}/{scan}", self._again),
            web.post("/c/{ticket}/{scan}", self._check_in),
            web.get("/c/{ticket}/{scan}/undo", self._again),
            web.post("/c/{ticket}/{scan}/undo", self._undo),
        ]

    async def _ticket(self, request: web.Request) -> web.Response:
        """A ticket as a phone's camera opens it. At the door it shows whose it is, with a button."""
        ticket = request.match_info["ticket"]
        holder = await self._door.checking.holder(ticket)
        event = await self._door.store.event(holder.event_id) if holder is not None else None
        if holder is not None and event is not None and await self._door.doors.stands_at(request, event):
            return await self._holder(request, event, holder, ticket)
        other = await self._other_door(request)
        if other is not None:
            scan = Scan(id=uuid5(NAMESPACE_URL, self._door.ids()), at=self._door.clock(), ticket=ticket[:LONGEST])
            return await self._result(request, other, scan)
        if event is None:
            raise Problem(404, "no-ticket", _NO_TICKET)
        return render(request, "registration/door/ticket.html", {"event": event}, private=True)

    async def _holder(self, request: web.Request, event: EventState, holder: Registration, ticket: str) -> web.Response:
        """Whose ticket it is, at the event's door. The button's address is that of one scan: pressed twice, it is one."""
        sessions = await self._sessions(event)
        chosen = sessions.get(request.cookies.get(CHOSEN + event.id, ""))
        held = holder.choice(chosen.id) if chosen is not None else holder
        since = held.attended_at if held is not None else None
        context = {
            "event": event,
            "chosen": chosen,
            "asked": bool(sessions),
            "shown": await self._door.checking.shown(event, holder, language_of(request), since),
            "here": since is not None,
            "counter": await self._door.people.counter(event.id, chosen.id if chosen is not None else None),
            "scan": f"{ticket_path(ticket)}/{self._door.ids()}",
        }
        return render(request, "registration/door/holder.html", context, private=True)

    async def _again(self, request: web.Request) -> web.Response:
        """A scan's address that is opened, and not sent, leads to its ticket."""
        path = own_path(request).removesuffix("/undo").rpartition("/")[0]
        raise web.HTTPSeeOther(f"{path}?lang={language_of(request)}")

    async def _check_in(self, request: web.Request) -> web.Response:
        return await self._scanned(request, undo=False)

    async def _undo(self, request: web.Request) -> web.Response:
        return await self._scanned(request, undo=True)

    async def _scanned(self, request: web.Request, *, undo: bool) -> web.Response:
        ticket, made = request.match_info["ticket"], request.match_info["scan"]
        at = _made_at(made)
        holder = await self._door.checking.holder(ticket)
        event = await self._door.store.event(holder.event_id) if holder is not None else None
        if at is None or event is None or not await self._door.doors.stands_at(request, event):
            raise Problem(404, "no-ticket", _NO_TICKET)
        said = (await read_form(request)).get("session", "")
        sessions = await self._sessions(event)
        if said and said not in sessions:
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        id_ = uuid5(NAMESPACE_URL, f"undo {made}" if undo else made)
        scan = Scan(id=id_, at=at, ticket=ticket, undo=undo, session_id=str(said) or None)
        return await self._result(request, event, scan, f"{ticket_path(ticket)}/{made}")

    async def _result(
        self, request: web.Request, event: EventState, scan: Scan, address: str | None = None
    ) -> web.Response:
        """What became of a scan at the event's door. `address` is the scan's own, where it can be undone."""
        answers: list[Scanned] = await self._door.checking.scanned(event, [scan], Who.DOOR, language_of(request))
        sessions = await self._sessions(event)
        context = {
            "event": event,
            "chosen": sessions.get(scan.session_id or ""),
            "asked": bool(sessions),
            "scanned": answers[0],
            "counter": await self._door.people.counter(event.id, scan.session_id),
            "undo": f"{address}/undo" if address else None,
        }
        return render(request, "registration/door/result.html", context, private=True)

    async def _sessions(self, event: EventState) -> dict[str, SessionState]:
        """Those that people are checked in into, by id."""
        return {each.id: each for each in at_the_door(await self._door.store.sessions(event.id))}

    async def _other_door(self, request: web.Request) -> EventState | None:
        """An event at whose door the request is."""
        for event_id in await self._door.doors.proven(request):
            event = await self._door.store.event(event_id)
            if event is not None and not self._door.doors.closed(event):
                return event
        return None


def _made_at(scan: str) -> datetime | None:
    """When the id of a scan was made, in UTC; None for what is no id of ours."""
    try:
        at = datetime.fromtimestamp(int(scan[:_TIME_SIGNS], 16) / 1000, UTC)
    except (ValueError, OverflowError):
        return None
    return at if _EARLIEST <= at <= _LATEST else None
