"""The forms of organisers: which fields of a session and of an event they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.organiser.form import Rows, Sheet, Values
from services.scheduling.time_zones import TwiceOnTheClock, check_zone, to_utc
from shared.contracts.base import Text, said_in

_LINK_DEFAULTS = {"kind": "link", "audience": "public"}

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
        "capacity": ("admission", "capacity"),
    },
    flags={"by_choice": (("by_choice",), False)},
    whole=frozenset({"number", "capacity"}),
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
        "capacity": ("admission", "capacity"),
        "opens": ("admission", "opens"),
        "closes": ("admission", "closes"),
    },
    flags={"open": (("admission", "open"), True), "waiting_list": (("admission", "waiting_list"), True)},
    whole=frozenset({"capacity"}),
)


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
