"""Rules of admission that contradict themselves or name what there is not: told with field and remedy."""

from __future__ import annotations

from collections.abc import Iterator

from services.scheduling.agenda import Agenda, AgendaSession, Event
from services.scheduling.fault import Fault, Path
from services.scheduling.rules import EventRules, Rules
from shared.contracts.scheduling import RequirementPolicy

EVENT: Path = ("event",)
ADMISSION: Path = ("event", "admission")


def event_rule_faults(event: Event) -> Iterator[Fault]:
    """What is wrong in the rules of the event itself."""
    yield from _waiting_list(ADMISSION, event.admission)
    yield from _reconfirmation(event.admission)
    for number, needed in enumerate(event.requirements):
        if needed.policy is RequirementPolicy.HOLD and needed.remind_days >= needed.hold_days:
            message = (
                f"people would be reminded {needed.remind_days} days before the end of a hold of {needed.hold_days}, that is "
                f"before it begins; write remind_days: {needed.hold_days - 1} or less, or a longer hold_days"
            )
            yield Fault((*EVENT, "requirements", number, "remind_days"), "reminder-before-hold", message)
    wanted = event.members.requirement if event.members is not None else None
    if wanted is not None and wanted not in {needed.id for needed in event.requirements}:
        message = f"there is no {wanted} in event.requirements; add it there or correct the id"
        yield Fault((*EVENT, "members", "requirement"), "unknown-requirement", message)


def session_rule_faults(agenda: Agenda, number: int, session: AgendaSession) -> Iterator[Fault]:
    """What is wrong in the rules of one session, the `number`-th."""
    path: Path = ("sessions", number, "admission")
    rules = session.admission
    yield from _waiting_list(path, rules)
    known = {kind.id for kind in agenda.event.audiences}
    for kind in rules.quotas:
        if kind not in known:
            message = f"there is no {kind} in event.audiences; add it there or correct the id"
            yield Fault((*path, "quotas", kind), "unknown-audience", message)
    kept = sum(rules.quotas.values())
    if rules.capacity is not None and kept > rules.capacity:
        message = (
            f"{kept} seats are set aside, but there are only {rules.capacity}; lower a quota or raise the capacity"
        )
        yield Fault((*path, "quotas"), "quotas-over-capacity", message)


def _waiting_list(path: Path, rules: Rules) -> Iterator[Fault]:
    """Offers and the end of moving up are the waiting list's. An offer has all its hours: so it ends before the start."""
    if not rules.waiting_list:
        for name, value in (("offer_hours", rules.offer_hours), ("cutoff_hours", rules.cutoff_hours)):
            if value is not None:
                message = f"without a waiting list there is nobody for it; remove {name}, or write waiting_list: true"
                yield Fault((*path, name), "no-waiting-list", message)
    elif rules.offer_hours is not None and rules.cutoff_hours is not None and rules.cutoff_hours < rules.offer_hours:
        message = (
            f"an offer for {rules.offer_hours} h that is made {rules.cutoff_hours} h before the start would end "
            f"after it; write cutoff_hours: {rules.offer_hours} or more, shorten offer_hours, or remove one of them"
        )
        yield Fault((*path, "cutoff_hours"), "offer-after-start", message)


def _reconfirmation(rules: EventRules) -> Iterator[Fault]:
    asked = rules.reconfirmation
    if asked is not None and asked.answer_days >= asked.ask_days:
        message = (
            f"people who are asked {asked.ask_days} days before the event cannot have {asked.answer_days} days to answer; "
            f"write answer_days: {asked.ask_days - 1} or less, or ask earlier"
            if asked.ask_days > 1
            else "a day before the event is too late to ask and to wait for answers; write ask_days: 2 or more"
        )
        yield Fault((*ADMISSION, "reconfirmation", "answer_days"), "answer-after-start", message)
