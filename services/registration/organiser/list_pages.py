"""The first page of an event's attendees: how full it is, the search, and the list; the same list as a table to download."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from services.registration.downloads import Downloads
from services.registration.history import decisions, names_of
from services.registration.organiser import counting
from services.registration.organiser.decided import in_words
from services.registration.organiser.filters import filter_in, said_of
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, reader_of
from services.registration.organiser.words import Reader
from services.registration.registrations import Registration
from services.registration.requirements import person_key
from services.registration.seats import EVENT
from services.registration.store import Store
from shared.storage.mongo import Database
from shared.web.visit import NOT_KEPT

SHOWN = 50
"""How many people a page shows."""

LONGEST_EMAIL = 320
"""Characters (RFC 3696, erratum 1690)."""


class ListPages:
    """`/organise/attendees/{event_id}`, its table, and the log of one e-mail address."""

    def __init__(self, store: Store, database: Database) -> None:
        self._store, self._database = store, database
        self._downloads = Downloads(store)

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get(OF_EVENT, gate.page(self.show)),
            web.get(f"{OF_EVENT}/attendees.csv", gate.page(self.table)),
            web.get(f"{OF_EVENT}/log", gate.page(self.back)),
            web.post(f"{OF_EVENT}/log", gate.form(self.log)),
        ]

    async def show(self, visit: Visit) -> web.Response:
        """Everybody, or those that the filter leaves, oldest first."""
        reader = await reader_of(visit, self._store)
        asked = filter_in(visit.request.query, reader)
        names = [session.id for session in reader.chosen]
        seats, tallied, people = await asyncio.gather(
            self._store.seats(visit.event_id),
            counting.tallies(self._database, visit.event_id),
            self._store.registrations(visit.event_id, visit.request.query.get("cursor"), SHOWN + 1, wanted=asked),
        )
        said = said_of(asked)
        more = urlencode({**said, "cursor": people[SHOWN - 1].id}) if len(people) > SHOWN else ""
        states = tallied.get(EVENT, counting.Tally()).states
        context = {
            "reader": reader,
            "people": [line_of(one, reader) for one in people[:SHOWN]],
            "asked": said,
            "narrows": asked.narrows,
            "wanted": urlencode(said),
            "more": more,
            "beyond_first": "cursor" in visit.request.query,
            "states": [(state, reader.states[state], states.get(state, 0)) for state in reader.states],
            "registered": sum(states.values()),
            "to_approve": await self._store.awaits_approval(visit.event_id),
            "lines": [(reader.line(each.name), each) for each in counting.lines(seats, tallied, names)],
            "kinds": [(reader.line(k.line), reader.kind(k.kind), k) for k in counting.kinds(seats, names)],
            "email": asked.text if asked.text and looks_like_email(asked.text) else "",
        }
        return visit.page("list.html", context)

    async def table(self, visit: Visit) -> web.StreamResponse:
        """The list as a table for a spreadsheet: everybody, or those that the filter leaves."""
        reader = await reader_of(visit, self._store)
        wanted = filter_in(visit.request.query, reader)
        return await self._downloads.attendees(visit.request, reader.event, reader.sessions, visit.language, wanted)

    async def back(self, visit: Visit) -> web.Response:
        """The log is asked for by a form; whoever comes back to its address is shown the list."""
        return visit.go(visit.desk)

    async def log(self, visit: Visit) -> web.Response:
        """What was decided on whoever asked with an address, registered or not."""
        reader = await reader_of(visit, self._store)
        email = visit.said("email").lower()[:LONGEST_EMAIL]
        found = await self._store.registration_of(visit.event_id, email)
        about = names_of(found) if found is not None else [person_key(visit.event_id, email)]
        told = in_words(await decisions(self._store, visit.event_id, about), reader)
        return visit.page("log.html", {"reader": reader, "email": email, "told": told, "found": found})


def line_of(one: Registration, reader: Reader) -> dict[str, Any]:
    """A registration in the list: who, how it stands, and each session."""
    return {
        "id": one.id,
        "name": one.person.name,
        "email": "" if one.erased else one.person.email,
        "erased": one.erased,
        "state": one.state.value,
        "cause": reader.causes[one.cause.value] if one.cause else "",
        "kind": reader.kind(one.person.audience),
        "affiliation": one.person.affiliation or "",
        "choices": [
            (
                reader.line(held.session_id),
                reader.states[held.state.value],
                reader.causes[held.cause.value] if held.cause else "",
            )
            for held in one.choices
        ],
    }


def looks_like_email(text: str) -> bool:
    """Whether somebody may have been looked for by address."""
    name, at, domain = text.partition("@")
    return bool(name and at and "." in domain and " " not in text)


def csv_answer(name: str, body: bytes) -> web.Response:
    """A table to download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **NOT_KEPT}
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)
