"""What reasons of refusals mean, in words: the log of decisions keeps their codes."""

from __future__ import annotations

from shared.web.i18n import translations


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


REASONS = {
    "already-checked-in": _("Was checked in already."),
    "already-registered": _("Was registered already."),
    "answer-needed": _("A question was not answered."),
    "audience-needed": _("The kind of attendee was not said."),
    "cancelled": _("It was cancelled."),
    "cannot-receive": _("The seat could not be handed to this address."),
    "choice-needed": _("No session was chosen."),
    "closed": _("Registration was closed."),
    "code-expired": _("The invitation code was no longer valid."),
    "code-needed": _("It was by invitation, and no code for it was given."),
    "code-of-another": _("The invitation code was for another e-mail address."),
    "code-used-up": _("The invitation code had been used as often as it may be."),
    "consent-needed": _("A consent that is needed was not given."),
    "full": _("It was full, and could not be waited for."),
    "key-reused": _("The key of the request had been used for another one."),
    "members-only": _("It was for members, and the address was not known as a member's."),
    "checked-in": _("The person had been checked in."),
    "code-kept": _("It had been registered with another invitation code."),
    "no-seat-yet": _("It gave no seat at once, and a seat is given up only for a seat."),
    "number-taken": _("Somebody else had given this number first."),
    "forgotten": _("The time to keep registrations of this event was over."),
    "no-calendar-answers": _("At this event no seat is given up by calendar."),
    "no-choice-needed": _("The session was open to everyone registered."),
    "no-offer": _("Nothing was offered any more."),
    "no-transfers": _("Seats of this event cannot be handed on."),
    "nobody-named": _("Nobody was named."),
    "not-chosen": _("The session was not in this registration."),
    "not-here": _("Registration was not taken here."),
    "not-open-yet": _("Registration was not open yet."),
    "offer-lapsed": _("The time to accept the offer was over."),
    "over": _("It was over."),
    "overlap": _("It was at the same time as another session that was chosen."),
    "pending": _("Something was missing for a confirmed seat."),
    "repeated": _("A session was named twice."),
    "requirement-missing": _("A registration with another organisation that is needed first was missing."),
    "reserve-too-large": _("More seats were to be reserved than were free."),
    "started": _("It had begun already."),
    "too-late": _("The seat was used, or the event was over."),
    "too-many": _("More sessions were chosen than one person may have."),
    "unknown-audience": _("There was no such kind of attendee."),
    "unknown-code": _("There was no such invitation code."),
    "unknown-event": _("There was no such event."),
    "unknown-question": _("An answer was to a question that nobody asked."),
    "unknown-registration": _("There was no such registration."),
    "unknown-requirement": _("The event did not ask for such a registration elsewhere."),
    "unknown-session": _("There was no such session."),
    "waits": _("There was no seat yet: the person waited for one."),
    "worded-otherwise": _("A consent was to a text that had changed meanwhile."),
    "wrong-answer": _("A question was answered with something that was not offered."),
}
"""By code: what it was that stood in the way."""


def explained(code: str, language: str) -> str:
    """The reason in words of `language`; the code itself where it is a new one."""
    text = REASONS.get(code)
    return translations(language).gettext(text) if text else code
