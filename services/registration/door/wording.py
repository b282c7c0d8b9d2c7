"""What is said at the door, in the helper's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from services.registration.door.scans import HeldSession, ScanOutcome
from services.registration.registrations import Held, Registration
from shared.contracts.base import said_in
from shared.contracts.registration import Cause, RequirementState, SeatState
from shared.contracts.scheduling import EventState, RequirementPolicy, SessionState, Status
from shared.web.i18n import clock_time, day

Gettext = Callable[[str], str]


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_OUTCOMES = {
    ScanOutcome.CHECKED_IN: _("Checked in"),
    ScanOutcome.UNDONE: _("Check-in undone"),
    ScanOutcome.ALREADY: _("Checked in already"),
    ScanOutcome.OTHER_EVENT: _("This ticket is for another event"),
    ScanOutcome.UNKNOWN: _("This ticket is not valid"),
    ScanOutcome.CANCELLED: _("This registration is cancelled"),
    ScanOutcome.WAITS: _("No seat: on the waiting list"),
    ScanOutcome.PENDING: _("No confirmed seat yet: something is missing"),
    ScanOutcome.NOT_CHOSEN: _("Registered, but not for this session"),
    ScanOutcome.REFUSED: _("This could not be noted; please scan again"),
}

_STATES = {
    SeatState.PENDING: _("pending"),
    SeatState.CONFIRMED: _("confirmed"),
    SeatState.WAITLISTED: _("on the waiting list"),
    SeatState.OFFERED: _("offered"),
    SeatState.CANCELLED: _("cancelled"),
    SeatState.ATTENDED: _("is here"),
}


def at_the_door(sessions: list[SessionState]) -> list[SessionState]:
    """The sessions that have a door of their own."""
    return [session for session in sessions if session.by_choice and session.status is Status.SCHEDULED]


def outcome_in_words(
    outcome: ScanOutcome, since: datetime | None, now: datetime, zone: str, language: str, gettext: Gettext
) -> str:
    """The outcome; of a second scan, with the event's local time of the first (and its day, where that was another)."""
    message = gettext(_OUTCOMES[outcome])
    if outcome is not ScanOutcome.ALREADY or since is None:
        return message
    local, today = since.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    if local.date() == today:
        return gettext("Checked in already, at %(time)s") % {"time": clock_time(local, language)}
    said = {"day": day(local.date(), language), "time": clock_time(local, language)}
    return gettext("Checked in already, on %(day)s at %(time)s") % said


def state_in_words(state: SeatState, gettext: Gettext) -> str:
    """A seat's state."""
    return gettext(_STATES[state])


def kind_in_words(registration: Registration, event: EventState, language: str) -> str | None:
    """The kind of attendee; None where the event has none, or it was not said."""
    kinds = {kind.id: said_in(kind.name, language, event.languages[0]) for kind in event.audiences}
    return kinds.get(registration.person.audience or "")


def held_sessions(
    registration: Registration, sessions: list[SessionState], language: str, default: str, gettext: Gettext
) -> list[HeldSession]:
    """The sessions that the person has or awaits a seat in, in order of time."""
    shown = []
    for session in sessions:
        held = registration.choice(session.id)
        if held is not None and held.state is not SeatState.CANCELLED:
            title = said_in(session.title, language, default)
            shown.append(HeldSession(title=title, state=state_in_words(held.state, gettext)))
    return shown


def missing_in_words(
    registration: Registration, item: Registration | Held, event: EventState, language: str, gettext: Gettext
) -> list[str]:
    """What a pending seat waits for."""
    if item.cause is Cause.APPROVAL:
        return [gettext("An organiser has not approved it yet.")]
    if item.cause is Cause.EVENT_SEAT:
        return [gettext("There is no seat at the event yet.")]
    by_membership = event.members.requirement if event.members is not None else None
    missing = []
    for requirement in event.requirements:
        needed = requirement.policy is not RequirementPolicy.TOLD or requirement.id == by_membership
        if needed and registration.requirements.get(requirement.id) is not RequirementState.GRANTED:
            name = said_in(requirement.name, language, event.languages[0])
            missing.append(gettext("The registration with %(name)s is missing.") % {"name": name})
    return missing
