"""How many come, for organisers: by state, session, kind of attendee, country, requirement and code, counted where it is stored.

An event may have a hundred thousand registrations. They are gone through once, by the database, in an order that no change of
a registration alters: each is met once, and all figures are of the same registrations, each as it stood when its turn came.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from shared.contracts.registration import PersonDetails, SeatState
from shared.storage.mongo import Document

ORDER = {"event_id": 1, "_id": 1}
"""The index to go by. Addresses change while it is counted, of people who are forgotten: by them, somebody would be met twice,
or not at all."""
_LANGUAGE = PersonDetails.model_fields["language"].default


def pipeline(event_id: str) -> list[Document]:
    """The stages that count an event's registrations: a group for each thing that is counted, `_id` what it is and `n` how
    often there is one. Groups, not one document of them: there may be as many codes as people."""
    active = {"$ne": ["$state", SeatState.CANCELLED.value]}
    parts = [
        [_one("states", "$state")],
        _where(_there("$attended_at"), [_one("attended")]),
        _where(_is_held("$state", "$held"), [_one("held")]),
        _where({"$ifNull": ["$erased", False]}, [_one("erased")]),
        _where(active, _of_active()),
        _each("$choices", "one", _one("sessions", "$$one.state", of="$$one.session_id")),
        _each(_held_choices(), "one", _one("sessions_held", "$$one.session_id")),
    ]
    return [
        {"$match": {"event_id": event_id}},
        {"$project": {"_id": 0, "parts": {"$concatArrays": parts}}},
        {"$unwind": "$parts"},
        {"$group": {"_id": "$parts", "n": {"$sum": 1}}},
    ]


def told(groups: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts, of the groups of `pipeline`: registrations by state; of those that have or await a seat, how many by kind
    of attendee, by country and language (an empty name: not said), by requirement and state, and by code; by session and
    state. `held` and `offered` are seats at the event that are kept until something is granted, or taken; `sessions_held`
    are those of sessions. Who was forgotten is counted as before. Most first."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    within: dict[str, dict[str, Counter[str]]] = {"sessions": {}, "requirements": {}}
    for group in groups:
        part, number = group["_id"], group["n"]
        if part["name"] in within:
            within[part["name"]].setdefault(part["of"], Counter())[part["value"]] += number
        else:
            found[part["name"]][part["value"]] += number
    return {
        "states": _sorted(found["states"]),
        "audiences": _sorted(found["audiences"]),
        "countries": _sorted(found["countries"]),
        "languages": _sorted(found["languages"]),
        "sessions": {id_: _sorted(count) for id_, count in sorted(within["sessions"].items())},
        "attended": found["attended"].total(),
        "offered": found["states"][SeatState.OFFERED.value],
        "held": found["held"].total(),
        "sessions_held": _sorted(found["sessions_held"]),
        "requirements": {id_: _sorted(count) for id_, count in sorted(within["requirements"].items())},
        "codes": _sorted(found["codes"]),
        "erased": found["erased"].total(),
    }


def _of_active() -> Document:
    person = [
        _one("audiences", {"$ifNull": ["$person.audience", ""]}),
        _one("countries", {"$ifNull": ["$person.country", ""]}),
        _one("languages", {"$ifNull": ["$person.language", _LANGUAGE]}),
    ]
    requirements = {"$objectToArray": {"$ifNull": ["$requirements", {}]}}
    return {
        "$concatArrays": [
            person,
            _where(_there("$code"), [_one("codes", "$code")]),
            _each(requirements, "one", _one("requirements", "$$one.v", of="$$one.k")),
        ]
    }


def _one(name: str, value: Any = "", *, of: str = "") -> Document:
    return {"name": name, "of": of, "value": value}


def _where(condition: Document, parts: Any) -> Document:
    return {"$cond": [condition, parts, []]}


def _each(array: Any, name: str, part: Document) -> Document:
    return {"$map": {"input": array, "as": name, "in": part}}


def _there(field: str) -> Document:
    return {"$ne": [{"$ifNull": [field, None]}, None]}


def _held_choices() -> Document:
    return {"$filter": {"input": "$choices", "as": "one", "cond": _is_held("$$one.state", "$$one.held")}}


def _is_held(state: str, held: str) -> Document:
    """Whether a seat is kept for somebody for whom something is missing."""
    return {"$and": [{"$eq": [state, SeatState.PENDING.value]}, {"$ifNull": [held, False]}]}


def _sorted(count: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))
