"""The desk of attendees in a real browser: on a phone, in both languages, accessible, without a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from shared.contracts.base import json_of
from shared.process import Process, running
from tests.browser.test_organiser import LAPTOP, PHONE, accessible, organiser
from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.events import BEFORE_CLOSE, CLOSES, milipol, person, workshop
from tests.support.install_chromium import ensure_chromium
from tests.support.lectern import lectern

pytestmark = pytest.mark.browser

DESK = "/organise/attendees/milipol-2019"
W1, W2, W3 = (f"milipol-2019-workshop-{number}" for number in (1, 2, 3))
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


@dataclass
class People:
    """The process, and the registrations by name."""

    process: Process
    ids: dict[str, str] = field(default_factory=dict)

    async def register(self, name: str, *sessions: str, **details: Any) -> None:
        """Asks for a registration; it may be refused."""
        body = {"event_id": "milipol-2019", "person": json_of(person(name, **details)), "sessions": list(sessions)}
        body["answers"] = {"needs": "Fewer alarms that mean nothing"} if W1 in sessions else {}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.process.address}/api/v1/registrations", json=body) as response,
        ):
            if response.status == 201:
                self.ids[name] = (await response.json())["registration_id"]


@pytest.fixture
async def people(settings: MakeSettings) -> AsyncIterator[People]:
    """Workshops with everything that an event can ask for, and people in every state."""
    now = [BEFORE_CLOSE]
    process = lectern(settings(), ["scheduling", "registration"], clock=lambda: now[0])
    event = milipol(
        audiences=[
            {
                "id": "police",
                "name": {"en": "Police and border guards", "fr": "Police et garde-frontières"},
                "quota": 2,
            },
            {"id": "research", "name": {"en": "Research", "fr": "Recherche"}},
        ],
        series={"id": "milipol", "name": {"en": "Workshops at Milipol", "fr": "Ateliers à Milipol"}, "round": 2},
        members={"lists": ["practitioners"]},
        admission={"capacity": 40},
    )
    question = {"id": "needs", "label": {"en": "Your needs and ideas", "fr": "Vos besoins et idées"}}
    sessions = [
        workshop(1, capacity=1, questions=[question]),
        workshop(2, admission={"approval": True}),
        workshop(3, capacity=9, admission={"quotas": {"police": 4}}),
    ]
    async with running(process):
        await tell_agenda(process, event, *sessions)
        found = People(process)
        await found.register("ada", W1, W3, audience="police", country="FR", affiliation="Police nationale")
        await found.register("bob", W1, W2, audience="research", country="FI")
        await found.register("eve", W2, audience="research")
        now[0] = CLOSES
        await found.register("max", W1, audience="police")
        now[0] = BEFORE_CLOSE
        yield found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=ensure_chromium(), args=_FLAGS)
        yield opened
        await opened.close()


async def unfolded(page: Page) -> None:
    """Opens everything that can be folded."""
    folded = page.locator("details:not([open]) > summary")
    while await folded.count():
        await folded.first.click()


async def test_somebody_who_was_refused_is_found_in_the_log(browser: Browser, people: People) -> None:
    async with organiser(browser, people.process) as page:
        await page.goto(DESK)
        await page.get_by_label("Name or e-mail").fill("max@example.org")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Nobody is found.")).to_be_visible()
        await accessible(page)
        await page.get_by_role("button", name="Look in the log").click()
        await expect(page.get_by_text("The event: Registration was closed.")).to_be_visible()
        assert "max" not in page.url
        await accessible(page)


async def test_a_person_is_found_checked_in_and_taken_back(browser: Browser, people: People) -> None:
    async with organiser(browser, people.process) as page:
        await page.goto(DESK)
        await page.get_by_role("link", name="Ada").click()
        card = page.locator(".card", has_text="Workshop 1").first
        await card.get_by_role("button", name="Check in").press("Enter")
        await expect(page.get_by_role("status")).to_have_text("Checked in.")
        await expect(card.locator(".state")).to_have_text("attended")
        await card.get_by_role("button", name="Take the check-in back").click()
        await expect(card.locator(".state")).to_have_text("confirmed")
        await page.get_by_role("button", name="granted").click()
        await expect(page.get_by_text("It is: granted")).to_be_visible()
        await accessible(page)


async def test_many_are_approved_at_once(browser: Browser, people: People) -> None:
    async with organiser(browser, people.process) as page:
        await page.goto(DESK)
        await page.get_by_role("link", name="Waiting for your yes").click()
        await accessible(page)
        await page.get_by_label("Bob").check()
        await page.get_by_label("Eve").check()
        await page.get_by_role("button", name="Say yes to those who are ticked").click()
        await expect(page.get_by_role("status")).to_contain_text("Bob, Workshop 2: confirmed")
        await expect(page.get_by_text("Nobody waits for your yes.")).to_be_visible()
        await accessible(page)


async def test_personal_codes_are_downloaded(browser: Browser, people: People) -> None:
    async with organiser(browser, people.process) as page:
        await page.goto(f"{DESK}/codes")
        await page.get_by_label("Addresses, one in each line, at most 500").fill("ida@example.org\ngil@example.org")
        async with page.expect_download() as waiting:
            await page.get_by_role("button", name="Make codes and download the table (CSV)").click()
        path = await (await waiting.value).path()
        table = await asyncio.to_thread(Path(path).read_text, encoding="utf-8-sig")
        assert [line.partition(",")[0] for line in table.splitlines()] == [
            "email",
            "ida@example.org",
            "gil@example.org",
        ]
        await page.reload()
        await expect(page.locator(".people li")).to_have_count(2)
        await unfolded(page)
        await accessible(page)


async def test_a_file_with_a_wrong_line_is_told_by_line(browser: Browser, people: People, tmp_path: Path) -> None:
    table = tmp_path / "fair.csv"
    table.write_text("email,state\nada@example.org,granted\nnobody,granted\n", encoding="utf-8")
    async with organiser(browser, people.process) as page:
        await page.goto(f"{DESK}/files")
        card = page.locator(".card", has_text="Milipol Paris")
        await card.locator("input[type=file]").set_input_files(table)
        await card.get_by_role("button", name="Take the file over").click()
        await expect(page.get_by_role("alert")).to_contain_text("Line 3")
        await accessible(page)


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("viewport", [PHONE, LAPTOP], ids=["phone", "laptop"])
async def test_every_page_is_accessible(
    browser: Browser, people: People, locale: str, viewport: dict[str, int]
) -> None:
    async with organiser(browser, people.process, locale, viewport) as page:
        for path in (
            DESK,
            f"{DESK}?state=waitlisted&session={W1}&kind=research",
            f"{DESK}/people/{people.ids['ada']}",
            f"{DESK}/people/{people.ids['bob']}",
            f"{DESK}/approval",
            f"{DESK}/codes",
            f"{DESK}/files",
            f"{DESK}/growth",
            f"{DESK}/links",
        ):
            await page.goto(path)
            await expect(page.locator("h1")).to_be_visible()
            await unfolded(page)
            await accessible(page)


async def test_the_desk_of_attendees_speaks_french(browser: Browser, people: People) -> None:
    async with organiser(browser, people.process, "fr-FR") as page:
        await page.goto(DESK)
        await expect(page.locator("h1")).to_have_text("Personnes inscrites")
        await page.get_by_role("link", name="Bob").click()
        await expect(page.get_by_text("Rang dans la liste d'attente : 1.")).to_be_visible()
        await expect(page.get_by_text("La personne a demandé une inscription")).to_be_visible()
