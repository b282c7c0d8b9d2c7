"""What the private page says at its top after something was done there. The address says only what sort of thing it was."""

from __future__ import annotations

from services.registration.registrations import Registration
from shared.contracts.base import said_in
from shared.contracts.registration import RequirementState
from shared.contracts.scheduling import EventState
from shared.web.i18n import translations


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_NOTES = {
    "sessions": _("Your sessions are changed; below is what you have now."),
    "answers": _("Your answers are kept."),
    "given-up": _("It is given up. Below is what you have now."),
    "accepted": _("The seat is yours."),
    "still-coming": _("Noted: you still come. Thank you for saying so."),
    "handed-on": _("Your seat is handed on. Your colleague gets a mail with a private address of their own."),
    "new-address": _(
        "This page has a new address. A mail with it is on its way; the earlier one does not work any more."
    ),
}
_WAITS = _("Noted: %(number)s. %(name)s has not told us about it yet; you need do nothing more.")
_KNOWN = _("Noted: %(number)s.")


def done_note(done: str, event: EventState, registration: Registration, language: str) -> list[str]:
    """The sentences for `done`; none for what is no such thing."""
    say = translations(language).gettext
    if done != "numbers":
        return [say(_NOTES[done])] if done in _NOTES else []
    notes = []
    for needed in event.requirements:
        if number := registration.numbers.get(needed.id):
            state = registration.requirements.get(needed.id, RequirementState.MISSING)
            waits = registration.active and state is RequirementState.MISSING
            name = said_in(needed.name, language, event.languages[0])
            notes.append(say(_WAITS if waits else _KNOWN) % {"number": number, "name": name})
    return notes
