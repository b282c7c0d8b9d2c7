"""What one mail contains: every fact in words, chosen for one person; the templates only lay it out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.notification.domain import ANSWERS, INVITATIONS, Change, Kind, SessionNews, Telling
from services.notification.picture import SEATED, Picture, has_seat
from services.notification.replies.address import keep_path
from services.notification.sentences import Sentences
from services.notification.wording import Wording
from shared.contracts.registration import PersonDetails, RequirementState, SeatState, Through
from shared.contracts.scheduling import EventState, Place, Role, SessionState, Status
from shared.links import CALENDAR, MANAGE, Links, calendar_path, manage_path
from shared.web.i18n import day
from shared.web.times import span


@dataclass(frozen=True)
class Addresses:
    """The person's private addresses."""

    manage: str
    calendar: str
    """The page about the person's calendar: the feed's address, which the person may change, stands there."""
    keep: str = ""
    """The page on which what a mailed invitation was answered is taken back."""


def addresses(links: Links, public_url: str, registration_id: str, generation: int) -> Addresses:
    """The addresses for a registration; made from the key each time, so that no row holds them."""
    base = public_url.rstrip("/")
    return Addresses(
        manage=base + manage_path(links.token(MANAGE, registration_id, generation)),
        calendar=base + calendar_path(links.token(CALENDAR, registration_id, generation)),
        keep=base + keep_path(links, registration_id, generation),
    )


@dataclass(frozen=True)
class SessionLine:
    """A session in a mail. `join_url` only for those who have a seat; `state` empty where no seat is needed."""

    title: str
    when: str
    where: str
    state: str
    join_url: str | None


@dataclass(frozen=True)
class Difference:
    """One thing that changed, as it was and as it is."""

    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Changed:
    """What changed in one session, or in the event."""

    title: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Needed:
    """A registration with another organisation."""

    name: str
    code: str | None
    url: str | None


@dataclass(frozen=True)
class Contact:
    """Whom to ask."""

    name: str
    email: str | None


_SHORT = INVITATIONS | ANSWERS | {Kind.CALENDAR_LOST}
"""Mails about one thing, which do not say once more what is needed."""


@dataclass(frozen=True)
class Letter:
    """A mail's contents, all texts in one language."""

    language: str
    subject: str
    name: str
    happened: tuple[str, ...]
    action: str
    """What there is to do, in the words of a link; empty where nothing waits for the person."""
    action_address: str
    changed: tuple[Changed, ...]
    event: str
    date: str
    place: str
    directions: str
    sessions: tuple[SessionLine, ...]
    needed: tuple[Needed, ...]
    contacts: tuple[Contact, ...]
    addresses: Addresses
    registered: bool
    """False where nothing is left to attend: then there is no feed and no place to find."""
    ticket: bool
    """Whether there is a ticket on the private page: for whoever has a seat at the event."""
    private: bool
    """Whether the person's private addresses stand in it: not where it goes to an address that the person left."""


def compose(
    telling: Telling,
    before: Picture | None,
    now: Picture,
    person: PersonDetails,
    private: Addresses,
    *,
    invites: bool = False,
) -> Letter:
    """The mail that says `telling` to `person`. `invites`: it carries the invitation to a session."""
    words = Sentences(person.language)
    event = now.event
    registered = not (telling.to_former or now.seat.state is SeatState.CANCELLED or event.status is Status.CANCELLED)
    invited = [words.invited(now)] if invites else []
    return Letter(
        language=words.language,
        subject=one_line(words.subject(telling, before, now)),
        name=one_line(person.name),
        happened=(*words.happened(telling, before, now), *invited),
        action=words.action(telling, now) if registered else "",
        action_address=_action_address(telling, private),
        changed=_changed(words, telling, before, now) if registered else (),
        event=words.said(event.title),
        date=dates(event, words.language),
        place=_place(words, event.place, address=True) if registered else "",
        directions=words.said(event.place.directions) if registered else "",
        sessions=tuple(_line(words, now, session) for session in _listed(telling, now)) if registered else (),
        needed=_needed(words, now) if registered and telling.personal and telling.kind not in _SHORT else (),
        contacts=tuple(Contact(c.name, c.email) for c in event.contacts if c.role is Role.CONTACT),
        addresses=private,
        registered=registered,
        ticket=registered and now.seat.state in SEATED and telling.kind not in _SHORT,
        private=not telling.to_former,
    )


def _action_address(telling: Telling, private: Addresses) -> str:
    if telling.kind is Kind.CALENDAR_LOST:
        return private.calendar
    if telling.kind is Kind.ANSWER_NOTICED:
        return private.keep if telling.through is Through.INVITATION else private.calendar
    return private.manage


