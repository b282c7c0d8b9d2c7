"""The rules of admission of an event and of each session, as the desk keeps them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.registration.consents import Wordings, wordings
from shared.contracts.scheduling import (
    Admission,
    EventState,
    Overlaps,
    Question,
    RequirementPolicy,
    SessionKind,
    SessionState,
    Status,
)

UNLISTED = (SessionKind.BREAK, SessionKind.SOCIAL)
"""Kinds of session that nobody comes for alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question at registration. `choices` has, for each choice, its texts in all languages."""

    id: str
    kind: str = "text"
    required: bool = False
    choices: tuple[tuple[str, ...], ...] = ()
    wordings: Wordings = ()
    """Consents: what can be agreed to."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A registration with another organisation. `policy` as published (told, hold, first); days of a hold."""

    id: str
    policy: str = "told"
    hold_days: int = 7
    remind_days: int = 2

    @property
    def first(self) -> bool:
        """Whether nobody has a seat before it is granted."""
        return self.policy == RequirementPolicy.FIRST

    @property
    def hold(self) -> bool:
        """Whether a seat is held while it is missing."""
        return self.policy == RequirementPolicy.HOLD


@dataclass(frozen=True, slots=True)
class Rules:
    """When and how seats of a line are given. Instants are UTC; capacity None: as many as come."""

    revision: int = 0
    scheduled: bool = True
    open: bool = True
    capacity: int | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    waiting_list: bool = True
    by_choice: bool = True
    content: bool = True
    max_sessions: int | None = None
    overlaps: bool = True
    questions: tuple[Asked, ...] = ()
    quotas: tuple[tuple[str, int], ...] = ()
    code_needed: bool = False
    approval: bool = False
    members_only: bool = False
    offer_hours: int | None = None
    cutoff: datetime | None = None
    requirements: tuple[Needed, ...] = ()
    member_domains: tuple[str, ...] = ()
    member_lists: tuple[str, ...] = ()
    member_requirement: str | None = None
    transfers: bool = True
    calendar_answers: bool = False
    """Events: whether a session removed from a calendar, or declined there, is given up."""
    reconfirm_at: datetime | None = None
    """Events: from when everybody is asked whether they still come."""
    reconfirm_days: int = 0
    begins: datetime | None = None
    """Events: the first moment of the first day, in the event's zone."""
    over: datetime | None = None
    """The first moment after the (last) day, in its zone: of an event, and of a session whose time is not known."""
    forget_at: datetime | None = None
    """Events: from when registrations are made anonymous."""
    language: str = "en"
    """Events: the first language; what another one lacks is shown in it."""

    def needed(self, id_: str) -> Needed | None:
        """The requirement `id_`, where it is one."""
        return next((needed for needed in self.requirements if needed.id == id_), None)

    @property
    def end(self) -> datetime | None:
        """The first moment after it, where that is known."""
        return self.ends or self.over

    def ended(self, now: datetime) -> bool:
        """Whether it is too late at `now` (UTC) to ask for a seat, because it is over. An event whose window closes later takes
        registrations until then (for what was recorded, say), as long as they are kept; a session that has ended takes none.
        """
        if self.end is None or now < self.end:
            return False
        later = self.begins is not None and self.closes is not None and now < self.closes
        return not later or self.forgets(now)

    def forgets(self, now: datetime) -> bool:
        """Whether the time to keep registrations of the event is over at `now` (UTC)."""
        return self.forget_at is not None and now >= self.forget_at


def rules_of_event(event: EventState) -> Rules:
    """The rules for a seat at the event itself."""
    admission, members = event.admission, event.members
    begins = _midnight(event.starts_on, event.zone)
    over = _midnight(event.ends_on + timedelta(days=1), event.zone)
    ask = admission.reconfirmation
    return Rules(
        revision=event.revision,
        scheduled=event.status is Status.SCHEDULED,
        open=admission.open,
        capacity=admission.capacity,
        opens=admission.window.opens,
        closes=admission.window.closes,
        waiting_list=admission.waiting_list,
        max_sessions=admission.max_sessions,
        overlaps=admission.overlaps is Overlaps.ALLOW,
        questions=_asked(event.questions),
        code_needed=admission.code_needed,
        approval=admission.approval,
        members_only=admission.members_only,
        offer_hours=admission.offer_hours,
        cutoff=_cutoff(admission, begins),
        requirements=tuple(
            Needed(needed.id, needed.policy.value, needed.hold_days, needed.remind_days)
            for needed in event.requirements
        ),
        member_domains=tuple(members.domains) if members else (),
        member_lists=tuple(members.lists) if members else (),
        member_requirement=members.requirement if members else None,
        transfers=admission.transfers,
        calendar_answers=admission.calendar_answers,
        reconfirm_at=_midnight(event.starts_on - timedelta(days=ask.ask_days), event.zone) if ask else None,
        reconfirm_days=ask.answer_days if ask else 0,
        begins=begins,
        over=over,
        forget_at=over + timedelta(days=event.retention_days) if event.retention_days else None,
        language=event.languages[0],
    )


def rules_of_session(session: SessionState) -> Rules:
    """The rules for a seat in a session."""
    admission = session.admission
    return Rules(
        revision=session.revision,
        scheduled=session.status is Status.SCHEDULED,
        open=admission.open,
        capacity=admission.capacity,
        opens=admission.window.opens,
        closes=admission.window.closes,
        starts=session.starts_at,
        ends=session.ends_at,
        waiting_list=admission.waiting_list,
        by_choice=session.by_choice,
        content=session.kind not in UNLISTED,
        questions=_asked(session.questions),
        quotas=tuple(sorted(admission.quotas.items())),
        code_needed=admission.code_needed,
        approval=admission.approval,
        members_only=admission.members_only,
        offer_hours=admission.offer_hours,
        cutoff=_cutoff(admission, session.starts_at),
        over=_midnight(session.date + timedelta(days=1), session.zone) if session.starts_local is None else None,
    )


def _cutoff(admission: Admission, starts: datetime | None) -> datetime | None:
    if admission.cutoff_hours is None or starts is None:
        return None
    return starts - timedelta(hours=admission.cutoff_hours)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def _asked(questions: Sequence[Question]) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            question.id,
            question.kind,
            question.required,
            tuple(tuple(choice.values()) for choice in question.choices),
            wordings(question),
        )
        for question in questions
    )
