"""The page about a person's calendar in a real browser: on a phone, in both languages, accessible, without a script."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from shared.storage.mongo import Database
from tests.support.browser import accessible
from tests.support.calendar_harness import CalendarSync
from tests.support.calendar_samples import milipol, registration, workshop
from tests.support.install_chromium import ensure_chromium
from tests.support.own_calendars import OwnCalendars, Place, own_calendars, place

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
    """Chromium also reports an answer of 422, which is no fault of a page."""
    return message.type == "error" and "status of 422" not in message.text


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
