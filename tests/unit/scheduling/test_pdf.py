"""The agenda as a PDF: everything is on it, in both languages, whatever the texts are; and the service stays quick."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.exports import pdf, pdf_press
from services.scheduling.exports.pdf import PdfNotMade, agenda_pdf, render_pdf
from services.scheduling.exports.pdf_sheet import sheet_of
from services.scheduling.exports.pdf_text import breakable, shortened, typeset
from services.scheduling.public_view import PublicAgenda, public_agenda
from services.scheduling.publication import event_state, session_states
from shared.contracts.base import said_in
from tests.unit.scheduling.samples import sample, small

NOW = datetime(2019, 9, 1, tzinfo=UTC)
LONG = bool(os.environ.get("LECTERN_TEST_LONG"))
SAMPLES = ["sre-2019", "milipol-2019", "efus-2021-round-3"]
EACH_IN_BOTH = pytest.mark.parametrize(("event_id", "language"), [(e, c) for e in SAMPLES for c in ("en", "fr")])
# Signs that mean something to Typst, as a hostile organiser would use them.
HOSTILE = r"""#import "/etc/passwd" #panic("x") $x^2$ *b* _i_ @ref <label> \u{41} ] } ) ``` // /* = h -- " <script>"""


def public(agenda: Agenda, revision: int = 3) -> PublicAgenda:
    """The agenda as published in `revision`."""
    told = event_state(agenda, revision, NOW), session_states(agenda, revision, NOW)
    return public_agenda(*told, "https://agenda.example.org")


def reader(document: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(document))


def pages(document: bytes) -> list[str]:
    """The text of each page, with one plain space where there is space of any kind, and words that were divided whole."""
    return [plain(page.extract_text()) for page in reader(document).pages]


def text(document: bytes) -> str:
    return " ".join(pages(document))


def heights(document: bytes) -> list[float]:
    """Where each piece of text stands, in points from the bottom of its page."""
    found: list[float] = []

    def visit(words: str, cm: list[float], tm: list[float], _font: object, _size: object) -> None:
        if words.strip():
            found.append(tm[5] * cm[3] + cm[5])

    for page in reader(document).pages:
        page.extract_text(visitor_text=visit)
    return found


def plain(words: str) -> str:
    """`words` without what typesetting does to spaces, apostrophes and words at the end of a line."""
    words = re.sub("\u00ad\\s*|\u200b\\s*", "", words).replace("’", "'")
    return re.sub(r"\s+", " ", words)


def squeezed(words: str) -> str:
    """`words` without any space or hyphen: equal wherever the lines were broken."""
    return re.sub(r"[\s\u00ad\u200b-]", "", words.replace("’", "'"))


def dense(number: int, parallel: int = 4) -> PublicAgenda:
    """A conference of many sessions, `parallel` at a time, five slots a day."""
    sessions: list[dict[str, Any]] = []
    for n in range(number):
        slot, room = divmod(n, parallel)
        day, hour = divmod(slot, 5)
        sessions.append(
            {
                "id": f"sre-2019-s{n}",
                "kind": "panel",
                "number": n + 1,
                "title": f"Panel number {n + 1} on research and practice",
                "description": f"Begin{n}. "
                + "What has been learned, and what is used in daily work. " * 5
                + f"End{n}.",
                "date": (date(2019, 11, 6) + timedelta(days=day)).isoformat(),
                "starts": f"{9 + 2 * hour:02d}:00",
                "ends": f"{10 + 2 * hour:02d}:30",
                "room": f"room-{room}",
                "people": [{"person": f"person-{n % 7}", "role": "chair"}],
            }
        )
    event = {"id": "sre-2019", "kind": "conference", "title": "Dense", "zone": "Europe/Helsinki"}
    data = {
        "event": event | {"starts_on": "2019-11-06", "ends_on": "2019-12-31"},
        "rooms": [{"id": f"room-{n}", "name": f"Hall {n}"} for n in range(parallel)],
        "people": [{"id": f"person-{n}", "name": f"Person {n}", "country": "FI"} for n in range(7)],
        "sessions": sessions,
    }
    return public(agenda_of(Source(data)))


