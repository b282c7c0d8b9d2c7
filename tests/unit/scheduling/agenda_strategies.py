"""Agendas of every sort for property tests: days on which clocks change, dates without times, hostile texts, shared people."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.hours import which_hour
from services.scheduling.public_view import PublicAgenda, public_agenda
from services.scheduling.publication import event_state, session_states
from services.scheduling.time_zones import offset_at, to_local
from shared.contracts.local_time import offset_name

LONG = bool(os.environ.get("LECTERN_TEST_LONG"))
SITE = "https://lectern.example.org"
AT = datetime(2019, 9, 1, tzinfo=UTC)

ZONES = ["Europe/Paris", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
CHANGES = [
    datetime(2019, 3, 31, 1), datetime(2019, 10, 27, 1), datetime(2020, 3, 8, 7), datetime(2020, 11, 1, 6),
    datetime(2020, 11, 1, 4, 30), datetime(2021, 4, 3, 15), datetime(2021, 10, 2, 15, 30),
]  # fmt: skip
"""Instants (UTC) at which the clocks of one of the zones change."""

STRANGE = [
    "C:\\Names",
    "no", "NO", "~", "null", "true", "1e3", "09:40", "10:55", "2019-11-20", "0x1f", "- x", "a: b", "# c", "x #y", "key:",
    "=1+1", "+33 1", "-2", "@home", "'=1", "''-", "a;b", "a\\;b", "back\\", "\\", "C:\\new", "(x)", "Name (X)", "a, FR",
    "FR", "X (Y, DE)", "<script>alert('x')</script>", "</script><!--", "a \"quote\" 'too'", "a,b;c", "two\nlines",
    "a\n\n  indented \nb\t", "x \n \ty", "dos\r\nlines", "old\rmac", "élève", "שלום", "🎪 fête", "e\u0301", "x" * 200,
    "Cancelled: it is on", "later (time to be announced)", "Keynote", "Online", "%", "&amp;", "{x}", "\ufeffmark", "[1]", "|", "? a", "*a", "!b",
]  # fmt: skip

_ALPHABET = st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"])
_TEXTS = st.text(st.one_of(st.sampled_from(list("\\;,:\"'()<>=+-@#\n\t ab")), _ALPHABET), min_size=1, max_size=25)
words = st.one_of(st.sampled_from(STRANGE), _TEXTS).filter(lambda text: bool(text.replace("\ufeff", "").strip()))
lines = words.filter(lambda text: len(text) < 200)


def texts(languages: list[str], *, empty: bool = False) -> st.SearchStrategy[dict[str, str]]:
    """A text in some of the languages, and now and then in one that the event does not speak."""
    return st.dictionaries(
        st.sampled_from([*languages, *languages, "no"]), words, min_size=0 if empty else 1, max_size=3
    )


@st.composite
def times(draw: st.DrawFn, zone: str) -> dict[str, Any]:
    """Date and times of a session in `zone`, which are on the clock there; often near a change of the clocks."""
    near = draw(st.sampled_from(CHANGES)) + timedelta(minutes=draw(st.integers(-180, 180)))
    far = draw(st.datetimes(datetime(2015, 1, 2), datetime(2035, 12, 30))).replace(second=0, microsecond=0)
    begins = draw(st.sampled_from([near, near, far])).replace(tzinfo=UTC)
    if draw(st.integers(0, 5)) == 0:
        return {"date": to_local(begins, zone).date().isoformat()}
    ends = begins + timedelta(minutes=draw(st.sampled_from([1, 30, 60, 75, 180, 1440, 2000])))
    ends = draw(st.sampled_from([ends, ends, None])) or begins
    printed = draw(st.sampled_from(["UTC+1", "UTC-3:30"]))
    way = draw(st.sampled_from(["plain", "plain", "local", "printed", "tells"]))
    if way == "printed":
        hours, minutes = {"UTC+1": (1, 0), "UTC-3:30": (-3, -30)}[printed]
        ahead = timedelta(hours=hours, minutes=minutes)
        data = _wall((begins + ahead).replace(tzinfo=None), (ends + ahead).replace(tzinfo=None), begins != ends)
        return data | {"printed_zone": printed, "zone_check": "printed"}
    data = _wall(to_local(begins, zone), to_local(ends, zone), begins != ends)
    offset = offset_at(begins, zone)
    if way == "tells" and offset == offset_at(ends, zone):
        return data | {"printed_zone": offset_name(offset)}
    for name, instant in (("starts", begins), ("ends", ends)):
        if name in data and (hour := which_hour(to_local(instant, zone), instant, zone)) is not None:
            data[f"{name}_hour"] = hour
    return data | ({"printed_zone": printed, "zone_check": "local"} if way == "local" else {})


def _wall(begins: datetime, ends: datetime, has_end: bool) -> dict[str, Any]:
    data = {"date": begins.date().isoformat(), "starts": f"{begins:%H:%M}"}
    if has_end:
        data["ends"] = f"{ends:%H:%M}"
        if ends.date() != begins.date():
            data["ends_on"] = ends.date().isoformat()
    return data


@st.composite
def agendas(draw: st.DrawFn) -> Agenda:
    """An agenda without faults, with one session at least."""
    languages = draw(st.sampled_from([["en"], ["fr", "en"], ["de", "en", "fr"]]))
    text, maybe = texts(languages), texts(languages, empty=True)
    links = st.lists(
        st.fixed_dictionaries(
            {"title": text, "url": st.sampled_from(["https://a.example/x", "http://b.example/?q=a;b>c\\d", "https://c.example/(1)"])},
            optional={"audience": st.sampled_from(["public", "registrants", "members"])},
        ),
        max_size=3,
    )  # fmt: skip
    flag = st.sampled_from([{}, {}, {"online": True}])
    rooms = [
        {"id": f"room-{n}", "name": draw(maybe), "level": draw(maybe), "venue": draw(maybe)} | draw(flag)
        for n in range(draw(st.integers(0, 3)))
    ]
    blocks = [{"id": f"block-{n}", "title": draw(text)} for n in range(draw(st.integers(0, 2)))]
    people = [
        {"id": f"person-{n}", "name": draw(lines), "affiliation": draw(maybe)}
        | draw(st.sampled_from([{}, {"country": "FR"}, {"country": "NO"}]))
        for n in range(draw(st.integers(0, 4)))
    ]
    tracks = [draw(text) for _ in range(draw(st.integers(0, 2)))]
    zone = draw(st.sampled_from(ZONES))
    audiences, requirements = ([{"id": id_, "name": draw(text)} for id_ in ("no", "police")] for _ in range(2))
    for needed in requirements:
        needed |= draw(st.sampled_from([{}, {"policy": "hold", "hold_days": 3}, {"policy": "first"}]))
    quotas = st.fixed_dictionaries(
        {}, optional={"quotas": st.dictionaries(st.sampled_from(["no", "police"]), st.integers(0, 20))}
    )
    rules = st.fixed_dictionaries(
        {},
        optional={
            "code_needed": st.booleans(),
            "approval": st.booleans(),
            "offer_hours": st.integers(1, 24),
            "cutoff_hours": st.integers(24, 720),
        },
    )
    sessions = []
    for number in range(draw(st.integers(1, 4))):
        own_zone = draw(st.sampled_from([None, None, *ZONES]))
        session: dict[str, Any] = {
            "id": f"sre-2019-{number}",
            "kind": draw(st.sampled_from(["panel", "keynote", "workshop", "break", "social", "web-conference"])),
            "title": draw(text),
            "description": draw(maybe),
            "funding": draw(maybe),
            "links": draw(links),
            "outcome": draw(links),
            "tracks": draw(st.lists(st.sampled_from(tracks), max_size=2)) if tracks else [],
            "status": draw(st.sampled_from(["scheduled", "scheduled", "cancelled"])),
            "by_choice": draw(st.booleans()),
            "admission": {"capacity": 40} | draw(rules) | draw(quotas),
            **draw(times(own_zone or zone)),
        }
        for name, values in (
            ("zone", [own_zone]),
            ("number", [None, 1, 7]),
            ("language", [None, "en"]),
            ("room", [None, *(room["id"] for room in rooms)]),
            ("block", [None, *(block["id"] for block in blocks)]),
            ("join_url", [None, "https://meet.example.org/x"]),
        ):
            if (value := draw(st.sampled_from(values))) is not None:
                session[name] = value
        parts = st.tuples(
            st.sampled_from([person["id"] for person in people] or ["nobody"]),
            st.sampled_from(["chair", "keynote", "panellist", "speaker", "contact"]),
        )
        chosen = draw(st.lists(parts, max_size=4, unique=True)) if people else []
        session["people"] = [{"person": id_, "role": role} for id_, role in chosen]
        sessions.append(session)
    event = {
        "id": "sre-2019",
        "kind": draw(st.sampled_from(["conference", "workshops", "web-conferences"])),
        "title": draw(text),
        "subtitle": draw(maybe),
        "description": draw(maybe),
        "languages": languages,
        "zone": zone,
        "starts_on": "2019-11-06",
        "ends_on": "2019-11-07",
        "place": {"venue": draw(maybe), "room": draw(maybe), "level": draw(maybe), "directions": draw(maybe)}
        | draw(flag),
        "status": draw(st.sampled_from(["scheduled", "scheduled", "cancelled"])),
        "audiences": audiences,
        "requirements": requirements,
        "admission": draw(rules) | draw(st.sampled_from([{}, {"transfers": False}, {"calendar_answers": True}])),
    }
    event |= draw(
        st.sampled_from(
            [
                {},
                {"members": {"domains": ["no.example", "münchen.example"], "requirement": "no"}},
                {"retention_days": 30},
            ]
        )
    )
    return agenda_of(Source({"event": event, "rooms": rooms, "blocks": blocks, "people": people, "sessions": sessions}))


def seen(agenda: Agenda) -> PublicAgenda:
    """The agenda as everybody may see it once it is published, its sessions in the order of time."""
    sessions = sorted(session_states(agenda, 1, AT), key=lambda s: (s.date, s.starts_at or AT.replace(year=1990), s.id))
    return public_agenda(event_state(agenda, 1, AT), sessions, SITE)
