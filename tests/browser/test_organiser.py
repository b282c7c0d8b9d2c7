"""The organiser's desk in a real browser: on a phone, in both languages, accessible, by keyboard, without a script."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from shared.process import Process, running
from tests.conftest import MakeSettings
from tests.support.browser import accessible as fit_for_everybody
from tests.support.install_chromium import ensure_chromium
from tests.support.lectern import ORGANISER, lectern

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
TOKEN = "the-organisers-token-of-the-tests"
MILIPOL, EFUS = "milipol-2019", "efus-2021-round-3"
EIGHT = datetime(2019, 11, 20, 7, 0, tzinfo=UTC)
"""Eight o'clock in Paris, on the morning of the workshops."""
PHONE, LAPTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture
async def process(settings: MakeSettings) -> AsyncIterator[Process]:
    """Scheduling alone, with two sample events: one published, one with an open zone check."""
    async with (
        running(lectern(settings(), ["scheduling"], clock=lambda: EIGHT)) as begun,
        aiohttp.ClientSession() as http,
    ):
        efus = (EXAMPLES / f"{EFUS}.yaml").read_bytes().replace(b"    zone_check: local\n", b"", 1)
        for body in ((EXAMPLES / f"{MILIPOL}.yaml").read_bytes(), efus):
            headers = {**ORGANISER, "Content-Type": "application/yaml"}
            async with http.post(f"{begun.address}/api/v1/events/import", data=body, headers=headers) as answer:
                assert answer.status == 201
        async with http.post(f"{begun.address}/api/v1/events/{MILIPOL}/publish", headers=ORGANISER) as answer:
            assert answer.status == 200
        yield begun


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=ensure_chromium(), args=_FLAGS)
        yield opened
        await opened.close()


