"""The attendee's further pages in a real browser: what is refused, missing, offered and forgotten; on a phone, in both
languages, accessible, without a script, and on paper."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from services.registration.attendee.needs_pages import needs_path
from services.registration.handed_out import CHAIR
from tests.conftest import MakeSettings
from tests.support.attendee import FORM, ORGANISER, Attendee, attendee
from tests.support.browser import accessible
from tests.support.events import milipol, workshop
from tests.support.install_chromium import ensure_chromium

pytestmark = pytest.mark.browser

W1, W2, W3, W4 = (f"milipol-2019-workshop-{number}" for number in (1, 2, 3, 4))
PHONE = {"width": 360, "height": 740}
FAIR = {
    "id": "fair",
    "name": {"en": "Milipol Paris"},
    "url": "https://fair.example.org/badge",
    "code": "H2020MP2019",
    "policy": "hold",
    "hold_days": 5,
}
NEEDS = {"id": "needs", "label": {"en": "What do you need?", "fr": "De quoi avez-vous besoin ?"}}
PHOTOS = {"id": "photos", "label": {"en": "Photos may be taken", "fr": "J'accepte les photos"}, "kind": "consent"}
CHAIRED = [{"id": "kim", "name": "Kim Kallio", "role": "chair"}]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture
async def ada(settings: MakeSettings) -> AsyncIterator[Attendee]:
    """Everything at once: seats set aside, codes, members, approval, a hold, offers, questions."""
    kinds = [
        {"id": "police", "name": {"en": "Police", "fr": "Police"}},
        {"id": "research", "name": {"en": "Research", "fr": "Recherche"}},
    ]
    event = milipol(
        audiences=kinds, requirements=[FAIR], questions=[NEEDS, PHOTOS], admission={"overlaps": "refuse"},
        members={"domains": ["members.example.org"]},
    )  # fmt: skip
    closed = {"code_needed": True, "members_only": True, "approval": True}
    sessions = (
        workshop(1, capacity=1),
        workshop(2, admission={"quotas": {"police": 1, "research": 1}}, people=CHAIRED),
        workshop(3, admission=closed),
        workshop(1, capacity=1).model_copy(update={"id": W4}),
    )
    async with attendee(settings(), event, *sessions) as one:
        yield one


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=ensure_chromium(), args=_FLAGS)
        yield opened
        await opened.close()


@contextlib.asynccontextmanager
async def reader(browser: Browser, ada: Attendee, locale: str = "en-GB", *, script: bool = True) -> AsyncIterator[Page]:
    """A person with a phone; fails at the end if the page said anything wrong on the browser's console."""
    context = await browser.new_context(
        base_url=ada.process.address, locale=locale, viewport=PHONE, java_script_enabled=script
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _wrong(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    assert not complaints


def _wrong(message: ConsoleMessage) -> bool:
    """Chromium also reports an answer of 404 or 409, which is no fault of a page."""
    return message.type == "error" and not any(f"status of {status}" in message.text for status in (404, 409))


@pytest.mark.parametrize(
    ("locale", "code", "wrong", "missing"),
    [
        ("en-GB", "Invitation code", "There is no such code for this event.", "Something is still missing"),
        ("fr-FR", "Code d'invitation", "Ce code n'existe pas pour cet événement.", "Il manque encore quelque chose"),
    ],
)
async def test_what_is_refused_stands_beside_its_field(
    ada: Attendee, browser: Browser, locale: str, code: str, wrong: str, missing: str
) -> None:
    async with reader(browser, ada, locale) as page:
        await page.goto(FORM)
        await accessible(page)
        await page.locator("#name").fill("Eve")
        await page.locator("#email").fill("eve@example.org")
        await page.locator("#audience").select_option("police")
        await page.locator("[name='q.photos']").check()
        await page.get_by_label(code).fill("NOPE")
        await page.locator("main form button[type=submit]").click()
        await expect(page.locator("#code-wrong")).to_contain_text(wrong)
        await expect(page.get_by_label(code)).to_have_accessible_description(
            await page.locator("#code-wrong").inner_text()
        )
        await accessible(page)
        await page.get_by_role("alert").get_by_role("link").first.click()
        await expect(page.locator("#code")).to_be_in_viewport()
        await page.get_by_label(code).fill("")
        await page.locator(f"#session-{W1}").check()
        await page.locator("main form button[type=submit]").click()
        await expect(page.locator("h1")).to_have_text(missing)
        await accessible(page)


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
async def test_private_page_with_everything_on_it(ada: Attendee, browser: Browser, locale: str) -> None:
    common = {"audience": "police", "q.photos": "yes"}
    bob = await ada.registered("bob", W1, **common)
    await ada.registered("ada", W1, W4, **common)
    async with reader(browser, ada, locale) as page:
        own = ada.own(await ada.registration("ada"))
        await page.goto(own)
        await expect(page.get_by_text("H2020MP2019")).to_be_visible()
        await accessible(page)
        await ada.granted("ada")
        await ada.requests.cancel(bob, [W1], ORGANISER)
        await page.goto(own)
        await expect(page.locator(".ticket svg")).to_be_visible()
        await page.locator("#transfer summary").click()
        await accessible(page)
        await page.locator("form[action*='/accept'] button").click()
        await expect(page.locator(".state.offered")).to_have_count(0)
        await page.locator("#transfer summary").click()
        await page.locator("#name").fill("Bob")
        await page.locator("#email").fill("bob@example.org")
        await ada.registered("bob", W2, **common)
        await page.locator("#transfer button").click()
        await expect(page.locator("#email-wrong")).to_be_visible()
        await accessible(page)
        await page.goto(own + "/new-address")
        await accessible(page)
        await page.locator("main form button").click()
        await expect(page.locator(".ticket svg")).to_be_visible()
        await page.goto(own)
        await accessible(page)


async def test_forgetting_needs_no_script(ada: Attendee, browser: Browser) -> None:
    registration = await ada.registered("ada", W2, audience="police", **{"q.photos": "yes"})
    async with reader(browser, ada, script=False) as page:
        await page.goto(ada.own(registration))
        await page.get_by_role("link", name="Forget me").click()
        await page.get_by_label("I understand this, and want to be forgotten.").check()
        await page.get_by_role("button", name="Forget me").click()
        await expect(page.locator("h1")).to_have_text("Your data is removed")
        await page.goto(ada.own(registration))
        await expect(page.get_by_text("If you asked to be forgotten, it is done.")).to_be_visible()


async def test_paper_shows_the_ticket_and_no_buttons(ada: Attendee, browser: Browser) -> None:
    await ada.granted("ada")
    registration = await ada.registered("ada", W2, audience="police", **{"q.photos": "yes"})
    async with reader(browser, ada) as page:
        await page.goto(ada.own(registration))
        await expect(page.get_by_role("button").first).to_be_visible()
        await page.emulate_media(media="print")
        await expect(page.locator(".ticket svg")).to_be_visible()
        for button in await page.get_by_role("button").all():
            await expect(button).not_to_be_visible()


@pytest.mark.parametrize(("language", "words"), [("en", "There are no names"), ("fr", "Il n'y a pas de noms")])
async def test_chairs_read_on_a_phone(ada: Attendee, browser: Browser, language: str, words: str) -> None:
    needs = "Very-long-words-without-a-space-" * 20
    await ada.registered("ada", W2, audience="police", **{"q.photos": "yes", "q.needs": needs})
    async with reader(browser, ada) as page:
        await page.goto(needs_path(W2, ada.links.token(CHAIR, W2)) + f"?lang={language}")
        await expect(page.get_by_text(words)).to_be_visible()
        await expect(page.get_by_text(needs)).to_be_visible()
        await accessible(page)
