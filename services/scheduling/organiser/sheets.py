"""The forms of organisers: which fields of a session and of an event they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.imports.names import slug
from services.scheduling.organiser.form import Rows, Sheet, Values, rows_in, with_rows
from services.scheduling.time_zones import TwiceOnTheClock, check_zone, to_utc
from shared.contracts.base import Text, said_in

_LINK_DEFAULTS = {"kind": "link", "audience": "public"}

_WHO_MAY_COME = {
    "code_needed": (("admission", "code_needed"), False),
    "approval": (("admission", "approval"), False),
    "members_only": (("admission", "members_only"), False),
}


def _in_admission(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: ("admission", name) for name in names}


SESSION = Sheet(
    texts=("title", "description"),
    plain={
        **{
            name: (name,)
            for name in (
                "kind", "number", "date", "starts", "ends", "ends_on", "zone", "printed_zone", "zone_check",
                "starts_hour", "ends_hour", "room", "block", "language", "join_url",
            )
        },
        **_in_admission("capacity", "offer_hours", "cutoff_hours"),
    },
    flags={"by_choice": (("by_choice",), False), **_WHO_MAY_COME},
    whole=frozenset({"number", "capacity", "offer_hours", "cutoff_hours"}),
    lines=("tracks",),
    rows={
        "people": Rows(("person", "role"), defaults={"role": "speaker"}),
        "outcome": Rows(("kind", "url", "audience"), ("title",), {"kind": "article", "audience": "public"}),
        "links": Rows(("kind", "url", "audience"), ("title",), _LINK_DEFAULTS),
    },
)  # fmt: skip

EVENT = Sheet(
    texts=("title", "subtitle", "description"),
    plain={
        "starts_on": ("starts_on",),
        "ends_on": ("ends_on",),
        "zone": ("zone",),
        **_in_admission("capacity", "opens", "closes", "offer_hours", "cutoff_hours"),
        "ask_days": ("admission", "reconfirmation", "ask_days"),
        "answer_days": ("admission", "reconfirmation", "answer_days"),
        "member_requirement": ("members", "requirement"),
        "retention_days": ("retention_days",),
    },
    flags={
        "open": (("admission", "open"), True),
        "waiting_list": (("admission", "waiting_list"), True),
        "transfers": (("admission", "transfers"), True),
        "calendar_answers": (("admission", "calendar_answers"), False),
        **_WHO_MAY_COME,
    },
    whole=frozenset({"capacity", "offer_hours", "cutoff_hours", "ask_days", "answer_days", "retention_days"}),
    words={"domains": ("members", "domains"), "lists": ("members", "lists")},
    rows={
        "requirements": Rows(
            ("id", "url", "code", "policy", "hold_days", "remind_days"),
            ("name",),
            {"policy": "told", "hold_days": "7", "remind_days": "2"},
        ),
    },
)


def session_sheet(agenda: Agenda) -> Sheet:
    """The form of a session: with the seats set aside for each kind of attendee that the event has."""
    quotas = {f"quotas.{kind.id}": ("admission", "quotas", kind.id) for kind in agenda.event.audiences}
    return replace(SESSION, plain={**SESSION.plain, **quotas}, whole=SESSION.whole | quotas.keys())


def with_ids_of_rows(values: Values, name: str, languages: Sequence[str]) -> Values:
    """The values with an id for each new row of a list: made from its name, and another than those that are there."""
    rows = rows_in(values, name)
    taken = {row.get("id", "") for row in rows}
    for row in rows:
        said = next((row[f"name.{code}"] for code in languages if row.get(f"name.{code}", "").strip()), "")
        if row.get("id") or not said:
            continue
        base = slug(said)[:70].strip("-") or name
        row["id"] = next(
            id_ for n in range(1, len(rows) + 2) if (id_ := base if n == 1 else f"{base}-{n}") not in taken
        )
        taken.add(row["id"])
    return with_rows(values, name, rows)


def languages_of(agenda: Agenda, data: Mapping[str, Any], sheet: Sheet) -> tuple[str, ...]:
    """The languages to write in: the event's, and any other in which the part says something already."""
    found = dict.fromkeys(agenda.event.languages)
    texts: list[Text] = [data.get(name, {}) for name in sheet.texts]
    for name, rows in sheet.rows.items():
        texts += [item.get(text, {}) for item in data.get(name, []) for text in rows.texts]
    for text in texts:
        found |= dict.fromkeys(text)
    return tuple(found)


def values_of(agenda: Agenda, data: Mapping[str, Any], sheet: Sheet, languages: Sequence[str]) -> Values:
    """The fields' values for a part of the agenda."""
    return sheet.values(data, languages, lambda track: said_in(track, languages[0], languages[0]))


def track_of(agenda: Agenda, said: str) -> Text:
    """The track that is called so, in any language, with its translations; else a new one in the event's first language."""
    wanted = " ".join(said.split()).casefold()
    for track in known_tracks(agenda):
        if wanted in {" ".join(words.split()).casefold() for words in track.values()}:
            return track
    return {agenda.event.languages[0]: said}


def known_tracks(agenda: Agenda) -> list[Text]:
    """Every track of the agenda, once."""
    found: list[Text] = []
    for session in agenda.sessions:
        found += [dict(track) for track in session.tracks if track not in found]
    return found


def asked_hours(agenda: Agenda, values: Mapping[str, str]) -> dict[str, tuple[datetime, datetime]]:
    """For `starts` and `ends`: the two instants (UTC) that a time stands for on the day when clocks are put back.

    What comes once, and what is no time, is not asked.
    """
    result: dict[str, tuple[datetime, datetime]] = {}
    zone = values.get("zone", "").strip() or agenda.event.zone
    for name, day in (
        ("starts", values.get("date", "")),
        ("ends", values.get("ends_on", "") or values.get("date", "")),
    ):
        try:
            local = datetime.combine(date.fromisoformat(day), time.fromisoformat(values.get(name, "")))
            check_zone(zone)
            to_utc(local, zone)
        except TwiceOnTheClock:
            result[name] = (to_utc(local, zone, "first"), to_utc(local, zone, "second"))
        except ValueError:
            continue
    return result


def without_needless_hours(agenda: Agenda, values: Mapping[str, str]) -> Values:
    """The values without an answer to a question that the day no longer asks."""
    asked = asked_hours(agenda, values)
    return {
        name: "" if name in ("starts_hour", "ends_hour") and name.removesuffix("_hour") not in asked else value
        for name, value in values.items()
    }