@contextlib.asynccontextmanager
async def organiser(
    browser: Browser,
    process: Process,
    locale: str = "en-GB",
    viewport: dict[str, int] = PHONE,
    *,
    signed_in: bool = True,
) -> AsyncIterator[Page]:
    """An organiser without JavaScript; fails at the end if the page said anything wrong on the browser's console."""
    context = await browser.new_context(base_url=process.address, locale=locale, viewport=viewport)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _wrong(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if signed_in:
        await page.goto("/organise")
        await page.locator("#token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.locator("#upcoming")).to_be_visible()
    yield page
    await context.close()
    assert not complaints


def _wrong(message: ConsoleMessage) -> bool:
    """Chromium also reports answers that say what is wrong, which are no fault of a page."""
    return message.type == "error" and not re.search(r"status of (401|409|422)", message.text)


async def accessible(page: Page) -> None:
    """As every page, and no script."""
    assert await page.locator("script:not([type='application/ld+json']), [style], [onclick]").count() == 0
    await fit_for_everybody(page)


async def test_the_wrong_token_is_told_and_the_right_one_opens_the_desk(browser: Browser, process: Process) -> None:
    async with organiser(browser, process, signed_in=False) as page:
        await page.goto(f"/organise/events/{MILIPOL}")
        await accessible(page)
        await page.get_by_label("Organiser's token").fill("not the token")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("This is not the organiser's token.")
        await accessible(page)
        await page.get_by_label("Organiser's token").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("h1")).to_have_text("Horizon 2020 practitioner workshops at Milipol")


async def test_a_zone_check_is_answered_and_the_agenda_published(browser: Browser, process: Process) -> None:
    async with organiser(browser, process) as page:
        await accessible(page)
        await (
            page.get_by_role("link", name="Efus web conferences").or_(page.locator(f"a[href*='{EFUS}']")).first.click()
        )
        await expect(page.get_by_role("button", name="14:00 in Paris = 12:00 UTC")).to_be_visible()
        await expect(page.get_by_role("button", name="Publish")).to_have_count(0)
        await accessible(page)
        await page.get_by_role("button", name="14:00 at UTC+1 = 13:00 UTC = 15:00 in Paris").click()
        await expect(page.get_by_role("status")).to_contain_text("The time is clear now")
        await page.get_by_role("link", name="Preview").click()
        await expect(page.get_by_text("Preview of the draft, not published")).to_be_visible()
        await accessible(page)
        await page.get_by_role("link", name="Back to the desk").click()
        await page.get_by_label("Note for readers, English (optional)").fill("The first programme.")
        await page.get_by_role("button", name="Publish").click()
        await expect(page.get_by_role("status")).to_contain_text("Published as revision 1. 3 sessions are told.")
        await accessible(page)


async def test_a_session_is_moved_by_keyboard_published_and_put_back(browser: Browser, process: Process) -> None:
    async with organiser(browser, process) as page:
        await page.goto(f"/organise/events/{MILIPOL}")
        await page.get_by_role("link", name="Edit: AI for cybersecurity").press("Enter")
        await accessible(page)
        await page.get_by_label("Starts", exact=True).fill("14:20")
        await page.get_by_label("English", exact=True).first.press("Enter")  # Enter saves, and adds or removes no row
        await expect(page.get_by_role("status")).to_contain_text("Saved in the draft.")
        await expect(page.get_by_text("Starts: 14:00 → 14:20")).to_be_visible()
        await expect(page.get_by_text("1 session will be told.")).to_be_visible()
        await accessible(page)
        await page.get_by_role("button", name="Publish").click()
        await page.get_by_role("link", name="Revisions").click()
        await accessible(page)
        await page.get_by_role("link", name="Revision 1").click()
        await expect(page.get_by_text("Starts: 14:20 → 14:00")).to_be_visible()
        await accessible(page)
        await page.get_by_role("button", name="Publish this again").click()
        await expect(page.get_by_role("status")).to_contain_text("Published as revision 3. 1 session is told.")


async def test_what_is_wrong_stands_at_its_field_and_rows_come_and_go(browser: Browser, process: Process) -> None:
    async with organiser(browser, process) as page:
        await page.goto(f"/organise/events/{MILIPOL}/sessions/{MILIPOL}-workshop-1")
        await page.get_by_role("button", name="Add a person").click()
        await page.get_by_role("button", name="Add an outcome").click()
        await accessible(page)
        await page.get_by_role("button", name="Remove person 6").click()
        await page.get_by_label("Ends", exact=True).fill("09:00")
        await page.get_by_role("group", name="Outcome 1").get_by_label("Address on the web").fill("example.org")
        async with page.expect_response(lambda response: response.status == 422):
            await page.get_by_role("button", name="Save in the draft").first.click()
        await expect(page.get_by_role("alert")).to_contain_text("Write it in at least one language.")
        await expect(page.get_by_label("Ends", exact=True)).to_have_value("09:00")
        await accessible(page)


async def test_two_organisers_at_once_see_each_others_changes(browser: Browser, process: Process) -> None:
    path = f"/organise/events/{MILIPOL}/sessions/{MILIPOL}-workshop-1"
    async with organiser(browser, process) as mine, organiser(browser, process) as theirs:
        await mine.goto(path)
        await theirs.goto(path)
        for page, title in ((theirs, "Theirs"), (mine, "Mine")):
            await page.get_by_label("English", exact=True).first.fill(title)
            await page.get_by_role("button", name="Save in the draft").first.click()
        await expect(mine.get_by_role("alert")).to_contain_text("Somebody else changed the draft meanwhile.")
        await expect(mine.get_by_text("Somebody else wrote here meanwhile")).to_be_visible()
        await accessible(mine)
        await mine.get_by_role("button", name="Save in the draft").first.click()
        await expect(mine.get_by_role("link", name="Edit: Mine")).to_be_visible()


async def test_a_file_is_looked_at_and_imported(browser: Browser, process: Process, tmp_path: Path) -> None:
    body = (EXAMPLES / f"{MILIPOL}.yaml").read_bytes()
    wrong, right = tmp_path / "wrong.yaml", tmp_path / "right.yaml"
    wrong.write_bytes(body.replace(b"ends: 17:00", b"ends: 17.00"))
    right.write_bytes(body.replace(b"ends: 17:00", b"ends: 17:30"))
    async with organiser(browser, process) as page:
        await page.get_by_role("link", name="Import a file").click()
        await accessible(page)
        await page.get_by_label("File", exact=True).set_input_files(wrong)
        await page.get_by_role("button", name="Show what would change").click()
        await expect(page.get_by_role("alert")).to_contain_text("not a time of day")
        await accessible(page)
        await page.get_by_label("File", exact=True).set_input_files(right)
        await page.get_by_role("button", name="Show what would change").click()
        await expect(page.get_by_text("Ends: 17:00 → 17:30")).to_be_visible()
        await accessible(page)
        await page.get_by_role("button", name="Import into the draft").click()
        await expect(page.get_by_role("status")).to_contain_text("Imported into the draft.")


@pytest.mark.parametrize(("locale", "viewport"), [("fr-FR", PHONE), ("en-GB", LAPTOP)])
async def test_every_page_is_accessible(
    browser: Browser, process: Process, locale: str, viewport: dict[str, int]
) -> None:
    session = f"/organise/events/{MILIPOL}/sessions/{MILIPOL}-workshop-1"
    below = ("", "/event", "/preview", "/translations", "/revisions", "/revisions/1", "/sessions/new")
    paths = [
        "/organise",
        "/organise/import",
        f"/organise/events/{EFUS}",
        session,
        f"{session}/cancel",
        f"{session}/remove",
    ]
    async with organiser(browser, process, locale, viewport) as page:
        for path in (*paths, *(f"/organise/events/{MILIPOL}{path}" for path in below)):
            await page.goto(path)
            await expect(page.locator("html")).to_have_attribute("lang", locale[:2])
            await expect(page.locator("h1")).to_have_count(1)
            await accessible(page)


async def test_the_desk_speaks_french(browser: Browser, process: Process) -> None:
    async with organiser(browser, process, "fr-FR") as page:
        await page.goto(f"/organise/events/{EFUS}")
        await expect(page.get_by_role("button", name="14:00 à Paris = 12:00 UTC")).to_be_visible()
        await page.goto(f"/organise/events/{MILIPOL}/sessions/{MILIPOL}-workshop-1/cancel")
        await page.get_by_role("button", name="Annuler la séance").click()
        await expect(page.get_by_role("status")).to_contain_text("Annulé.")
        await expect(page.get_by_role("heading", name="Séances")).to_be_visible()
