"""The organiser's page about calendars: who may see it, and what it says."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from services.calendar_sync import organiser_pages
from services.calendar_sync.accounts_store import ServerState
from shared.web.access import begin_session
from shared.web.app import make_app
from tests.support.calendar_harness import LOCAL, CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop

EVENT = "milipol-2019"
ONE = f"{EVENT}-workshop-1"
PAGE = "/organise/calendars"


@pytest.fixture
async def client(sync: CalendarSync, aiohttp_client: Any) -> Any:
    """A browser; /organise/in signs in, which is scheduling's business."""

    async def sign_in(request: web.Request) -> web.Response:
        response = web.Response()
        begin_session(request, response, sync.clock(), "random")
        return response

    routes = [*organiser_pages.OrganiserPages(sync.tools).routes(), web.get("/organise/in", sign_in)]
    templates = {"calendar-sync": Path(organiser_pages.__file__).parent / "templates"}
    return await aiohttp_client(make_app(LOCAL, routes, templates, {}))


async def test_whoever_is_not_signed_in_is_asked_to(client: Any) -> None:
    answer = await client.get(PAGE, allow_redirects=False)
    assert (answer.status, "next=%2Forganise%2Fcalendars" in answer.headers["Location"]) == (303, True)


async def test_page_tells_what_waits_and_since_when_in_both_languages(sync: CalendarSync, client: Any) -> None:
    await client.get("/organise/in")
    assert "There are no shared calendars" in await (await client.get(f"{PAGE}?lang=en")).text()
    fleet = await sync.connect("https://dav.example/home/")
    await sync.tell(milipol(), workshop(1), workshop(2), registration(EVENT, {ONE: "confirmed"}))
    await fleet.spread()
    await sync.connect_person("r1", EVENT, "https://dav.example/secret-home/", "secret-name", "ada", "pw")
    down = ServerState(
        "The server does not <answer> (503).", sync.clock.now, sync.clock.now.replace(hour=13), None, "busy"
    )
    await sync.accounts.keep_server("https://dav.example", down)
    await sync.accounts.note_account("account-r1", failing_since=sync.clock.now)
    answer = await client.get(f"{PAGE}?lang=en&event_id={EVENT}")
    text = await answer.text()
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "under way" in text
    assert "waiting since" in text
    assert "2019-10-02T12:00:00+00:00" in text
    assert "1 account is connected." in text
    assert "1 of them is in trouble." in text
    assert "left alone for a while" in text
    assert "The calendar server is busy. Lectern tries again by itself." in text
    assert '<small class="quiet" lang="en">The server does not &lt;answer&gt; (503).</small>' in text
    assert "secret" not in text
    french = await (await client.get(f"{PAGE}?lang=fr")).text()
    assert 'lang="fr"' in french
    assert "Le serveur d'agendas est occupé. Lectern réessaie de lui-même." in html.unescape(french)
    assert '<small class="quiet" lang="en">The server does not &lt;answer&gt; (503).</small>' in french


async def test_organisers_are_told_what_they_can_do_and_not_what_a_person_can(sync: CalendarSync, client: Any) -> None:
    await client.get("/organise/in")
    fleet = await sync.connect("https://dav.example/home/")
    await sync.tell(milipol(), workshop(1))
    await fleet.spread()
    stuck = {"error": "The calendar server refuses the user name or the password (401).", "error_at": sync.clock.now}
    calendars = sync.database["calendars"]
    await calendars.update_one({}, {"$set": stuck | {"error_kind": "password"}})
    text = await (await client.get(f"{PAGE}?lang=en")).text()
    assert "Whoever runs Lectern has to set the right ones." in text
    assert "Connect again" not in text
    # As it was stored before faults had kinds.
    await calendars.update_one({}, {"$set": stuck, "$unset": {"error_kind": ""}})
    text = await (await client.get(f"{PAGE}?lang=en")).text()
    assert "The calendar server did not do what it was asked." in text
    assert stuck["error"] in text