@EACH_IN_BOTH
def test_all_of_a_sample_is_on_paper(event_id: str, language: str) -> None:
    agenda = public(sample(event_id))
    found = squeezed(text(render_pdf(agenda, language)))
    event = agenda.event
    spoken = [event.title, event.subtitle, event.programme, event.funding]
    spoken += [event.place.venue, event.place.directions, event.description]
    spoken += [body.name for body in (*event.hosts, *event.supporters)] + [block.title for block in event.blocks]
    words = [said_in(words, language) for words in spoken]
    words += [link.title[language] for link in event.links] + [link.url for link in event.links]
    words += [contact.name for contact in event.contacts] + [contact.email or "" for contact in event.contacts]
    for session in agenda.sessions:
        words += [said_in(words_, language) for words_ in (session.title, session.description, session.funding)]
        words += [link.url for link in (*session.links, *session.outcome)]
        for person in session.people:
            words += [person.name, said_in(person.affiliation, language), said_in(person.position, language)]
        if session.starts_local is not None and session.ends_local is not None:
            words.append(f"{session.starts_local:%H:%M}–{session.ends_local:%H:%M}")
    missing = [part for whole in words for part in whole.split("\n\n") if squeezed(part) not in found]
    assert not missing


@pytest.mark.parametrize(("event_id", "most"), [("sre-2019", 2), ("milipol-2019", 2), ("efus-2021-round-3", 1)])
def test_samples_take_few_pages(event_id: str, most: int) -> None:
    document = render_pdf(public(sample(event_id)), "fr")
    assert len(pages(document)) == most
    assert f"{most} / {most}" in pages(document)[-1]
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in reader(document).pages} == {
        (595, 842)
    }


@EACH_IN_BOTH
def test_sample_is_accessible_and_says_what_it_is(event_id: str, language: str) -> None:
    agenda = public(sample(event_id))
    document = render_pdf(agenda, language)
    found = reader(document)
    assert found.metadata is not None
    assert squeezed(found.metadata.title or "") == squeezed(agenda.event.title[language])
    assert squeezed(agenda.event.hosts[0].name[language]) in squeezed(found.metadata.author or "")
    assert found.metadata.creation_date == NOW
    root = found.root_object
    assert str(root["/Lang"]) == language
    assert "/StructTreeRoot" in root
    assert b"pdfuaid:part" in document  # PDF/UA-1: Typst writes it only where the document keeps to it


def test_people_have_their_country_in_words_in_the_language_of_the_reader() -> None:
    found = text(render_pdf(public(sample("milipol-2019")), "fr"))
    assert "Miguel Parejo Sanchez, Ministère de l'Intérieur (Espagne)" in found
    assert "Bob Barnes, Justice et affaires intérieures (Royaume-Uni)" in found


def test_running_foot_tells_revision_and_address() -> None:
    for page in pages(render_pdf(public(sample("milipol-2019"), revision=7), "en")):
        assert "Revision 7 of 1 September 2019" in page
        assert "Changes: https://agenda.example.org/events/milipol-2019?lang=en" in page


def test_code_of_the_address_stands_on_the_first_page() -> None:
    pytest.importorskip("segno")
    document = render_pdf(public(sample("milipol-2019")), "en")
    annotations: Any = reader(document).pages[0]["/Annots"]
    assert annotations[0].get_object()["/A"]["/URI"] == "https://agenda.example.org/events/milipol-2019?lang=en"
    assert sheet_of(public(sample("milipol-2019")), "en")["qr"].startswith("<svg")


def test_without_segno_there_is_a_pdf_without_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    with_code = render_pdf(public(sample("milipol-2019")), "en")
    monkeypatch.setitem(sys.modules, "segno", None)
    agenda = public(sample("milipol-2019"))
    assert sheet_of(agenda, "en")["qr"] == ""
    assert len(render_pdf(agenda, "en")) < len(with_code)


def test_same_agenda_gives_the_same_bytes() -> None:
    agenda = public(sample("milipol-2019"))
    assert render_pdf(agenda, "fr") == render_pdf(agenda, "fr")
    assert render_pdf(agenda, "fr") != render_pdf(agenda, "en")


def test_other_language_falls_back_to_the_first_of_the_event() -> None:
    agenda = public(small(title={"fr": "Ateliers"}, languages=["fr"]))
    found = text(render_pdf(agenda, "en"))
    assert "Ateliers" in found
    assert "Wednesday, 20 November 2019" in found


