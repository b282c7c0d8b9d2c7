"""The agenda written in its own form: read back it is equal, and ordinary readers read the same."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import read_agenda
from services.scheduling.exports.own import agenda_json, agenda_yaml
from tests.unit.scheduling.agenda_strategies import LONG, STRANGE, agendas
from tests.unit.scheduling.samples import sample, small

EVENTS = ["sre-2019", "milipol-2019", "efus-2021-round-3"]
EXAMPLES = 3000 if LONG else 60
_ANY = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@pytest.mark.parametrize("event_id", EVENTS)
def test_a_sample_written_is_read_back_equal(event_id: str) -> None:
    agenda = sample(event_id)
    assert read_agenda(agenda_yaml(agenda), is_json=False) == agenda
    assert read_agenda(agenda_json(agenda), is_json=True) == agenda


@pytest.mark.parametrize("event_id", EVENTS)
def test_an_ordinary_reader_of_yaml_reads_a_sample_the_same(event_id: str) -> None:
    agenda = sample(event_id)
    assert yaml.safe_load(agenda_yaml(agenda)) == agenda.as_data()


def check(agenda: Agenda) -> None:
    written = agenda_yaml(agenda)
    assert read_agenda(written, is_json=False).as_data() == agenda.as_data()
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert yaml.load(written, Loader=loader) == agenda.as_data()
    assert read_agenda(agenda_json(agenda), is_json=True).as_data() == agenda.as_data()
    assert agenda_yaml(read_agenda(written, is_json=False)) == written


@settings(max_examples=EXAMPLES, deadline=None)
@given(agendas())
def test_any_agenda_written_is_read_back_equal(agenda: Agenda) -> None:
    check(agenda)


@settings(max_examples=EXAMPLES * 5, deadline=None)
@given(_ANY, _ANY)
def test_any_text_that_an_agenda_takes_comes_back(title: str, text: str) -> None:
    try:
        agenda = small({"title": {"en": title, "no": title}, "description": text})
    except ValueError:  # control characters, or nothing but blanks
        return
    check(agenda)


@pytest.mark.parametrize("text", STRANGE)
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    check(small({"title": text, "description": {"no": text, "en": f"{text}\n{text}"}}, title=text))


def test_yaml_is_in_blocks_and_texts_of_several_lines_are_literal() -> None:
    agenda = small({"description": "First line\n\n  indented\nlast", "starts": "10:40"}, title={"en": "On", "no": "På"})
    assert (
        agenda_yaml(agenda).decode()
        == """\
event:
  id: milipol-2019
  kind: workshops
  title:
    en: "On"
    "no": På
  zone: Europe/Paris
  starts_on: "2019-11-20"
  ends_on: "2019-11-20"

sessions:
  - id: milipol-2019-workshop-1
    kind: workshop
    title:
      en: Datasets
    description:
      en: |-
        First line

          indented
        last
    date: "2019-11-20"
    starts: "10:40"
    ends: "10:55"
"""
    )


def test_json_is_the_data_itself_and_no_letter_is_escaped() -> None:
    agenda = small({"title": "Données <b>"})
    assert json.loads(agenda_json(agenda)) == agenda.as_data()
    assert "Données <b>" in agenda_json(agenda).decode()
