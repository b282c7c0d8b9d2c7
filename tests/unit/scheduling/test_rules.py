"""Rules of admission as organisers write them: read, refused with line, field and remedy, warned of, told and published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of, read_agenda
from services.scheduling.answers import RevisionLine, told_changes
from services.scheduling.change_log import entries
from services.scheduling.difference import difference
from services.scheduling.domain import AgendaRefused, Publication, merged, publish
from services.scheduling.exports.own import agenda_json, agenda_yaml
from services.scheduling.organiser.changes import Reader, told
from services.scheduling.public_view import public_event
from services.scheduling.publication import event_state, session_states
from services.scheduling.warnings import questions, warnings
from shared.contracts.scheduling import (
    EventState,
    Membership,
    Reconfirmation,
    Requirement,
    RequirementPolicy,
    SessionState,
)
from tests.unit.scheduling.samples import small_data

NOW = datetime(2019, 9, 1, tzinfo=UTC)
WORKSHOP = "milipol-2019-workshop-1"

ALL_RULES = """\
event:
  id: milipol-2019
  kind: workshops
  title: Workshops
  zone: Europe/Paris
  starts_on: 2019-11-20
  ends_on: 2019-11-20
  audiences:
    - {id: police, name: Police, quota: 20}
    - {id: "no", name: Norway}
  requirements:
    - id: badge
      name: The fair
      policy: hold
      hold_days: 5
      remind_days: 1
  members:
    domains: [Example.ORG, xn--mnchen-3ya.example]
    lists: [working-group]
    requirement: badge
  retention_days: 90
  admission:
    capacity: 100
    closes: 2019-11-13T00:00
    code_needed: true
    approval: true
    members_only: true
    offer_hours: 24
    cutoff_hours: 48
    transfers: false
    reconfirmation: {ask_days: 10, answer_days: 3}
sessions:
  - id: milipol-2019-workshop-1
    kind: workshop
    title: Datasets
    date: 2019-11-20
    starts: 09:40
    ends: 10:55
    by_choice: true
    admission:
      capacity: 30
      quotas: {police: 10, "no": 5}
      code_needed: true
      members_only: true
      approval: true
      offer_hours: 12
      cutoff_hours: 12
