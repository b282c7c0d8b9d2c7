"""The three announcements, revised: what changes reaches feed, calendar, mail, page and files; what does not is not told."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import yaml
from pypdf import PdfReader

from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED
from tests.stories.conftest import Begin
from tests.support.events import person
from tests.support.story import EXAMPLES, Story

SEPTEMBER_2019 = datetime(2019, 9, 10, 8, tzinfo=UTC)
MARCH_2021 = datetime(2021, 3, 1, 8, tzinfo=UTC)
SRE, MILIPOL, EFUS = "sre-2019", "milipol-2019", "efus-2021-round-3"


def told(story: Story, revision: int) -> set[str]:
    """The subjects of the facts of one revision."""
    facts = [*story.listener.of_type(EVENT_REVISED), *story.listener.of_type(SESSION_REVISED)]
    return {str(event.subject) for event in facts if event.sequence == revision}


async def pdf_text(story: Story, event_id: str, language: str) -> str:
    """The words of the PDF, without the breaks of its lines."""
    async with story.http.get(f"{story.process.address}/events/{event_id}/agenda.pdf?lang={language}") as response:
        assert response.status == 200
        pages = PdfReader(io.BytesIO(await response.read())).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


async def test_a_room_moves_and_a_speaker_drops_out(begin: Begin) -> None:
    panel = f"{SRE}-panel-hybrid-threats"
    async with begin(SEPTEMBER_2019) as story:
        await story.import_example(SRE)
        await story.register(SRE, person("ada", audience="research"))
        await story.mail("ada@example.org")
        calendar = await story.until_entry(story.shared_calendar, lambda e: panel in e, "the calendar")
        assert "Main hall" in str(calendar[panel]["LOCATION"])
        assert "Ilkka Salmi" in str(calendar[panel]["DESCRIPTION"])
        edit = {"room": "side-room", "people": []}
        await story.change_session(SRE, panel, edit, "Smaller room; Ilkka Salmi cannot come")
        moved = await story.until_entry(
            story.shared_calendar, lambda e: "Side room" in str(e[panel]["LOCATION"]), "the calendar moved"
        )
        assert "Ilkka Salmi" not in str(moved[panel]["DESCRIPTION"])
        text = await story.mail_text("ada@example.org", count=2)
        assert "Side room" in text
        assert told(story, 2) == {f"sessions/{panel}"}, "nothing else is told"
        log = await story.page(f"/events/{SRE}/changes?lang=en")
        assert "Place: Main hall, Helsinki → Side room, Helsinki" in log
        assert "No longer there: Ilkka Salmi (Panellist)" in log
        printed = await pdf_text(story, SRE, "en")
        assert "Salmi" not in printed
        assert "Revision 2 of 10 September 2019" in printed


async def test_a_date_only_session_gets_its_time_and_an_article_after_it(begin: Begin) -> None:
    session = f"{EFUS}-session-1"
    async with begin(MARCH_2021) as story:
        await story.import_example(EFUS)
        assert "time to be announced" in await pdf_text(story, EFUS, "en")
        ada = await story.register(EFUS, person("ada"), session)
        await story.mail("ada@example.org")
        await story.change_session(EFUS, session, {"starts": "14:00", "ends": "15:00"}, "The time is known")
        feed = story.private_feed(ada["registration_id"])
        own = await story.until_entry(
            lambda: story.feed(feed), lambda e: isinstance(e[session]["DTSTART"].dt, datetime), "the time in her feed"
        )
        assert own[session]["DTSTART"].dt.astimezone(UTC) == datetime(2021, 3, 31, 12, tzinfo=UTC)
        assert "14:00–15:00" in (await pdf_text(story, EFUS, "en")).replace(" ", "")
        material = [
            {
                "title": {"en": "What the session brought"},
                "url": "https://efus.example.org/articles/security-by-design",
            },
            {"title": "Slides", "url": "https://efus.example.org/slides", "kind": "slides", "audience": "registrants"},
            {"title": "Minutes", "url": "https://efus.example.org/minutes", "kind": "minutes", "audience": "members"},
        ]
        await story.change_session(EFUS, session, {"outcome": material}, "Slides and minutes")
        page = await story.page(f"/events/{EFUS}?lang=en")
        private = await story.page(story.private_page(ada["registration_id"]))
        assert "articles/security-by-design" in page
        assert "efus.example.org/slides" not in page, "for those who registered"
        assert "efus.example.org/slides" in private
        assert "efus.example.org/minutes" not in page + private, "for members"


async def test_a_session_is_cancelled_and_the_first_version_restored(begin: Begin) -> None:
    workshop = f"{MILIPOL}-workshop-4"
    async with begin(SEPTEMBER_2019) as story:
        await story.import_example(MILIPOL)
        await story.register(MILIPOL, person("ada"), workshop)
        await story.mail("ada@example.org")
        path = f"/api/v1/events/{MILIPOL}"
        await story.organiser("POST", f"{path}/sessions/{workshop}/cancel", {"note": "The chair is ill"})
        await story.until_entry(
            story.shared_calendar, lambda e: workshop in e and e[workshop].get("STATUS") == "CANCELLED", "cancelled"
        )
        assert "cancelled" in (await story.mail_text("ada@example.org", count=2)).lower()
        assert "Cancelled" in await pdf_text(story, MILIPOL, "en")
        back = await story.organiser("POST", f"{path}/revisions/1/restore", {"note": "The chair is well again"})
        assert (back["revision"], [change["subject"] for change in back["difference"]]) == (3, [f"sessions/{workshop}"])
        await story.until_entry(
            story.shared_calendar, lambda e: e[workshop].get("STATUS") == "CONFIRMED", "it takes place after all"
        )
        log = await story.page(f"/events/{MILIPOL}/changes?lang=en")
        for words in ("The chair is ill", "Cancelled.", "The chair is well again", "Takes place after all."):
            assert words in log, words


async def test_french_is_added_later(begin: Begin) -> None:
    """A French file of the same event brings the translation; what was English stays so."""
    body = yaml.load((EXAMPLES / f"{MILIPOL}.yaml").read_bytes(), Loader=yaml.BaseLoader)
    english = _only(body, "en")
    english["event"]["languages"] = ["en"]
    async with begin(SEPTEMBER_2019) as story:
        yaml_type = {"headers": {"Content-Type": "application/yaml"}}
        await story.organiser("POST", "/api/v1/events/import", data=yaml.safe_dump(english), **yaml_type)
        await story.publish(MILIPOL, "First version")
        assert "de qualité" not in await pdf_text(story, MILIPOL, "fr"), "not translated yet: it falls back to English"
        edited = await story.organiser("PATCH", f"/api/v1/events/{MILIPOL}", {"languages": ["en", "fr"]})
        missing = [warning for warning in edited["warnings"] if warning["code"] == "translation-missing"]
        assert len(missing) > 7, "every text is asked for"
        await story.organiser(
            "POST",
            "/api/v1/events/import",
            data=(EXAMPLES / f"{MILIPOL}.yaml").read_bytes(),
            headers={"Content-Type": "application/yaml", "If-Match": "*"},
        )
        report = await story.organiser("GET", f"/api/v1/events/{MILIPOL}/draft/translations")
        assert [item["missing"] for item in report["languages"]] == [[], []]
        await story.publish(MILIPOL, "En français aussi")
        assert "Coopérer en Europe pour des jeux de données de qualité" in await pdf_text(story, MILIPOL, "fr")
        assert "Translated." in await story.page(f"/events/{MILIPOL}/changes?lang=en")
        feed = await story.until_entry(
            lambda: story.feed(f"/feeds/events/{MILIPOL}.ics?lang=fr"),
            lambda e: "Coopérer" in str(e.get(f"{MILIPOL}-workshop-1", {}).get("SUMMARY", "")),
            "the feed speaks French",
        )
        assert len(feed) == 7


def _only(data: object, language: str) -> dict[str, Any]:
    """The agenda's data with its texts in one language."""

    def cut(value: object) -> object:
        if isinstance(value, dict):
            if value.keys() == {"en", "fr"}:
                return {language: value[language]}
            return {name: cut(inner) for name, inner in value.items()}
        return [cut(inner) for inner in value] if isinstance(value, list) else value

    result = cut(data)
    assert isinstance(result, dict)
    return result