def test_language_without_catalogue_is_english() -> None:
    agenda = public(small())
    assert render_pdf(agenda, "xx") == render_pdf(agenda, "en")


def test_hostile_text_comes_out_as_it_is() -> None:
    agenda = small(
        {"title": HOSTILE, "description": HOSTILE},
        title=HOSTILE,
        subtitle=HOSTILE,
        place={"venue": HOSTILE, "directions": HOSTILE, "address": HOSTILE},
        hosts=[{"name": HOSTILE}],
        funding=HOSTILE,
        links=[{"title": HOSTILE, "url": "https://example.org/"}],
    )
    found = squeezed(text(render_pdf(public(agenda), "en")))
    assert found.count(squeezed(HOSTILE)) >= 9


@pytest.mark.parametrize(
    "words", ["مؤتمر الأمن", "安全研究会议" * 30, "😀👩‍👩‍👧 🇫🇮", "w" * 300, "e\u0301" * 300, "\u202eabc", "שלום"]
)
def test_signs_of_any_script_make_a_pdf(words: str) -> None:
    agenda = small({"title": words, "description": words * 9}, title=words, hosts=[{"name": words}])
    document = render_pdf(public(agenda), "en")
    assert "09:40–10:55" in text(document)


@settings(max_examples=2000 if LONG else 30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60).filter(str.strip))
def test_any_text_makes_a_pdf(words: str) -> None:
    agenda = small({"title": f"A{words}", "description": words}, title=f"B{words}", place={"venue": words})
    assert render_pdf(public(agenda), "fr").startswith(b"%PDF-")


def test_session_without_time_says_that_it_comes() -> None:
    agenda = public(small({"starts": None, "ends": None}))
    assert "time to be announced" in text(render_pdf(agenda, "en"))


def test_session_over_midnight_names_the_day_on_which_it_ends() -> None:
    agenda = public(small({"starts": "22:00", "ends": "01:30", "ends_on": "2019-11-21"}, ends_on="2019-11-21"))
    found = text(render_pdf(agenda, "en"))
    assert "22:00–01:30" in found
    assert "until Thursday, 21 November 2019" in found


def test_cancelled_session_is_marked_and_the_others_are_not() -> None:
    agenda = sample("milipol-2019")
    before = text(render_pdf(public(agenda), "en"))
    first = agenda.sessions[0].model_copy(update={"status": "cancelled"})
    agenda = agenda.model_copy(update={"sessions": [first, *agenda.sessions[1:]]})
    after = text(render_pdf(public(agenda), "en"))
    assert (before.count("Cancelled"), after.count("Cancelled")) == (0, 1)
    assert "Cooperation for high-quality datasets in Europe Cancelled" in after


def test_cancelled_event_says_so_at_its_head() -> None:
    found = text(render_pdf(public(small(status="cancelled")), "fr"))
    assert found.index("Cet événement n'a pas lieu.") < found.index("Programme")


def test_breaks_are_slim() -> None:
    sheet = sheet_of(public(sample("milipol-2019")), "en")
    slim = {s["title"]["text"]: s["slim"] for part in sheet["sections"] for g in part["groups"] for s in g["sessions"]}
    assert [title for title, is_slim in slim.items() if is_slim] == ["Break", "Cocktail and networking"]


def test_private_matter_is_not_on_paper() -> None:
    efus = text(render_pdf(public(sample("efus-2021-round-3")), "en"))
    assert "meet.example.org" not in efus
    assert "network.example.org" not in efus
    assert "H2020MP2019" not in text(render_pdf(public(sample("milipol-2019")), "en"))


# Zones


def of_days(*days: str, zone: str = "Europe/Paris", **first: Any) -> PublicAgenda:
    """A web conference at 14:00 on each of the days; `first` changes the first of them."""
    session = {"kind": "web-conference", "title": "Talk", "starts": "14:00", "ends": "15:00"}
    sessions = [session | {"id": f"efus-2021-s{n}", "date": day} for n, day in enumerate(days)]
    sessions[0] |= first
    event = {"id": "efus-2021", "kind": "web-conferences", "title": "Talks", "zone": zone}
    event |= {"starts_on": days[0], "ends_on": max(days)}
    return public(agenda_of(Source({"event": event, "sessions": sessions})))


