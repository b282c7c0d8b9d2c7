"""The three announcements: what PRODUCT asks to be in the samples is there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.scheduling.domain import publish
from services.scheduling.publication import event_state, session_states
from services.scheduling.warnings import warnings
from shared.contracts.scheduling import Audience, EventState, Role, SessionKind, SessionState
from tests.unit.scheduling.samples import sample

NOW = datetime(2019, 9, 1, tzinfo=UTC)


def states(event_id: str) -> tuple[EventState, dict[str, SessionState]]:
    agenda = sample(event_id)
    return event_state(agenda, 1, NOW), {s.id: s for s in session_states(agenda, 1, NOW)}


@pytest.mark.parametrize("event_id", ["sre-2019", "milipol-2019", "efus-2021-round-3"])
def test_each_sample_has_nothing_to_warn_of_and_can_be_published(event_id: str) -> None:
    agenda = sample(event_id)
    assert warnings(agenda) == []
    publication = publish(agenda, None, {}, NOW)
    assert publication is not None
    assert publication.event_told
    assert len(publication.sessions_told) == len(agenda.sessions)


def test_helsinki_conference() -> None:
    event, sessions = states("sre-2019")
    assert (event.starts_on.isoformat(), event.ends_on.isoformat(), event.zone) == (
        "2019-11-06",
        "2019-11-07",
        "Europe/Helsinki",
    )
    assert event.admission.capacity == 400
    kinds = [session.kind for session in sessions.values()]
    assert kinds.count(SessionKind.PANEL) == 4
    assert SessionKind.KEYNOTE in kinds
    assert {track["en"] for s in sessions.values() for track in s.tracks} >= {
        "Border security", "Terrorism", "Hybrid threats", "Artificial intelligence",
    }  # fmt: skip
    assert len(event.hosts) == 2
    assert "Presidency" in event.programme["en"]
    assert {kind.id for kind in event.audiences} == {
        "research",
        "policy",
        "business",
        "police",
        "rescue",
        "border-guard",
    }
    assert sum(kind.quota or 0 for kind in event.audiences) == 400
    roles = {(p.name, p.role) for s in sessions.values() for p in s.people}
    assert roles >= {("Maria Ohisalo", Role.KEYNOTE), ("Ilkka Salmi", Role.PANELLIST)}
    assert "Horizon Europe" in event.funding["en"]
    assert "Internal Security Fund" in event.funding["en"]


def test_milipol_workshops() -> None:
    event, sessions = states("milipol-2019")
    times = {s.number: f"{s.starts_local:%H:%M}-{s.ends_local:%H:%M}" for s in sessions.values() if s.number}
    assert times == {1: "09:40-10:55", 2: "11:15-12:30", 3: "14:00-15:15", 4: "15:45-17:00"}
    assert sessions["milipol-2019-workshop-1"].starts_at == datetime(2019, 11, 20, 8, 40, tzinfo=UTC)
    assert all(s.admission.capacity and s.by_choice for s in sessions.values() if s.number)
    cocktail = sessions["milipol-2019-cocktail"]
    assert f"{cocktail.starts_local:%H:%M}-{cocktail.ends_local:%H:%M}" == "12:30-14:00"
    assert [(r.url, r.code) for r in event.requirements] == [("https://badge.milipol.com/en/home.htm", "H2020MP2019")]
    assert event.admission.window.closes == datetime(2019, 11, 12, 23, tzinfo=UTC), (
        "the first moment of 13 November in Paris"
    )
    people = {(p.name, p.country, p.affiliation["en"]) for s in sessions.values() for p in s.people}
    assert people == {
        ("Renaud Vedel", "FR", "Ministry of the Interior"), ("François Beauvois", "FR", "Ministry of the Interior"),
        ("Laurent Beslay", None, "Joint Research Centre (JRC)"), ("David Faure", None, "Thales"),
        ("Remy Nollet", "FR", "Gendarmerie"), ("Miguel Parejo Sanchez", "ES", "Ministry of the Interior"),
        ("Bob Barnes", "GB", "Justice & Home Affairs"), ("Edmundas Piesarskas", "LT", "L3CE"),
        ("Alexei Grinbaum", None, "CEA"),
    }  # fmt: skip
    assert sum(p.id == "renaud-vedel" for s in sessions.values() for p in s.people) == 4
    assert event.place.venue["en"] == "Paris-Nord Villepinte Exhibition Centre"
    assert (event.place.room["en"], event.place.level["en"]) == ("Hall 4", "Mezzanine")
    assert "stairs" in event.place.directions["en"]
    assert len(event.links) == 5
    assert [q.id for q in event.questions] == ["needs", "ideas"]
    assert [block.id for block in event.blocks] == ["morning", "midday", "afternoon"]


def test_efus_round() -> None:
    event, sessions = states("efus-2021-round-3")
    one, two, three = (sessions[f"efus-2021-round-3-session-{n}"] for n in (1, 2, 3))
    assert event.series is not None
    assert event.series.round == 3
    assert (one.date.isoformat(), one.starts_at, one.starts_local) == ("2021-03-31", None, None)
    assert [link.kind for link in one.outcome] == ["article"]
    assert two.starts_at == datetime(2021, 5, 5, 12, tzinfo=UTC), "14:00 in Paris, not 14:00 CET"
    assert three.starts_at == datetime(2021, 6, 9, 12, tzinfo=UTC)
    assert two.join_url is not None
    assert two.links
    for text in (event.title, event.description, *(s.title for s in sessions.values())):
        assert {"en", "fr"} <= set(text)
    assert [link.audience for link in event.links] == [Audience.MEMBERS]
    assert [(c.name, c.email) for c in event.contacts] == [
        ("Pauline Lesch", "lesch@efus.eu"),
        ("Pilar de la Torre", "delatorre@efus.eu"),
    ]
    assert "Horizon 2020 Security Research Programme" in event.funding["en"]
