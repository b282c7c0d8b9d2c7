"""The attendee's way in a real browser: event, form, result, private page; in both languages, accessible, on a phone."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from shared.config import Settings
from tests.support.browser import accessible
from tests.support.install_chromium import ensure_chromium
from tests.support.radicale import RadicaleNode
from tests.support.smtp import SmtpSink, text_of
from tests.support.story import Story, story

pytestmark = pytest.mark.browser

EVENT = "milipol-2019"
OCTOBER = datetime(2019, 10, 15, 8, 0, tzinfo=UTC)
PHONE = {"width": 360, "height": 740}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture
async def lectern(
    settings: Callable[..., Settings], smtp_sink: SmtpSink, radicale: RadicaleNode
) -> AsyncIterator[Story]:
    async with story(settings(smtp_url=smtp_sink.url), OCTOBER, smtp_sink, radicale) as begun:
        await begun.import_example(EVENT)
        yield begun


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=ensure_chromium(), args=_FLAGS)
        yield opened
        await opened.close()


@contextlib.asynccontextmanager
async def reader(browser: Browser, lectern: Story, locale: str = "en-GB") -> AsyncIterator[Page]:
    """A person with a phone; fails at the end if the page said anything wrong on the browser's console."""
    context = await browser.new_context(base_url=lectern.process.address, locale=locale, viewport=PHONE)
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


async def test_from_the_list_to_the_private_page_and_back_out(lectern: Story, browser: Browser) -> None:
    async with reader(browser, lectern) as page:
        await page.goto("/")
        await accessible(page)
        await page.get_by_role("link", name="Horizon 2020 practitioner workshops at Milipol").first.click()
        await expect(page.locator("h1")).to_contain_text("Horizon 2020 practitioner workshops")
        await expect(page.get_by_text("60 seats left").first).to_be_visible()
        await accessible(page)
        await page.get_by_role("link", name="Register", exact=True).first.click()
        await accessible(page)
        await page.get_by_label("Name").fill("Zoë Example")
        await page.get_by_label("E-mail").fill("zoe@example.org")
        await page.get_by_label(re.compile("Cooperation for high-quality datasets")).check()
        await page.get_by_role("button", name="Register").click()
        await expect(page.locator("h1")).to_have_text("Something is still missing")
        await expect(page.get_by_text("A seat is held for you until").first).to_be_visible()
        await expect(page.get_by_text("H2020MP2019")).to_be_visible()
        await accessible(page)

        mail = text_of(await lectern.mail("zoe@example.org"))
        found = re.search(r"(/r/[a-z2-7]+)", mail)
        assert found is not None
        await page.goto(found.group(1))
        await expect(page.get_by_role("link", name="Your calendar", exact=True)).to_be_visible()
        await accessible(page)
        await page.get_by_label(re.compile("I give up my whole registration")).check()
        await page.get_by_role("button", name="Cancel my registration").click()
        await expect(page.get_by_text("This registration is cancelled.")).to_be_visible()
        await lectern.mail("zoe@example.org", count=2)


async def test_wrong_input_is_told_in_french(lectern: Story, browser: Browser) -> None:
    async with reader(browser, lectern, "fr-FR") as page:
        await page.goto(f"/events/{EVENT}")
        await expect(page.locator("html")).to_have_attribute("lang", "fr")
        await expect(page.locator("h1")).to_contain_text("Ateliers Horizon 2020")
        await accessible(page)
        await page.goto(f"/events/{EVENT}/register")
        await page.get_by_label("Nom").fill("Zoë")
        await page.get_by_label("Adresse électronique").fill("zoe@localhost")
        async with page.expect_response(lambda response: response.status == 422):
            await page.get_by_role("button", name="S'inscrire").click()
        await expect(page.get_by_role("alert")).to_contain_text("Veuillez donner une adresse électronique")
        await expect(page.get_by_label("Nom")).to_have_value("Zoë")
        await accessible(page)


async def test_page_without_script_and_foreign_content(lectern: Story, browser: Browser) -> None:
    """The pages need no script, and their policy allows none from elsewhere."""
    async with reader(browser, lectern) as page:
        response = await page.goto(f"/events/{EVENT}")
        assert response is not None
        policy = await response.header_value("content-security-policy")
        assert policy is not None
        assert "default-src 'self'" in policy
        assert await page.locator("script[src]").count() == 0
