"""How calendars, servers, accounts and verifications read at a terminal: a line each. Times are UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WHAT = {
    "gone": "is gone",
    "changed": "was changed",
    "foreign": "has something else in its place",
    "declined": "was declined by the person",
}


def calendar(one: Mapping[str, Any]) -> str:
    """A shared calendar."""
    leaving = " (being removed)" if one["leaving"] else ""
    return plain(f"{one['id']}{leaving}: {number(one['written'], 'object')} written{_waiting(one)}")


def account(one: Mapping[str, Any]) -> str:
    """An attendee's account in trouble."""
    state = f"lost ({one['lost']})" if one["lost"] else one["state"]
    since = f", failing since {moment(one['failing_since'])}" if one["failing_since"] else ""
    return plain(f"registration {one['registration_id']} on {one['server']}: {state}{since}{_waiting(one)}")


def server(one: Mapping[str, Any]) -> str:
    """A server."""
    accounts = sum(one["accounts"].values())
    held = f"{number(one['calendars'], 'calendar')} of {number(accounts, 'account')}"
    since = f" since {moment(one['since'])}" if one["since"] else ""
    until = f" until {moment(one['paused_until'])}" if one["paused_until"] else ""
    return plain(f"{one['server']}: {one['state']}{since}{until}, {held}{_error(one)}")


def accounts(by_state: Mapping[str, int]) -> str:
    """All accounts, by state."""
    told = ", ".join(f"{count} {state}" for state, count in sorted(by_state.items()) if count)
    return f"accounts: {told or 'none'}"


def verification(job: Mapping[str, Any]) -> Iterator[str]:
    """What differs and what could not be read, and at last how much was looked at."""
    for one in job["calendars"]:
        named = _named(one["id"])
        for different in one["objects"]:
            yield plain(f"{named}: {different['session_id']} {_WHAT.get(different['what'], different['what'])}")
        if one["different"] > len(one["objects"]):
            yield plain(f"{named}: {one['different'] - len(one['objects'])} more differ")
        if one["unread"] or one["error"]:
            yield plain(f"{named}: {number(one['unread'], 'object')} not read: {one['error']}")
    if job["left_out"]:
        yield f"{number(job['left_out'], 'more calendar')} not well"
    verdict = (
        "all equal"
        if not (job["different"] or job["unread"])
        else f"{job['different']} different, {job['unread']} not read"
    )
    waits = f", {job['waiting']} waiting to be written" if job["waiting"] else ""
    repair = "; what differs is put right now" if job["repair"] and job["different"] else ""
    yield plain(f"{number(job['done'], 'calendar')}, {number(job['equal'], 'object')} equal{waits}: {verdict}{repair}")


def _named(id_: str) -> str:
    """A calendar as `status` names it: a person's by the registration."""
    kind, _, registration = id_.partition("//")
    return f"registration {registration.partition('/')[0]}" if kind == "person" else id_


def _waiting(one: Mapping[str, Any]) -> str:
    if not one["waiting"]:
        return _error(one)
    verb = "waits" if one["waiting"] == 1 else "wait"
    return f", {one['waiting']} {verb} since {moment(one['waiting_since'])}{_error(one)}"


def _error(one: Mapping[str, Any]) -> str:
    """The last error; its kind stays the same however the words change."""
    error = one["last_error"]
    return f": {error['message']} [{error['kind']}]" if error else ""


def moment(instant: str | None) -> str:
    """An instant of the API, to the minute."""
    return f"{instant[:10]} {instant[11:16]} UTC" if instant else "an unknown time"


def number(count: int, one: str) -> str:
    """A number of things."""
    return f"{count} {one}{'' if count == 1 else 's'}"


def plain(text: str) -> str:
    """`text` in one line that a terminal shows as it is."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