def test_offset_is_said_once_where_it_is_always_the_same() -> None:
    found = text(render_pdf(of_days("2021-05-05", "2021-06-09"), "en"))
    assert found.count("UTC+2") == 1


def test_offset_is_said_by_day_where_clocks_change_between_days() -> None:
    found = text(render_pdf(of_days("2021-03-27", "2021-03-28"), "en"))
    assert "Europe/Paris (UTC+1 / UTC+2)" in found
    assert re.search(r"Saturday, 27 March 2021 Europe/Paris, UTC\+1 ", found)
    assert re.search(r"Sunday, 28 March 2021 Europe/Paris, UTC\+2 ", found)


def test_offset_is_said_by_session_where_it_changes_within_the_day() -> None:
    found = text(render_pdf(of_days("2021-03-28", "2021-03-28", starts="01:00", ends="01:45"), "en"))
    assert re.search(r"01:00–01:45 Europe/Paris, UTC\+1 ", found)
    assert re.search(r"14:00–15:00 Europe/Paris, UTC\+2 ", found)


def test_both_offsets_are_said_where_clocks_change_during_the_session() -> None:
    found = text(render_pdf(of_days("2021-03-28", starts="01:30", ends="03:30"), "en"))
    assert "Europe/Paris (UTC+1 / UTC+2)" in found


def test_zone_of_an_event_without_times_is_that_of_its_days() -> None:
    found = text(render_pdf(of_days("2021-05-05", starts=None, ends=None), "en"))
    assert "Europe/Paris (UTC+2)" in found


# Many sessions


def test_sessions_at_the_same_time_are_shown_as_parallel() -> None:
    groups = [g for part in sheet_of(dense(9), "en")["sections"] for g in part["groups"]]
    assert [(g["parallel"], len(g["sessions"])) for g in groups] == [(True, 4), (True, 4), (False, 1)]
    assert text(render_pdf(dense(9), "en")).count("in parallel") == 2


def test_session_is_not_parallel_to_a_cancelled_one() -> None:
    agenda = dense(2)
    cancelled = agenda.sessions[0].model_copy(update={"status": "cancelled"})
    sheet = sheet_of(PublicAgenda(agenda.event, (cancelled, agenda.sessions[1]), agenda.page, agenda.feed), "en")
    assert [g["parallel"] for part in sheet["sections"] for g in part["groups"]] == [False]


def test_sessions_that_fit_on_a_page_are_not_torn_apart() -> None:
    torn = []
    found = pages(render_pdf(dense(60), "en"))
    for n in range(60):
        begin = [number for number, page in enumerate(found) if f"Panel number {n + 1} on" in page]
        end = [number for number, page in enumerate(found) if f"End{n}." in page]
        assert begin
        if begin != end:
            torn.append(n)
    assert len(found) > 3
    assert torn == []


def test_session_longer_than_a_page_goes_on_over_the_next() -> None:
    agenda = public(small({"description": "Begin. " + "Words and more words. " * 600 + "End."}))
    document = render_pdf(agenda, "en")
    assert len(pages(document)) == 3
    assert min(heights(document)) > 0  # Typst would let it run out of the page


def test_page_in_the_middle_of_a_day_names_the_day() -> None:
    found = pages(render_pdf(dense(60), "en"))
    assert found[1].startswith("Dense Wednesday, 6 November 2019")


def test_two_hundred_sessions_are_all_there() -> None:
    found = text(render_pdf(dense(200), "en"))
    assert [n for n in range(200) if f"End{n}." not in found] == []


# In a running service


async def test_child_process_makes_the_same_pdf() -> None:
    agenda = public(sample("milipol-2019"))
    assert await agenda_pdf(agenda, "fr") == render_pdf(agenda, "fr")