"""


def read(text: str) -> Agenda:
    return read_agenda(text.encode(), is_json=False)


def made(patch: Mapping[str, Any], session: Mapping[str, Any] | None = None) -> Agenda:
    """A small event in Paris on 20 November 2019 with some fields of its own, and of its one workshop, which is chosen."""
    data = small_data()
    data["event"] = merged(merged(data["event"], {"admission": {"capacity": 100}}), patch)
    workshop = merged(data["sessions"][0], {"by_choice": True, "admission": {"capacity": 30}})
    data["sessions"] = [merged(workshop, session or {})]
    return agenda_of(Source(data))


def states(agenda: Agenda) -> tuple[EventState, SessionState]:
    return event_state(agenda, 1, NOW), session_states(agenda, 1, NOW)[0]


def published(agenda: Agenda, before: Publication | None = None) -> Publication:
    made = publish(agenda, before.published if before else None, {}, NOW)
    assert made is not None
    return made


# What is written is told


def test_every_rule_that_is_written_is_told() -> None:
    event, session = states(read(ALL_RULES))
    assert event.requirements == [
        Requirement(id="badge", name={"en": "The fair"}, policy=RequirementPolicy.HOLD, hold_days=5, remind_days=1)
    ]
    assert event.members == Membership(
        domains=["example.org", "münchen.example"], lists=["working-group"], requirement="badge"
    )
    assert event.retention_days == 90
    rules = event.admission
    assert (rules.code_needed, rules.approval, rules.members_only, rules.transfers) == (True, True, True, False)
    assert (rules.offer_hours, rules.cutoff_hours) == (24, 48)
    assert rules.reconfirmation == Reconfirmation(ask_days=10, answer_days=3)
    rules = session.admission
    assert rules.quotas == {"police": 10, "no": 5}
    assert (rules.code_needed, rules.approval, rules.members_only) == (True, True, True)
    assert (rules.offer_hours, rules.cutoff_hours) == (12, 12)


def test_what_is_not_written_changes_nothing_of_what_was_told_before_there_were_such_rules() -> None:
    event, session = states(made({}))
    assert (event.members, event.retention_days, event.admission.reconfirmation) == (None, None, None)
    assert event.admission.transfers
    rules = session.admission
    assert (rules.code_needed, rules.approval, rules.members_only, rules.quotas) == (False, False, False, {})


def test_answers_by_calendar_are_the_events_and_off_where_nothing_is_said() -> None:
    assert not states(made({}))[0].admission.calendar_answers
    event, session = states(read(ALL_RULES.replace("transfers: false", "calendar_answers: true")))
    assert event.admission.calendar_answers
    assert not session.admission.calendar_answers


@pytest.mark.parametrize("write", [agenda_yaml, agenda_json])
def test_the_own_files_say_every_rule(write: Any) -> None:
    agenda = read(ALL_RULES)
    again = read_agenda(write(agenda), is_json=write is agenda_json)
    assert again == agenda
    assert difference(agenda.as_data(), again.as_data()) == []
    assert publish(again, published(agenda).published, {}, NOW) is None, "imported again, there is no news"


@pytest.mark.parametrize(
    ("patch", "gone"),
    [({"members": {"domains": []}}, "members"), ({"admission": {"reconfirmation": {}}}, "reconfirmation")],
)
def test_a_rule_of_which_nothing_is_left_is_not_there(patch: dict[str, Any], gone: str) -> None:
    assert gone not in str(made(patch).as_data())


@pytest.mark.parametrize(
    ("written", "kept"),
    [("example.org", "example.org"), ("EXAMPLE.Org", "example.org"), ("MÜNCHEN.example", "münchen.example"),
     ("xn--mnchen-3ya.example", "münchen.example")],
)  # fmt: skip
def test_a_domain_is_kept_as_it_stands_in_addresses(written: str, kept: str) -> None:
    members = made({"members": {"domains": [written]}}).event.members
    assert members is not None
    assert members.domains == [kept]


# What is refused


@pytest.mark.parametrize(
    ("find", "put", "line", "field", "remedy"),
    [
        ('"no": 5}', "firemen: 5}", 42, f"sessions.{WORKSHOP}.admission.quotas.firemen", "no firemen in event.audiences"),
        ('"no": 5}', '"no": 21}', 42, f"sessions.{WORKSHOP}.admission.quotas", "31 seats are set aside, but there are only 30"),
        ("quotas: {police: 10,", "quotas: {police: many,", 42, f"sessions.{WORKSHOP}.admission.quotas.police", "integer"),
        ('quotas: {police: 10, "no": 5}', "quotas: 10", 42, f"sessions.{WORKSHOP}.admission.quotas", "for example police: 20"),
        ("requirement: badge", "requirement: ticket", 20, "event.members.requirement", "no ticket in event.requirements"),
        ("[Example.ORG,", "['@example.org',", 18, "event.members.domains.0", "without @, for example example.org"),
        ("[Example.ORG,", "[ada@example.org,", 18, "event.members.domains.0", "named by a list of members"),
        ("[Example.ORG,", "['*.example.org',", 18, "event.members.domains.0", "without *, for example example.org"),
        ("[Example.ORG,", "[https://example.org,", 18, "event.members.domains.0", "after the @ in addresses"),
        ("[Example.ORG,", "[münchen.example,", 18, "event.members.domains", "listed twice"),
        ("policy: hold", "policy: wait", 14, "event.requirements.badge.policy", "'told', 'hold' or 'first'"),
        ("remind_days: 1", "remind_days: 5", 16, "event.requirements.badge.remind_days", "remind_days: 4 or less"),
        ("hold_days: 5", "hold_days: 0", 15, "event.requirements.badge.hold_days", "greater than or equal to 1"),
        ("answer_days: 3", "answer_days: 10", 31, "event.admission.reconfirmation.answer_days", "answer_days: 9 or less"),
        ("ask_days: 10, ", "", 31, "event.admission.reconfirmation.ask_days", "ask_days is missing"),
        ("cutoff_hours: 48", "cutoff_hours: 12", 29, "event.admission.cutoff_hours", "cutoff_hours: 24 or more"),
        ("    offer_hours: 24", "    waiting_list: false\n    offer_hours: 24", 29, "event.admission.offer_hours", "waiting_list: true"),
        ("retention_days: 90", "retention_days: 0", 21, "event.retention_days", "greater than or equal to 1"),
        ("      quotas:", "      transfers: false\n      quotas:", 42, f"sessions.{WORKSHOP}.admission.transfers", "write it in event.admission"),
        ("      quotas:", "      calendar_answers: true\n      quotas:", 42, f"sessions.{WORKSHOP}.admission.calendar_answers", "write it in event.admission"),
        ("      quotas:", "      max_sessions: 2\n      quotas:", 42, f"sessions.{WORKSHOP}.admission.max_sessions", "write it in event.admission"),
        ("      quotas:", "      members: {domains: [a.example]}\n      quotas:", 42, f"sessions.{WORKSHOP}.admission.members", "write it in event"),
        ("    by_choice: true", "    by_choice: true\n    quotas: {police: 1}", 40, f"sessions.{WORKSHOP}.quotas", "the session's admission"),
        ("    capacity: 100", "    capacity: 100\n    quotas: {police: 1}", 24, "event.admission.quotas", "beside each of event.audiences"),
        ("  retention_days: 90", "  code_needed: true", 21, "event.code_needed", "write it in event.admission"),
        ("  retention_days: 90", "  retension_days: 90", 21, "event.retension_days", "did you mean retention_days?"),
    ],
)  # fmt: skip
def test_a_rule_is_refused_with_line_field_and_remedy(find: str, put: str, line: int, field: str, remedy: str) -> None:
    assert find in ALL_RULES
    with pytest.raises(AgendaRefused) as refusal:
        read(ALL_RULES.replace(find, put, 1))
    problems = refusal.value.problems
    told = next((told for told in problems if told["field"] == field), problems[0])
    assert (told.get("line"), told["field"]) == (str(line), field), problems
    assert remedy in told["message"]


def test_a_hold_says_nothing_of_its_reminder_under_another_policy() -> None:
    assert made({"requirements": [{"id": "badge", "name": "The fair", "policy": "first", "hold_days": 1}]})


# What is warned of


def codes(agenda: Agenda) -> list[str]:
    return [warning.code for warning in warnings(agenda)]


@pytest.mark.parametrize("where", ["event", "session"])
def test_for_members_only_and_nobody_is_a_member_cannot_be_published(where: str) -> None:
    only = {"admission": {"members_only": True}}
    agenda = made(only if where == "event" else {}, only if where == "session" else {})
    assert [(w.code, w.blocks) for w in questions(agenda)] == [("nobody-is-member", True)]
    with pytest.raises(AgendaRefused) as refusal:
        publish(agenda, None, {}, NOW)
    assert refusal.value.problems[0]["field"].endswith("admission.members_only")
    known = merged(agenda.as_data(), {"event": {"members": {"domains": ["example.org"]}}})
    assert questions(agenda_of(Source(known))) == []


def test_codes_are_to_be_made_where_they_are_needed() -> None:
    needed = {"admission": {"code_needed": True}}
    found = warnings(made(needed, needed))
    assert [(w.code, w.field, w.blocks) for w in found] == [
        ("codes-to-make", "event.admission.code_needed", False),
        ("codes-to-make", f"sessions.{WORKSHOP}.admission.code_needed", False),
    ]
    assert codes(made({"admission": {"code_needed": True, "open": False}})) == [], "registration is not taken here"


@pytest.mark.parametrize(
    ("closes", "days", "warned"),
    [
        ("2019-11-13T00:00", 7, False),
        ("2019-11-13T00:01", 7, True),
        ("2019-11-13T00:00", 8, True),
        ("2019-11-21T00:00", 1, True),
        (None, 3, True),
    ],
)
def test_a_seat_that_may_be_held_until_the_event_is_warned_of(closes: str | None, days: int, warned: bool) -> None:
    needed = {"id": "badge", "name": "The fair", "policy": "hold", "hold_days": days, "remind_days": 0}
    agenda = made({"requirements": [needed], "admission": {"closes": closes}})
    assert codes(agenda) == (["hold-over-start"] if warned else [])
    told = made({"requirements": [needed | {"policy": "first", "hold_days": 7, "remind_days": 2}]})
    assert codes(told) == []


def test_days_of_a_hold_that_is_none_are_warned_of() -> None:
    assert codes(made({"requirements": [{"id": "badge", "name": "The fair", "hold_days": 3}]})) == ["hold-not-used"]


def test_rules_that_say_nothing_are_warned_of() -> None:
    kinds = {"audiences": [{"id": "police", "name": "Police", "quota": 5}]}
    assert codes(made(kinds, {"by_choice": False, "admission": {"approval": True}})) == ["not-chosen"]
    assert codes(made(kinds, {"by_choice": False})) == [], "seats alone may stand there"
    assert codes(made(kinds, {"admission": {"capacity": None, "quotas": {"police": 5}}})) == ["quotas-of-nothing"]
    none = made(kinds | {"admission": {"capacity": None}})
    assert codes(none) == ["quotas-of-nothing"]


# What is told of changes


def test_the_change_log_says_in_words_who_may_come_now() -> None:
    plain, ruled = {"admission": {"members_only": False}}, {"admission": {"members_only": True}}
    members = {"members": {"domains": ["example.org"]}}
    first = published(made({**members, **plain}))
    badge = {"requirements": [{"id": "badge", "name": "The fair"}]}
    second = published(made({**members, **badge, **ruled}, {"admission": {"code_needed": True, "capacity": 20}}), first)
    back = published(made({**members, **badge, **plain}, {"admission": {"approval": True, "capacity": 20}}), second)
    assert sentences(second) == [
        ("What else you need to register for changed.", "For members only now."),
        ("By invitation now: you need a code.", "Registration changed."),
    ]
    assert sentences(back) == [
        ("No longer for members only.",),
        ("You no longer need a code.", "The organisers now decide on each registration."),
    ]


def sentences(publication: Publication) -> list[tuple[str, ...]]:
    changes = [change.as_data() for change in publication.public_changes]
    line = RevisionLine(revision=2, published_at=NOW, note={}, changes=changes)
    return [entry.sentences for entry in entries(line, {}, "en", "en", str)]


def test_who_is_a_member_is_told_to_registration_and_not_to_everybody() -> None:
    first = published(made({"members": {"domains": ["example.org"]}}))
    second = published(made({"members": {"domains": ["example.org", "example.net"], "lists": ["group"]}}), first)
    assert second.published.event.members is not None
    assert second.published.event.members.domains == ["example.org", "example.net"]
    assert public_event(second.published.event).members == Membership()
    assert second.changes
    assert not second.public_changes


def test_the_organiser_reads_every_rule_that_changed() -> None:
    before, after = made({"audiences": [{"id": "police", "name": "Police"}]}), read(ALL_RULES)
    found = told(told_changes(difference(before.as_data(), after.as_data())), [before, after], Reader("en", "en", str))
    said = {sentence for part in found for sentence in part.sentences}
    assert said >= {
        "Seats set aside (Police): nothing → 10",
        "By invitation: a code is needed: no → yes",
        "A seat may be given to a colleague: yes → no",
        "Days to answer in: nothing → 3",
        "Members by their e-mail address: nothing → example.org; münchen.example",
        "Members by a registration elsewhere: nothing → The fair",
        "Days after the event until registrations are made anonymous: nothing → 90",
        "Hours to take an offered seat: nothing → 24",
        "Registrations elsewhere: nothing → The fair (days that a seat is held: 5; reminder before the end: 1)",
    }


def test_a_change_of_a_hold_alone_is_told_with_its_days() -> None:
    one = {"id": "badge", "name": "The fair", "policy": "hold"}
    before, after = made({"requirements": [one]}), made({"requirements": [one | {"hold_days": 10}]})
    found = told(told_changes(difference(before.as_data(), after.as_data())), [before, after], Reader("en", "en", str))
    assert "days that a seat is held: 7" in found[0].sentences[0]
    assert "days that a seat is held: 10" in found[0].sentences[0]
