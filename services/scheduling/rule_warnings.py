"""What of the rules of admission an organiser should look at: members that nobody is, codes to make, holds that run too long.

Where they `block`, nobody could ever get a seat by them, so publishing waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time

from services.scheduling.agenda import Agenda, AgendaSession
from services.scheduling.rules import Needed, Rules, SessionRules
from services.scheduling.warning import Warning
from shared.contracts.scheduling import RequirementPolicy


def nobody_is_member(agenda: Agenda) -> Iterator[Warning]:
    """For members only, and nothing says who is a member. These block."""
    if agenda.event.members is not None:
        return
    for field, rules in _all_rules(agenda):
        if rules.members_only:
            message = (
                "For members only, and nothing says who is one; fill in event.members (domains, lists, requirement)."
            )
            yield Warning("nobody-is-member", f"{field}.members_only", message, blocks=True)


def rule_warnings(agenda: Agenda) -> Iterator[Warning]:
    """All that holds nothing back."""
    for field, rules in _all_rules(agenda):
        if rules.code_needed and rules.open:
            message = "By invitation: make the codes in registration; nobody can register before."
            yield Warning("codes-to-make", f"{field}.code_needed", message)
    yield from _quotas_of_nothing(agenda)
    yield from _not_chosen(agenda)
    for needed in agenda.event.requirements:
        yield from _hold(agenda, needed)


def _all_rules(agenda: Agenda) -> Iterator[tuple[str, Rules]]:
    """The rules of the event, and of each session that people choose."""
    yield "event.admission", agenda.event.admission
    for session in agenda.sessions:
        if session.by_choice:
            yield f"sessions.{session.id}.admission", session.admission


def _quotas_of_nothing(agenda: Agenda) -> Iterator[Warning]:
    remedy = "No number of seats is set, so that none can be set aside; write a capacity, or remove the quotas."
    if agenda.event.admission.capacity is None and any(kind.quota for kind in agenda.event.audiences):
        yield Warning("quotas-of-nothing", "event.audiences", remedy)
    for session in agenda.sessions:
        if session.by_choice and session.admission.capacity is None and any(session.admission.quotas.values()):
            yield Warning("quotas-of-nothing", f"sessions.{session.id}.admission.quotas", remedy)


def _not_chosen(agenda: Agenda) -> Iterator[Warning]:
    for session in agenda.sessions:
        if not session.by_choice and _says_who_may_come(session):
            message = (
                "Its rules of admission have no effect while nobody chooses it; write by_choice: true, or remove them."
            )
            yield Warning("not-chosen", f"sessions.{session.id}.by_choice", message)


def _says_who_may_come(session: AgendaSession) -> bool:
    silent = SessionRules(
        **{name: getattr(session.admission, name) for name in ("open", "capacity", "opens", "closes", "waiting_list")}
    )
    return session.admission != silent


def _hold(agenda: Agenda, needed: Needed) -> Iterator[Warning]:
    field, event = f"event.requirements.{needed.id}", agenda.event
    if needed.policy is not RequirementPolicy.HOLD:
        fields = ("hold_days", "remind_days")
        silent = [name for name in fields if getattr(needed, name) != Needed.model_fields[name].default]
        if silent:
            message = f"{' and '.join(silent)} count with policy: hold only; write it, or remove them."
            yield Warning("hold-not-used", f"{field}.policy", message)
        return
    if not event.admission.open:
        return
    closes = event.admission.closes
    if closes is None:
        message = (
            "Registration has no end, so that a seat may be held for this until the event and be lost then; "
            f"let registration close earlier than the event by hold_days ({needed.hold_days})."
        )
        yield Warning("hold-over-start", f"{field}.hold_days", message)
    elif (left := (datetime.combine(event.starts_on, time.min) - closes).days) < needed.hold_days:
        message = (
            f"Seats are held longer (hold_days: {needed.hold_days}) than from the close of registration to the event "
            f"(days: {max(left, 0)}); write fewer hold_days, or let registration close earlier."
        )
        yield Warning("hold-over-start", f"{field}.hold_days", message)
