"""Reading agendas: what is taken, and how each refusal names line, field and remedy."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling import agenda_file
from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import MAX_PROBLEMS, read_agenda
from services.scheduling.domain import AgendaRefused
from tests.unit.scheduling.samples import EXAMPLES, sample, sample_bytes, small, small_data

GOOD = """\
event:
  id: milipol-2019
  kind: workshops
  title: {en: Workshops, fr: Ateliers}
  zone: Europe/Paris
  starts_on: 2019-11-20
  ends_on: 2019-11-20
people:
  - id: renaud-vedel
    name: Renaud Vedel
    country: NO
sessions:
  - id: milipol-2019-workshop-1
    kind: workshop
    title: Datasets
    date: 2019-11-20
    starts: 09:40
    ends: 10:55
    people:
      - {person: renaud-vedel, role: chair}
"""


def refused(text: str | bytes, *, is_json: bool = False) -> list[dict[str, str]]:
    body = text.encode() if isinstance(text, str) else text
    with pytest.raises(AgendaRefused) as refusal:
        read_agenda(body, is_json=is_json)
    return refusal.value.problems


def read(text: str) -> Agenda:
    return read_agenda(text.encode(), is_json=False)


def test_times_dates_and_norway_mean_what_is_written() -> None:
    agenda = read(GOOD)
    session = agenda.sessions[0]
    assert (session.date.isoformat(), f"{session.starts:%H:%M}", f"{session.ends:%H:%M}") == (
        "2019-11-20",
        "09:40",
        "10:55",
    )
    assert agenda.people[0].country == "NO"
    assert yaml.safe_load(GOOD)["people"][0]["country"] is False, "what a plain YAML 1.1 loader would have made of it"
    assert yaml.safe_load("starts: 10:55")["starts"] == 655, "and of the time"


def test_a_plain_text_is_in_the_first_language_of_the_event() -> None:
    assert read(GOOD).sessions[0].title == {"en": "Datasets"}
    french = GOOD.replace("  zone:", "  languages: [fr, en]\n  zone:")
    assert read(french).sessions[0].title == {"fr": "Datasets"}


@pytest.mark.parametrize(
    ("find", "put", "line", "field", "remedy"),
    [
        ("starts: 09:40", "starts: 25:40", 17, "sessions.milipol-2019-workshop-1.starts", "hours go from 00 to 23"),
        ("starts: 09:40", "starts: 9.40", 17, "sessions.milipol-2019-workshop-1.starts", "for example 09:40"),
        ("    date: 2019-11-20", "    date: 2019-11-31", 16, "sessions.milipol-2019-workshop-1.date", "no such day"),
        ("    date: 2019-11-20", "    date: 20191120", 16, "sessions.milipol-2019-workshop-1.date", "for example 2019-11-20"),
        ("    title: Datasets", "    titel: Datasets", 15, "sessions.milipol-2019-workshop-1.titel", "did you mean title?"),
        ("kind: workshops", "kind: fair", 3, "event.kind", "conference"),
        ("kind: workshops", "kind:", 3, "event.kind", "add it"),
        ("zone: Europe/Paris", "zone: CET", 5, "event.zone", "Europe/Paris"),
        ("person: renaud-vedel", "person: r-vedel", 20, "sessions.milipol-2019-workshop-1.people.0.person", "add it there"),
        ("ends: 10:55", "ends: 09:00", 18, "sessions.milipol-2019-workshop-1.ends", "add ends_on"),
        ("ends_on: 2019-11-20", "ends_on: 2019-11-19", 7, "event.ends_on", "change one of them"),
        ("- id: milipol-2019-workshop-1", "- id: workshop-1", 13, "sessions.workshop-1.id", "milipol-2019-workshop-1"),
        ("country: NO", "country: Norway", 11, "people.renaud-vedel.country", "two capitals"),
        ("role: chair", "role: boss", 20, "sessions.milipol-2019-workshop-1.people.0.role", "panellist"),
        ("    name: Renaud Vedel", "    name: A\n    name: B", 11, "people.0.name", "written twice"),
        ("title: {en: Workshops, fr: Ateliers}", "title: {english: Workshops}", 4, "event.title.english", "two letters"),
        ("title: {en: Workshops, fr: Ateliers}", "title: [Workshops]", 4, "event.title", "by language"),
        ("title: {en: Workshops, fr: Ateliers}", "title: {en: '', fr: ''}", 4, "event.title", "at least one language"),
        ("title: {en: Workshops", "title: {en: !!python/name:os.system Workshops", 4, "event.title.en", "tags"),
        ("title: Datasets", "title: &a Datasets", 15, "sessions.0.title", "anchors"),
        ("title: Datasets", "title: *a", 15, "sessions.0.title", "aliases"),
        ("title: Datasets", "title: 'Datasets", 15, "body", "not YAML"),
        ("title: Datasets", "title: Datasets\n---\nmore", 16, "body", "one agenda per file"),
        ("    kind: workshop\n", "    kind: workshop\n    join_url: javascript:alert(1)\n", 15, "sessions.milipol-2019-workshop-1.join_url", "https://"),
        ("    kind: workshop\n", "    kind: workshop\n    printed_zone: XYZ\n", 15, "sessions.milipol-2019-workshop-1.printed_zone", "UTC+1"),
        ("    kind: workshop\n", "    kind: workshop\n    room: attic\n", 15, "sessions.milipol-2019-workshop-1.room", "no attic in rooms"),
        ("    kind: workshop\n", "    kind: workshop\n    block: dawn\n", 15, "sessions.milipol-2019-workshop-1.block", "no dawn in blocks"),
        ("    kind: workshop\n", "    kind: workshop\n    admission: {capacity: many}\n", 15, "sessions.milipol-2019-workshop-1.admission.capacity", "integer"),
        ("    kind: workshop\n", "    kind: workshop\n    admission: {capacity: -1}\n", 15, "sessions.milipol-2019-workshop-1.admission.capacity", "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_a_refusal_names_line_field_and_remedy(find: str, put: str, line: int, field: str, remedy: str) -> None:
    assert find in GOOD
    problems = refused(GOOD.replace(find, put, 1))
    told = next((told for told in problems if told["field"] == field), problems[0])
    assert (told.get("line"), told["field"]) == (str(line), field), problems
    assert told["message"].startswith(f"line {line}: ")
    assert remedy in told["message"]


def test_every_fault_is_told_at_once() -> None:
    problems = refused(
        GOOD.replace("09:40", "9:40").replace("kind: workshops", "kind: fair").replace("Paris", "Atlantis")
    )
    assert {p["field"] for p in problems} == {"event.kind", "event.zone", "sessions.milipol-2019-workshop-1.starts"}


def test_a_time_in_the_gap_is_asked_about_with_its_line() -> None:
    text = GOOD.replace("2019-11-20", "2020-03-29").replace("09:40", "02:30")
    assert "does not exist in Europe/Paris" in refused(text)[0]["message"]
    assert refused(text)[0]["line"] == "17"


def test_a_repeated_hour_is_asked_about_and_the_answer_is_taken() -> None:
    text = GOOD.replace("2019-11-20", "2019-10-27").replace("09:40", "02:30")
    assert "starts_hour: first, or starts_hour: second" in refused(text)[0]["message"]
    assert read(text.replace("    ends:", "    starts_hour: second\n    ends:")).sessions[0].starts_hour == "second"


def test_the_printed_abbreviation_answers_for_a_repeated_hour() -> None:
    text = GOOD.replace("2019-11-20", "2019-10-27").replace("09:40", "02:30")
    assert read(text.replace("    ends:", "    printed_zone: CEST\n    ends:")).sessions[0].printed_zone == "CEST"


def test_not_utf_8_is_told_with_its_line() -> None:
    assert refused(GOOD.replace("Datasets", "Données").encode("latin-1"))[0] == {
        "field": "body",
        "code": "not-utf-8",
        "line": "15",
        "message": "line 15: not UTF-8 at byte 294; save the file as UTF-8",
    }


@pytest.mark.parametrize("body", [b"", b"   \n", b"# nothing\n", b"- a\n", b"text", b"null", b"{", b"\x00", b"\xef\xbb\xbf", b"a: b: c", b"\t", b"? [a]\n: b", b"%YAML 9.9\n---\na"])  # fmt: skip
def test_what_is_no_agenda_is_refused(body: bytes) -> None:
    assert refused(body)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass"))),
    st.booleans(),
)
def test_no_bytes_are_too_strange_to_be_refused_politely(body: bytes, is_json: bool) -> None:
    for told in refused(body, is_json=is_json):
        json.dumps(told, ensure_ascii=False).encode()


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["event", "sessions", "id", "title", "date", "starts", "people", "en", "x"]), inner),
        max_leaves=20,
    )
)  # fmt: skip
def test_no_json_is_too_strange_to_be_refused_politely(data: Any) -> None:
    for told in refused(json.dumps(data), is_json=True):
        json.dumps(told, ensure_ascii=False).encode()


def test_deep_and_wide_files_are_refused_quickly() -> None:
    started = time.perf_counter()
    assert "levels deep" in refused("a: " + "[" * 50_000)[0]["message"]
    assert refused(b"[" * 100_000, is_json=True)
    bomb = "a: &a [x,x,x,x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a,*a]\n" for n in range(1000))
    assert "anchors" in refused(bomb)[0]["message"]
    strangers = "event:\n" + "".join(f"  field{n}: x\n" for n in range(20_000))
    assert len(refused(strangers)) == MAX_PROBLEMS + 1
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"event": ', "line 1: not JSON"),
        ('{"event": {}, "event": {}}', "written twice"),
        ('{"\\ud800": 1}', "surrogate"),
        ("[]", "event, sessions"),
    ],
)
def test_json_is_refused_in_words_too(text: str, words: str) -> None:
    assert words in refused(text, is_json=True)[0]["message"]


@pytest.mark.parametrize("given", ["yes", 580, 9.5, True, ["09:40"]])
def test_json_times_are_texts(given: Any) -> None:
    with pytest.raises(AgendaRefused) as refusal:
        small({"starts": given})
    assert refusal.value.problems[0]["field"] == "sessions.milipol-2019-workshop-1.starts"


def test_json_and_yaml_of_the_same_agenda_are_the_same() -> None:
    assert read_agenda(json.dumps(small_data()).encode(), is_json=True) == read(yaml.safe_dump(small_data()))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_sample_written_as_data_and_read_again_is_the_same(path: Any) -> None:
    agenda = sample(path.stem)
    assert read_agenda(json.dumps(agenda.as_data()).encode(), is_json=True) == agenda
    assert read_agenda(sample_bytes(path.stem).replace(b"\n", b"\r\n"), is_json=False).event.id == path.stem


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_parser_in_c_and_the_one_in_python_read_the_same(path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = []
    for parser in (yaml.CSafeLoader, yaml.SafeLoader):
        monkeypatch.setattr(agenda_file, "_LOADER", parser)
        sources.append(agenda_file.read_yaml(path.read_bytes()))
        assert refused(GOOD.replace("kind: workshops", "kind:"))[0]["line"] == "3"
    assert sources[0] == sources[1]


def test_json_names_the_line_too() -> None:
    body = b'{"event": {"id": "x", "kind": "conference",\n "title": "X", "zone": "Europe/Paris",\n "starts_on": "2021-05-05",\n "ends_on": "2021-05-0"}}'
    with pytest.raises(AgendaRefused) as refused:
        read_agenda(body, is_json=True)
    assert [(p["field"], p.get("line")) for p in refused.value.problems] == [("event.ends_on", "4")]
