"""The scan page on a helper's phone: with network, without, with an answer that is lost; in both languages, accessible."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Route, async_playwright, expect

from services.registration.door.tickets import ticket_path
from shared.config import Settings
from tests.support.browser import accessible
from tests.support.entrance import EVENT, W1, Entrance, entrance_of
from tests.support.install_chromium import ensure_chromium

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
CHECK_INS = re.compile("/api/v1/registration/check-ins")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
          "--use-fake-ui-for-media-stream"]  # fmt: skip


@pytest.fixture
async def entrance(settings: Callable[..., Settings]) -> AsyncIterator[Entrance]:
    async with entrance_of(settings()) as begun:
        yield begun


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=ensure_chromium(), args=_FLAGS)
        yield opened
        await opened.close()


@contextlib.asynccontextmanager
async def helper(
    browser: Browser, entrance: Entrance, locale: str = "en-GB"
) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """A helper's phone that opened the door's address; fails at the end if the page said anything wrong on its console,
    beside that there was no network."""
    context = await browser.new_context(
        base_url=entrance.process.address, locale=locale, viewport=PHONE, permissions=["camera"]
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _wrong(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(await entrance.door())
    yield context, page
    await context.close()
    assert not complaints


def _wrong(message: ConsoleMessage) -> bool:
    return message.type == "error" and "Failed to load resource" not in message.text


async def typed(page: Page, *texts: str) -> None:
    """As a scanner types that is a keyboard to the phone."""
    for text in texts:
        await page.get_by_role("textbox").fill(text)
        await page.get_by_role("textbox").press("Enter")


async def test_scans_without_network_are_noted_and_sent_when_it_is_back(entrance: Entrance, browser: Browser) -> None:
    async with helper(browser, entrance) as (context, page):
        result, last = page.locator("#result"), page.locator("#last li")
        await expect(page.locator("#counter")).to_have_text("0 of 3 checked in")
        await expect(page.get_by_text("Everything is sent.")).to_be_visible()
        await context.set_offline(True)
        await typed(page, *(entrance.tickets[name] for name in ("ada", "bob", "eve")))
        await expect(result).to_contain_text("Noted, not sent yet")
        await expect(last).to_have_count(3)
        await expect(page.locator("#sending")).to_contain_text("3 noted, not sent yet.")
        await typed(page, entrance.tickets["ada"])
        await expect(result).to_contain_text("Noted already on this phone")
        await accessible(page)
        await context.set_offline(False)
        await expect(page.locator("#counter")).to_have_text("3 of 3 checked in")
        await expect(page.get_by_text("Everything is sent.")).to_be_visible()
        for name in ("Ada", "Bob", "Eve"):
            await expect(last.filter(has_text=re.compile(rf"{name}\b"))).to_contain_text("Checked in")
        assert await page.evaluate("localStorage.length") == 0, "nothing about people stays on the phone"


@pytest.mark.parametrize("safeguard", [True, False], ids=["with-the-scans-id", "control-without"])
async def test_scan_whose_answer_was_lost_is_no_second_one(
    entrance: Entrance, browser: Browser, safeguard: bool
) -> None:
    """The server has it, the phone does not know. Sent again with the same id, it gets the first answer; with another id
    each time, three people who were let in are told to be here already."""
    lost: list[int] = []

    async def lose_first(route: Route) -> None:
        sent = route.request.post_data_json
        answer, told = await _forwarded(route, sent, keep_ids=safeguard)
        if sent["scans"] and not lost:
            lost.append(len(sent["scans"]))
            await route.abort("connectionreset")
        else:
            await route.fulfill(response=answer, body=json.dumps(told))

    async with helper(browser, entrance) as (context, page):
        await expect(page.get_by_text("Everything is sent.")).to_be_visible()
        await context.set_offline(True)
        await typed(page, *(entrance.tickets[name] for name in ("ada", "bob", "eve")))
        await page.route(CHECK_INS, lose_first)
        await context.set_offline(False)
        await expect(page.get_by_text("Everything is sent.")).to_be_visible(timeout=15_000)
        assert lost == [3]
        said = "Checked in" if safeguard else "Checked in already, at 09:31"
        await expect(page.locator("#last .mark")).to_have_text([said] * 3)
        await expect(page.locator("#counter")).to_have_text("3 of 3 checked in")


async def _forwarded(route: Route, sent: dict[str, Any], *, keep_ids: bool) -> tuple[Any, dict[str, Any]]:
    ids = [scan["id"] for scan in sent["scans"]]
    if not keep_ids:
        sent = sent | {"scans": [scan | {"id": str(uuid.uuid4())} for scan in sent["scans"]]}
    answer = await route.fetch(post_data=json.dumps(sent))
    told: dict[str, Any] = await answer.json()
    for scanned, id_ in zip(told["scans"], ids, strict=True):
        scanned["id"] = id_
    return answer, told


async def test_page_opens_again_without_network_and_knows_what_is_not_sent(
    entrance: Entrance, browser: Browser
) -> None:
    async with helper(browser, entrance) as (context, page):
        await page.evaluate("navigator.serviceWorker.ready")
        await page.wait_for_function(
            "async () => (await (await caches.open('lectern-door-1')).match(location.href)) !== undefined"
        )
        await context.set_offline(True)
        await typed(page, entrance.tickets["ada"])
        await page.reload()
        await expect(page.locator("#sending")).to_contain_text("1 noted, not sent yet.")
        await context.set_offline(False)
        await expect(page.locator("#counter")).to_have_text("1 of 3 checked in")


async def test_what_is_noted_outlives_the_doors_address(entrance: Entrance, browser: Browser) -> None:
    async with helper(browser, entrance) as (_, page):
        await entrance.organiser("POST", f"/api/v1/registration/doors/{EVENT}/renew")
        await typed(page, entrance.tickets["ada"])
        await expect(page.locator("#sending")).to_contain_text(
            "1 noted, not sent yet. This door's address is not valid"
        )
        await expect(page.locator("#result")).to_contain_text("Noted, not sent yet")
        await page.goto(await entrance.door())
        await expect(page.locator("#counter")).to_have_text("1 of 3 checked in")
        await expect(page.locator("#result")).to_contain_text("Ada")


async def test_undo_before_and_after_the_answer(entrance: Entrance, browser: Browser) -> None:
    async with helper(browser, entrance) as (context, page):
        result, undo = page.locator("#result"), page.locator("#undo")
        await expect(undo).to_be_hidden()
        await typed(page, entrance.tickets["ada"])
        await expect(result).to_contain_text("Checked in")
        await expect(page.locator("#counter")).to_have_text("1 of 3 checked in")
        await undo.click()
        await expect(result).to_contain_text("Check-in undone")
        await expect(page.locator("#counter")).to_have_text("0 of 3 checked in")
        await context.set_offline(True)
        await typed(page, entrance.tickets["eve"])
        await undo.click()
        await context.set_offline(False)
        await expect(result).to_contain_text(re.compile("Check-in undone|Taken back"))
        await expect(page.get_by_text("Everything is sent.")).to_be_visible()
        await expect(page.locator("#counter")).to_have_text("0 of 3 checked in")


async def test_undone_once_no_older_row_offers_it_again(entrance: Entrance, browser: Browser) -> None:
    async with helper(browser, entrance) as (_, page):
        rows, result = page.locator("#last li"), page.locator("#result")
        await typed(page, entrance.tickets["ada"])
        await expect(result.locator(".message")).to_have_text("Checked in")
        await typed(page, entrance.tickets["ada"])
        await expect(result.locator(".message")).to_have_text("Checked in already, at 09:31")
        await expect(rows).to_have_count(2)
        await expect(rows.get_by_role("button", name="Undo the check-in: Ada")).to_have_count(2)
        await page.locator("#last").get_by_role("button").first.click()
        await expect(result).to_contain_text("Check-in undone")
        await expect(rows.get_by_role("button")).to_have_count(0)
        await accessible(page)


async def test_ticket_of_the_camera_app_goes_into_the_session_that_was_chosen(
    entrance: Entrance, browser: Browser
) -> None:
    async with helper(browser, entrance) as (_, page):
        await page.get_by_label("Check in into").select_option("Workshop 1")
        await typed(page, entrance.tickets["eve"])
        await expect(page.locator("#result")).to_contain_text("Workshop 1")
        await page.goto(ticket_path(entrance.tickets["ada"]))
        await expect(page.get_by_text("Check in into: Workshop 1")).to_be_visible()
        await page.get_by_role("button", name="Check in").click()
        await expect(page.locator(".result .message")).to_have_text("Checked in")
        await expect(page.get_by_text("Check in into: Workshop 1")).to_be_visible()
        ada = await entrance.store.registration(entrance.ids["ada"])
        assert ada is not None
        assert [held.session_id for held in ada.choices if held.attended_at is not None] == [W1]


async def test_somebody_without_a_ticket_is_found_by_name(entrance: Entrance, browser: Browser) -> None:
    async with helper(browser, entrance) as (_, page):
        await typed(page, "adà")
        await expect(page.locator("#found")).to_contain_text("Police · confirmed")
        await accessible(page)
        await page.get_by_role("button", name="Let in: Ada").click()
        await expect(page.locator("#result")).to_contain_text("Checked in")
        await typed(page, "nobody")
        await expect(page.locator("#found")).to_contain_text("Nobody was found with this name.")


async def test_every_answer_says_in_words_what_its_colour_says(entrance: Entrance, browser: Browser) -> None:
    async with helper(browser, entrance) as (_, page):
        result = page.locator("#result")
        await page.get_by_label("Check in into").select_option("Workshop 1")
        await expect(page.locator("#counter")).to_have_text("0 of 1 checked in")
        for name, outcome, message in (
            ("ada", "checked-in", "Checked in"),
            ("ada", "already", "Checked in already, at 09:31"),
            ("bob", "waits", "No seat: on the waiting list"),
            ("eve", "not-chosen", "Registered, but not for this session"),
            ("joe", "other-event", "This ticket is for another event"),
        ):
            await typed(page, entrance.tickets[name])
            await expect(result).to_have_attribute("data-outcome", outcome)
            await expect(result.locator(".message")).to_have_text(message)
            await accessible(page)
        await typed(page, f"{entrance.ids['ada']}.{'a' * 32}")
        await expect(result).to_have_attribute("data-outcome", "unknown")
        await accessible(page)


_READS_CODES = """
window.BarcodeDetector = class { async detect() { return (window.codes || []).map((rawValue) => ({ rawValue })); } };
"""


async def test_camera_scans_a_code_once_while_it_sees_it(entrance: Entrance, browser: Browser) -> None:
    """Where the browser reads codes (here it is told what it sees)."""
    async with helper(browser, entrance) as (context, page):
        await expect(page.get_by_text("This browser cannot read codes by itself.")).to_be_visible()
        await context.add_init_script(_READS_CODES)
        await page.reload()
        await page.get_by_role("button", name="Scan with the camera").click()
        await expect(page.locator("#camera")).to_be_visible()
        await page.evaluate("codes = ['https://example.org/c/nothing']")
        await expect(page.locator("#result")).to_contain_text("This is not a ticket")
        await page.evaluate(f"codes = ['{entrance.settings.public_url}{ticket_path(entrance.tickets['ada'])}']")
        await expect(page.locator("#result")).to_contain_text("Ada")
        await expect(page.locator("#last .mark")).to_have_text(["Checked in", "This is not a ticket"])
        await page.get_by_role("button", name="Stop the camera").click()
        await expect(page.locator("#camera")).to_be_hidden()


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
async def test_pages_of_the_door_are_accessible_in_both_languages(
    entrance: Entrance, browser: Browser, locale: str
) -> None:
    async with helper(browser, entrance, locale) as (context, page):
        await expect(page.locator("html")).to_have_attribute("lang", locale[:2])
        await accessible(page)
        await page.goto(ticket_path(entrance.tickets["ada"]))
        await expect(page.locator(".result")).to_contain_text("Ada")
        await accessible(page)
        await page.locator("form button").click()
        await expect(page.locator(".result")).to_have_attribute("data-outcome", "checked-in")
        await accessible(page)
        await page.get_by_role("link", name="English").click()
        await expect(page.locator(".result .message")).to_have_text("Checked in already, at 09:31")
        await accessible(page)
        await page.locator("form button").click()
        await expect(page.locator(".result")).to_have_attribute("data-outcome", "undone")
        await context.clear_cookies()
        await page.goto(ticket_path(entrance.tickets["ada"]))
        await expect(page.locator(".result")).to_have_count(0)
        await accessible(page)
        await page.goto(f"/check-in/{EVENT}")
        await accessible(page)
