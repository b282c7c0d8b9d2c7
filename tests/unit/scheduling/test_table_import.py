"""Tables come in: our own changes nothing, a spreadsheet's is read, and refusals name line, column and remedy."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.domain import AgendaRefused
from services.scheduling.exports.table import (
    agenda_table,
    escaped,
    listed,
    opened,
    parts,
    unescaped,
)
from services.scheduling.imports.foreign import Hints
from services.scheduling.imports.merge import merged_agenda
from services.scheduling.imports.table import read_table
from shared.cells import as_written, harmless
from tests.unit.scheduling.agenda_strategies import LONG, agendas, seen, words
from tests.unit.scheduling.samples import sample, small, small_data

EVENTS = ["sre-2019", "milipol-2019", "efus-2021-round-3"]
EXAMPLES = 2000 if LONG else 60

GOOD = """\
id,title,kind,date,starts,ends,room,chairs
workshop-1,Datasets,workshop,2019-11-20,09:40,10:55,Hall 4,"Renaud Vedel (Ministry of the Interior, FR)"
"""


def new(text: str | bytes) -> Agenda:
    """The agenda that a table makes where there is no draft."""
    body = text.encode() if isinstance(text, str) else text
    return merged_agenda(read_table(body), None, Hints(event_id="milipol-2019", zone="Europe/Paris"))


def refused(text: str | bytes) -> list[tuple[int, str, str]]:
    """Line, field and words of each refusal."""
    with pytest.raises(AgendaRefused) as refusal:
        new(text)
    return [(int(told.get("line", 0)), told["field"], told["message"]) for told in refusal.value.problems]


def changed(agenda: Agenda, **cells: str) -> Agenda:
    """The agenda after its table came back from a spreadsheet with other cells in the first row, between semicolons."""
    text = agenda_table(seen(agenda), "en").decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text, newline="")))
    table[0] |= cells
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, table[0], delimiter=";")
    writer.writeheader()
    writer.writerows(table)
    return merged_agenda(read_table(out.getvalue().encode()), agenda, Hints())


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("event_id", EVENTS)
def test_a_sample_exported_and_imported_is_unchanged(event_id: str, language: str) -> None:
    agenda = sample(event_id)
    foreign = read_table(agenda_table(seen(agenda), language))
    assert merged_agenda(foreign, agenda, Hints()).as_data() == agenda.as_data()


@settings(max_examples=EXAMPLES, deadline=None)
@given(agendas(), st.sampled_from(["en", "fr", "xx"]))
def test_importing_our_own_export_changes_nothing(agenda: Agenda, language: str) -> None:
    foreign = read_table(agenda_table(seen(agenda), language))
    assert merged_agenda(foreign, agenda, Hints()).as_data() == agenda.as_data()


@settings(max_examples=EXAMPLES, deadline=None)
@given(agendas(), st.sampled_from(["en", "fr"]))
def test_an_import_into_nothing_is_the_same_at_the_second_time(agenda: Agenda, language: str) -> None:
    foreign = read_table(agenda_table(seen(agenda), language))
    hints = Hints(zone=agenda.event.zone, kind="workshops")
    first = merged_agenda(foreign, None, hints)
    assert [(s.id, s.starts_at, s.ends_at, s.date) for s in seen(first).sessions] == [
        (s.id, s.starts_at, s.ends_at, s.date) for s in seen(agenda).sessions
    ]
    assert merged_agenda(foreign, first, Hints()).as_data() == first.as_data()
    exported = agenda_table(seen(first), language)
    again = merged_agenda(read_table(exported), None, hints)
    assert agenda_table(seen(again), language) == exported


@pytest.mark.parametrize(
    ("cells", "field", "value"),
    [
        ({"title": "Data"}, "title", {"en": "Data"}),
        ({"starts": "9:45"}, "starts", "09:45"),
        ({"ends": ""}, "ends", None),
        ({"number": ""}, "number", None),
        ({"number": "4"}, "number", 4),
        ({"tracks": "AI; Law\\; order"}, "tracks", [{"en": "AI"}, {"en": "Law; order"}]),
        ({"funding": "Horizon 2020"}, "funding", {"en": "Horizon 2020"}),
        ({"links": "Agenda <https://example.org/a>"}, "links", [{"title": {"en": "Agenda"}, "url": "https://example.org/a"}]),
        ({"status": "cancelled"}, "status", "cancelled"),
        ({"kind": "panel"}, "kind", "panel"),
        ({"language": "fr"}, "language", "fr"),
    ],
)  # fmt: skip
def test_an_edit_in_a_spreadsheet_changes_that_field_alone(cells: dict[str, str], field: str, value: Any) -> None:
    agenda = small({"number": 1, "description": "a,b;c\n\"d\"", "by_choice": True, "admission": {"capacity": 40}, "join_url": "https://meet.example.org/x"})  # fmt: skip
    before, after = agenda.as_data()["sessions"][0], changed(agenda, **cells).as_data()["sessions"][0]
    assert after.pop(field, None) == value
    before.pop(field, None)
    assert after == before


def test_only_the_columns_that_are_there_are_spoken_of() -> None:
    agenda = sample("milipol-2019")
    body = "id,title\n" + "".join(f'{s.id},"{s.title["en"]}"\n' for s in agenda.sessions)
    hints = Hints(event_id="milipol-2019")
    assert merged_agenda(read_table(body.encode()), agenda, hints).as_data() == agenda.as_data()
    renamed = merged_agenda(read_table(body.replace("AI and citizen", "AI and public").encode()), agenda, hints)
    differing = [s.id for s, old in zip(renamed.sessions, agenda.sessions, strict=True) if s != old]
    assert differing == ["milipol-2019-workshop-4"]


def test_a_table_written_by_hand_becomes_an_agenda() -> None:
    made = new(GOOD)
    session = made.as_data()["sessions"][0]
    assert (session["id"], session["starts"], session["room"]) == ("milipol-2019-workshop-1", "09:40", "hall-4")
    assert made.as_data()["people"] == [
        {"id": "renaud-vedel", "name": "Renaud Vedel", "affiliation": {"en": "Ministry of the Interior"}, "country": "FR"}
    ]  # fmt: skip
    assert session["people"] == [{"person": "renaud-vedel", "role": "chair"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_commas_semicolons_and_tabs_with_or_without_a_mark_are_read_the_same(
    delimiter: str, mark: bytes, ending: str
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ending).writerows(csv.reader(io.StringIO(GOOD)))
    assert new(mark + out.getvalue().encode()) == new(GOOD)


def test_header_names_are_read_in_capitals_with_blanks_and_quotes_and_empty_columns_at_the_end() -> None:
    assert new(GOOD.replace("id,title,kind", '"ID", Title ,KIND', 1).replace("\n", ",,\n")) == new(GOOD)
    assert new(GOOD + ",,,,,,,\n\n") == new(GOOD), "rows with nothing in them are no sessions"


def test_without_ids_the_title_names_the_session() -> None:
    made = new("title,date,starts,ends\nCafé,2019-11-20,09:40,10:55\n")
    assert [s.id for s in made.sessions] == ["milipol-2019-cafe"]


def test_a_session_in_the_repeated_hour_says_which_one() -> None:
    both = [small({"date": "2019-10-27", "starts": "02:30", "ends": "03:30", "starts_hour": h}) for h in ("first", "second")]  # fmt: skip
    for agenda in both:
        body = agenda_table(seen(agenda), "en")
        assert b"starts_hour" in body
        made = merged_agenda(read_table(body), None, Hints(zone="Europe/Paris"))
        assert made.sessions[0].starts_hour == agenda.sessions[0].starts_hour
    assert b"starts_hour" not in agenda_table(seen(small()), "en")


def test_people_of_one_name_in_one_session_stay_who_they_are() -> None:
    parts = [("j1", "chair"), ("j2", "speaker"), ("j1", "speaker")]
    data = small_data({"people": [{"person": id_, "role": role} for id_, role in parts]})
    agenda = agenda_of(Source(data | {"people": [{"id": id_, "name": "J. Doe", "affiliation": f"Firm of {id_}"} for id_ in ("j1", "j2")]}))  # fmt: skip
    assert merged_agenda(read_table(agenda_table(seen(agenda), "en")), agenda, Hints()).as_data() == agenda.as_data()


def test_beside_a_session_in_the_repeated_hour_the_others_need_no_answer() -> None:
    data = small_data({"date": "2019-10-27", "starts": "02:30", "ends": "03:30", "starts_hour": "second"})
    data["sessions"].append(small_data({"id": "milipol-2019-workshop-2"})["sessions"][0])
    agenda = agenda_of(Source(data))
    assert merged_agenda(read_table(agenda_table(seen(agenda), "en")), agenda, Hints()).as_data() == agenda.as_data()


@pytest.mark.parametrize(
    ("find", "put", "line", "field", "remedy"),
    [
        ("kind,", "knid,", 1, "knid", "did you mean kind?"),
        ("kind,", "password,", 1, "password", "remove it"),
        ("kind,", "title,", 1, "title", "remove one"),
        ("ends,room", "venue,room", 1, "ends", "add the column ends"),
        ("10:55", "10.55", 2, "sessions.milipol-2019-workshop-1.ends", "for example 09:40"),
        ("2019-11-20", "20/11/2019", 2, "sessions.milipol-2019-workshop-1.date", "for example 2019-11-20"),
        (",workshop,", ",,", 2, "sessions.milipol-2019-workshop-1.kind", "add it"),
        (",workshop,", ",fair,", 2, "sessions.milipol-2019-workshop-1.kind", "'panel'"),
        ("09:40,10:55", "10:55,09:40", 2, "sessions.milipol-2019-workshop-1.ends", "not after the start"),
        ("2019-11-20,09:40,10:55", "2020-03-29,02:30,04:00", 2, "sessions.milipol-2019-workshop-1.starts", "does not exist"),
        ("2019-11-20,09:40", "2019-10-27,02:30", 2, "sessions.milipol-2019-workshop-1.starts", "starts_hour: second"),
        ("Vedel (Ministry of the Interior, FR)", "Vedel (Ministry", 2, "sessions.workshop-1.chairs", "Name (Affiliation, FR)"),
        ("Hall 4,", "Hall 4,,,", 2, "body", "quotes around a cell"),
        ('"Renaud', 'x"Renaud', 2, "body", "quotes around a cell"),
        ('FR)"', "FR)", 2, "body", "doubled"),
    ],
)  # fmt: skip
def test_a_refusal_names_line_column_and_remedy(find: str, put: str, line: int, field: str, remedy: str) -> None:
    assert find in GOOD
    told = refused(GOOD.replace(find, put, 1))
    assert (line, field) in [(at, named) for at, named, _ in told], told
    assert any(remedy in message for _, _, message in told), told
    assert all(message.startswith(f"line {at}: ") for at, _, message in told)


def test_lines_of_cells_that_hold_lines_are_counted() -> None:
    rows = 'id,title,date,starts,ends\na,"one\ntwo\n\nfour",2019-11-20,,\n\nb,B,2019-11-31,,\nc,C,soon,,\n'
    assert [(line, field) for line, field, _ in refused(rows)] == [
        (7, "sessions.milipol-2019-b.date"),
        (8, "sessions.milipol-2019-c.date"),
    ]


def test_an_id_twice_is_refused_with_both_lines() -> None:
    row = GOOD.splitlines()[1]
    assert refused(GOOD + row)[0] == (
        3, "sessions.workshop-1.id", "line 3: the id workshop-1 stands on line 2 already; choose another",
    )  # fmt: skip
    assert "add the column id" in refused("title,date,starts,ends\nA,2019-11-20,,\nA,2019-11-21,,\n")[0][2]


def test_a_table_of_two_events_is_refused() -> None:
    assert refused("event,id,title\nmilipol-2019,a,A\nsre-2019,b,B\n")[0][:2] == (3, "event")


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        (GOOD.encode("utf-16"), 0, "in UTF-16"),
        (GOOD.encode("utf-16-le"), 0, "in UTF-16"),
        (GOOD.replace("Datasets", "Données").encode("latin-1"), 2, "CSV UTF-8"),
        (b"", 0, "begin with a row of column names"),
        (b"\n\n", 0, "begin with a row of column names"),
        (b"id,title\n", 1, "no session below the header"),
        (b"kind,room\nworkshop,A\n", 1, "add the column id"),
        (b"id,title\n,\nx,\n", 3, "title is missing"),
        (b"id,title,links\nx,X,nowhere\n", 2, "https://"),
        (b'id,title\nx,"' + b"y" * 140_000 + b'"\n', 2, "field larger"),
        (b"\x00\x01", 0, "UTF-16"),
        (b"id,title\n" + b"x,X\n" * 200_000, 5002, "more than 5000 sessions"),
        (b"event:\n  id: x\n", 1, "no column"),
    ],
)
def test_what_is_no_table_is_refused(body: bytes, line: int, words: str) -> None:
    told = refused(body)
    assert (line, True) in [(at, words in message) for at, _, message in told], told


@settings(max_examples=200 if not LONG else 5000, deadline=None)
@given(st.one_of(st.binary(max_size=100), st.text(st.sampled_from('id,;\t"\n\r title=\'()<>\\x'), max_size=80).map(str.encode)))  # fmt: skip
def test_no_bytes_are_too_strange_to_be_refused_politely(body: bytes) -> None:
    for table in (body, b"id,title,chairs,links\n" + body):
        try:
            new(table)
        except AgendaRefused as refusal:
            json.dumps(refusal.problems).encode()


@settings(max_examples=EXAMPLES * 5, deadline=None)
@given(st.lists(words, max_size=4), st.lists(words, max_size=4))
def test_several_things_in_a_cell_come_apart_again(names: list[str], about: list[str]) -> None:
    names, about = [name.strip() for name in names], [text.strip() for text in about]
    assert [unescaped(part) for part in parts(listed(escaped(name) for name in names))] == names
    pairs = list(zip(names, about, strict=False))
    cell = listed(f"{escaped(name, also='(')} ({escaped(text)})" for name, text in pairs)
    found = [opened(part, "(", ")") for part in parts(cell)]
    assert [pair and (unescaped(pair[0]), unescaped(pair[1])) for pair in found] == pairs


@settings(max_examples=EXAMPLES * 5, deadline=None)
@given(st.text(st.sampled_from("'=+-@\t\rx "), max_size=6))
def test_no_cell_is_a_formula_and_each_comes_back(cell: str) -> None:
    assert harmless(cell)[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert as_written(harmless(cell)) == cell


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("id" + ",titel" * 500_000, "too-many-columns"),
        ("id" + ";titel" * 500_000, "too-many-columns"),
        ('"id\n"' + ",titel" * 500_000, "too-many-columns"),
        ("id\n" + "a,b\n" * 100_000, "too-many-cells"),
        ("id,chairs\na," + "(;" * 60_000 + "\n", "person"),
    ],
    ids=["columns", "semicolons", "columns-below-a-line-end", "rows", "people"],
)
def test_table_in_which_nearly_everything_is_wrong_is_left_unread(table: str, code: str) -> None:
    """The problems would be larger than the table; as would the search for the columns that were meant."""
    with pytest.raises(AgendaRefused) as refusal:
        read_table(table.encode())
    assert refusal.value.problems[0]["code"] == code
    assert len(refusal.value.problems) <= 201
    counted = re.match(r"and (\d+) more", refusal.value.problems[-1]["message"])
    assert counted is None or int(counted[1]) <= 800


def test_table_may_have_empty_columns_at_its_end() -> None:
    assert len(new("id,title,date,starts,ends" + "," * 300 + "\nw,Workshop,2019-11-20,09:00,10:00\n").sessions) == 1


def test_hostile_texts_are_no_formulas_in_any_cell() -> None:
    evil = "=cmd|' /C calc'!A0"
    data = small_data({"title": evil, "description": evil, "funding": evil, "tracks": [evil], "links": [{"title": evil, "url": "https://example.org/"}], "people": [{"person": "p", "role": "chair"}]})  # fmt: skip
    agenda = agenda_of(Source(data | {"people": [{"id": "p", "name": evil, "affiliation": evil}]}))
    rows = list(csv.reader(io.StringIO(agenda_table(seen(agenda), "en").decode("utf-8-sig"), newline="")))
    assert [cell for cell in rows[1] if cell[:1] in "=+-@" and cell] == []
    assert sum(cell.startswith("'=") for cell in rows[1]) == 6
