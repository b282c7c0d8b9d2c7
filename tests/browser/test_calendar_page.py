"""The page about a person's calendar in a real browser: on a phone, in both languages, accessible, without a script."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from services.calendar_sync.accounts_store import ServerState
from services.calendar_sync.organiser_pages import OrganiserPages
from services.calendar_sync.trouble import FOR_ORGANISERS, Trouble
from shared.storage.mongo import Database
from shared.web.access import begin_session
from shared.web.app import make_app
from shared.web.i18n import translations
from tests.support.browser import accessible
from tests.support.calendar_harness import LOCAL, CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.install_chromium import ensure_chromium
from tests.support.own_calendars import TEMPLATES, OwnCalendars, Place, own_calendars, place
from tests.support.quirky import ALWAYS, plays

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
WORKSHOPS = [f"milipol-2019-workshop-{number}" for number in (1, 2)]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[Place]:
    async with place("plain") as one:
        yield one


@pytest.fixture
async def people(database: Database, server: Place) -> AsyncIterator[OwnCalendars]:
    sync = await CalendarSync(database).prepare()
    await sync.tell(milipol(admission={"calendar_answers": True}), *map(workshop, (1, 2)))
    await sync.tell(registration("milipol-2019", dict.fromkeys(WORKSHOPS, "confirmed")))
    async with own_calendars(sync, server) as found:
        yield found
    await sync.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=ensure_chromium(), args=_FLAGS)
        yield opened
        await opened.close()


@contextlib.asynccontextmanager
async def reader(
    browser: Browser, people: OwnCalendars, locale: str = "en-GB", *, script: bool = True
) -> AsyncIterator[Page]:
    """A person with a phone; fails at the end if the page said anything wrong on the browser's console."""
    context = await browser.new_context(
        base_url=str(people.http.make_url("/")), locale=locale, viewport=PHONE, java_script_enabled=script
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _wrong(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    assert not complaints


def _wrong(message: ConsoleMessage) -> bool:
    """Chromium also reports an answer of 422 or 429, which is no fault of a page."""
    return message.type == "error" and not any(f"status of {status}" in message.text for status in (422, 429))


WORDS = {
    "en-GB": ("Find my calendars", "Connect this calendar", "Everything is written: 2 sessions.", "Keep my seat"),
    "fr-FR": ("Trouver mes agendas", "Connecter cet agenda", "Tout est écrit\u00a0: 2 séances.", "Garder ma place"),
}


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
async def test_from_the_feed_to_a_connected_calendar(
    people: OwnCalendars, server: Place, browser: Browser, locale: str
) -> None:
    assert server.quirky is not None
    find, connect, everything, keep = WORDS[locale]
    async with reader(browser, people, locale) as page:
        await page.goto(people.path())
        await accessible(page)
        for summary in await page.locator("summary").all():
            await summary.click()
        await expect(page.locator(".ticket svg")).to_be_visible()
        await accessible(page)
        await page.locator("#address").fill(server.email)
        await page.locator("#username").fill("anna")
        await page.locator("#password").fill("wrong")
        await page.get_by_role("button", name=find).click()
        await expect(page.locator("#password-wrong")).to_contain_text("dav.example.org")
        await expect(page.locator("#password")).to_have_value("")
        await expect(page.locator("#address")).to_have_value(server.email)
        await accessible(page)
        await page.locator("#password").fill(server.password)
        await page.get_by_role("button", name=find).click()
        await page.get_by_label("Work", exact=True).check()
        await accessible(page)
        await page.get_by_role("button", name=connect).click()
        await expect(page.locator("#connected")).to_be_visible()
        await accessible(page)
        await people.work()
        await page.goto(people.path())
        await expect(page.get_by_text(everything)).to_be_visible()
        await accessible(page)
        server.quirky.delete("anna", f"{WORKSHOPS[0]}-r1.ics", "work")
        people.sync.clock.move(minutes=11)
        await people.work(2)
        await page.goto(people.path())
        await accessible(page)
        await page.get_by_role("button", name=keep).click()
        await expect(page.get_by_role("button", name=keep)).to_have_count(0)


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
async def test_whoever_stumbles_is_told_where(
    people: OwnCalendars, server: Place, browser: Browser, locale: str
) -> None:
    assert server.quirky is not None
    find, connect, _, _ = WORDS[locale]
    async with reader(browser, people, locale) as page:

        async def send(address: str, password: str, username: str = "") -> None:
            for name, value in (("address", address), ("username", username), ("password", password)):
                await page.locator(f"#{name}").fill(value)
            await page.get_by_role("button", name=find).click()

        await page.goto(people.path())
        await send("hello", "x")
        await expect(page.locator("#address-wrong")).to_contain_text("https://")
        await accessible(page)
        await page.locator(".errors a").click()
        await expect(page.locator("#address")).to_be_focused()
        for _ in range(5):
            await send("hello", "x", "anna")
        await expect(page.locator(".errors")).to_contain_text("minutes")
        await page.locator(".errors a").click()
        await expect(page.locator("#password")).to_be_focused()
        await expect(page.locator("#username")).to_have_value("anna")
        await expect(page.locator("#password")).to_have_value("")
        await accessible(page)
        people.seconds[0] += 3600
        await send(server.email, server.password, "anna")
        await page.get_by_label("Work", exact=True).check()
        await page.get_by_role("button", name=connect).click()
        await people.work()
        server.quirky.cut_in(plays.status(401), times=ALWAYS)
        people.sync.clock.move(minutes=11)
        await people.work(2)
        await page.goto(people.path())
        await expect(page.locator("#connected + .card .wrong")).to_be_visible()
        await expect(page.locator("#password")).to_be_visible()
        await accessible(page)


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
async def test_organisers_read_what_is_wrong_in_their_language(
    people: OwnCalendars, browser: Browser, locale: str
) -> None:
    sync = people.sync
    fleet = await sync.connect("https://dav.example/home/")
    await fleet.spread()
    busy = ServerState("The calendar server is busy (503).", sync.clock.now, error_kind="busy")
    await sync.accounts.keep_server("https://dav.example", busy)

    async def sign_in(request: web.Request) -> web.Response:
        response = web.Response()
        begin_session(request, response, sync.clock(), "random")
        return response

    routes = [*OrganiserPages(sync.tools).routes(), web.get("/organise/in", sign_in)]
    async with TestServer(make_app(LOCAL, routes, {"calendar-sync": TEMPLATES}, {})) as desk:
        context = await browser.new_context(base_url=str(desk.make_url("/")), locale=locale, viewport=PHONE)
        page = await context.new_page()
        await page.goto("/organise/in")
        await page.goto("/organise/calendars")
        said = translations(locale[:2]).gettext(FOR_ORGANISERS[Trouble.BUSY])
        await expect(page.get_by_text(said)).to_be_visible()
        await expect(page.locator("small[lang=en]")).to_have_text(busy.error or "")
        await accessible(page)
        await context.close()


async def test_everything_works_without_a_script(people: OwnCalendars, server: Place, browser: Browser) -> None:
    async with reader(browser, people, script=False) as page:
        await page.goto(people.path())
        feed = await page.locator("#feed").input_value()
        await page.get_by_text("Make a new address").first.click()
        await page.get_by_role("button", name="Make a new address").click()
        assert await page.locator("#feed").input_value() != feed
        await page.locator("#address").fill(server.email)
        await page.locator("#username").fill("anna")
        await page.locator("#password").fill(server.password)
        await page.get_by_role("button", name="Find my calendars").click()
        await page.get_by_label("A new calendar called “AI in law enforcement: practitioner workshops”").check()
        await page.get_by_role("button", name="Connect this calendar").click()
        await people.work()
        await page.goto(people.path())
        await expect(page.get_by_text("Everything is written: 2 sessions.")).to_be_visible()
        await page.get_by_text("Disconnect", exact=True).first.click()
        await page.get_by_role("button", name="Disconnect").click()
        await expect(page.get_by_text("is being removed, and only that.").first).to_be_visible()
        await people.work()
        await page.goto(people.path())
        await expect(page.get_by_role("button", name="Find my calendars")).to_be_visible()