def test_typst_is_not_loaded_into_the_service() -> None:
    probe = """
import asyncio, sys
from tests.unit.scheduling.test_pdf import agenda_pdf, public, small
pdf = asyncio.run(agenda_pdf(public(small()), "en"))
print(pdf[:5].decode(), "typst" in sys.modules)
"""
    told = subprocess.run(
        [sys.executable, "-c", probe], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["%PDF-", "False"]


async def test_one_pdf_is_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, most = 0, 0

    async def printed(agenda: PublicAgenda, language: str) -> bytes:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(5):
            await asyncio.sleep(0)
        at_work -= 1
        return b"%PDF-"

    monkeypatch.setattr(pdf, "_printed", printed)
    agenda = public(small())
    made = await asyncio.gather(*(agenda_pdf(agenda, "en") for _ in range(5)))
    assert (len(made), most) == (5, 1)


async def test_pdf_that_takes_too_long_is_given_up_and_its_process_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def watched(*args: str, **more: Any) -> asyncio.subprocess.Process:
        children.append(await start(*args, **more))
        return children[-1]

    monkeypatch.setattr(pdf, "_PROGRAM", (sys.executable, "-c", "import signal; signal.pause()"))
    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    with pytest.raises(PdfNotMade, match=r"milipol-2019 was not ready after 0.5 seconds; please try again"):
        await agenda_pdf(public(small()), "en", time_limit=0.5)
    assert [child.returncode for child in children] == [-9]


async def test_wait_for_a_turn_counts_and_the_turn_is_given_on(monkeypatch: pytest.MonkeyPatch) -> None:
    program = pdf._PROGRAM
    monkeypatch.setattr(pdf, "_PROGRAM", (sys.executable, "-c", "import signal; signal.pause()"))
    agenda = public(small())
    outcomes = await asyncio.gather(
        *(agenda_pdf(agenda, "en", time_limit=0.5) for _ in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [PdfNotMade] * 3
    monkeypatch.setattr(pdf, "_PROGRAM", program)
    assert (await agenda_pdf(agenda, "en")).startswith(b"%PDF-")


async def test_failure_of_the_child_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; sys.stderr.write('layout did not converge'); sys.exit(3)"
    monkeypatch.setattr(pdf, "_PROGRAM", (sys.executable, "-c", program))
    with pytest.raises(
        PdfNotMade, match=r"could not be made: layout did not converge. The agenda itself is on its page"
    ):
        await agenda_pdf(public(small()), "en")


def test_refusal_of_typst_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken.typ").write_text("#nothing")
    monkeypatch.setattr(pdf_press, "TEMPLATE", tmp_path / "broken.typ")
    with pytest.raises(PdfNotMade, match="unknown variable: nothing"):
        render_pdf(public(small()), "en")


def test_template_raises_no_warning() -> None:
    import typst  # here, because test_typst_is_not_loaded_into_the_service imports this file

    inputs = {"sheet": json.dumps(sheet_of(dense(20), "en"))}
    _, warnings = typst.compile_with_warnings(pdf_press.TEMPLATE, format="pdf", sys_inputs=inputs, pdf_standards="ua-1")
    assert [warning.message for warning in warnings] == []


# Typesetting


@pytest.mark.parametrize(
    ("words", "language", "expected"),
    [
        ("Qui vient ?  Tous !", "fr", "Qui vient\u202f? Tous\u202f!"),
        ("Le matin : un ; deux", "fr", "Le matin\u00a0: un\u202f; deux"),
        ("« ici »", "fr", "«\u00a0ici\u00a0»"),
        ("l'IA d'abord", "fr", "l’IA d’abord"),
        ("Who comes ?", "en", "Who comes ?"),
        ("one\ntwo", "en", "one two"),
        ("'quoted'", "en", "'quoted'"),
    ],
)
def test_spaces_and_apostrophes_are_those_of_the_language(words: str, language: str, expected: str) -> None:
    assert typeset(words, language) == expected


def test_long_word_can_be_broken_but_not_within_a_sign() -> None:
    assert breakable("w" * 39) == "w" * 39
    assert breakable("w" * 40) == "w" * 20 + "\u200b" + "w" * 20
    assert breakable("e\u0301" * 40) == "\u200b".join(["e\u0301" * 20] * 2)
    assert "👩\u200d👧" * 20 + "\u200b" in breakable("👩\u200d👧" * 40)


def test_running_title_is_cut_at_a_word() -> None:
    assert shortened("Horizon 2020 practitioner workshops", 20) == "Horizon 2020…"
    assert shortened("Horizon", 20) == "Horizon"