def one_line(text: str) -> str:
    """The text without line breaks and control characters; a no-break space, as French has before a colon, stays."""
    return re.sub(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", text).strip(" ")


def dates(event: EventState, language: str) -> str:
    """The event's day, or its first and last day, in words."""
    first, last = day(event.starts_on, language), day(event.ends_on, language)
    return first if event.starts_on == event.ends_on else f"{first} – {last}"


def _listed(telling: Telling, now: Picture) -> list[SessionState]:
    """All of the person's sessions where the mail speaks of the person; else those that changed and still take place."""
    if telling.kind in INVITATIONS | ANSWERS:
        return [now.sessions[id_] for id_ in telling.about if id_ in now.sessions]
    if telling.personal:
        shown: Iterable[str] = now.choices.keys() or (now.sessions if telling.kind is not Kind.WAITLISTED else ())
    else:
        shown = [news.session_id for news in telling.sessions if Change.CANCELLED not in news.changes]
    sessions = [now.sessions[id_] for id_ in shown]
    return sorted(sessions, key=lambda s: (s.date, s.starts_local is None, s.starts_local or s.date, s.id))


def _needed(words: Wording, now: Picture) -> tuple[Needed, ...]:
    """The registrations elsewhere that are not there, as far as we know, with the code that is asked for there."""
    return tuple(
        Needed(words.said(needed.name), needed.code, needed.url)
        for needed in now.event.requirements
        if now.requirements.get(needed.id) is not RequirementState.GRANTED
    )


def _line(words: Wording, now: Picture, session: SessionState) -> SessionLine:
    choice = now.choices.get(session.id)
    may_join = has_seat(now, session.id) and session.status is Status.SCHEDULED
    state = words.state(choice, now.event.zone) if choice is not None else ""
    return SessionLine(
        title=words.name_of(session),
        when=_when(words, session, now.event),
        where=_where(words, session, now.event),
        state=state if session.status is Status.SCHEDULED else words.session_cancelled(),
        join_url=session.join_url if may_join else None,
    )


def _when(words: Wording, session: SessionState, event: EventState | None) -> str:
    time = _span(words, session)
    if event is not None and event.starts_on == event.ends_on == session.date:
        return time  # the date stands above
    return f"{day(session.date, words.language)}, {time}"


def _span(words: Wording, session: SessionState) -> str:
    return span(session, words.language, to_be_announced=words.to_be_announced())


def _where(words: Wording, session: SessionState, event: EventState) -> str:
    """Where the session is: its own words, else the event's."""
    return _place(words, session.place) or _place(words, event.place)


def _place(words: Wording, place: Place, *, address: bool = False) -> str:
    parts = [words.said(place.room), words.said(place.level), words.said(place.venue)]
    if address and place.address:
        parts.append(one_line(place.address))
    if place.online:
        parts.append(words.online())
    return ", ".join(part for part in parts if part)


def _changed(words: Wording, telling: Telling, before: Picture | None, now: Picture) -> tuple[Changed, ...]:
    if before is None:
        return ()
    changed = []
    if telling.event:
        changed.append(Changed(words.said(now.event.title), _event_differences(words, telling.event, before, now)))
    for news in telling.sessions:
        new = now.sessions[news.session_id]
        changed.append(Changed(words.name_of(new), _session_differences(words, news, before, now)))
    return tuple(item for item in changed if item.differences)


def _session_differences(words: Wording, news: SessionNews, before: Picture, now: Picture) -> tuple[Difference, ...]:
    old, new = before.sessions[news.session_id], now.sessions[news.session_id]
    differences: list[Difference] = []
    for change in news.changes:
        if change is Change.TIME:
            same_day = old.date == new.date
            was, is_ = ((_span(words, s) if same_day else _when(words, s, None)) for s in (old, new))
        elif change is Change.PLACE:
            was, is_ = _where(words, old, before.event), _where(words, new, now.event)
        elif change is Change.TITLE:
            was, is_ = words.said(old.title), words.said(new.title)
        elif change is Change.JOIN_LINK:
            was, is_ = "", new.join_url or ""
        else:
            continue
        differences.append(Difference(words.label(change), was, is_))
    return tuple(differences)


def _event_differences(
    words: Wording, changes: tuple[Change, ...], before: Picture, now: Picture
) -> tuple[Difference, ...]:
    values = {
        Change.TIME: lambda event: dates(event, words.language),
        Change.PLACE: lambda event: _place(words, event.place, address=True),
        Change.TITLE: lambda event: words.said(event.title),
    }
    return tuple(
        Difference(words.label(change), values[change](before.event), values[change](now.event))
        for change in changes
        if change in values
    )
