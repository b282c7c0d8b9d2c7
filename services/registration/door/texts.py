"""What the scan page's script says by itself, in the helper's language: the rest comes with the answers."""

from __future__ import annotations

from collections.abc import Callable


def script_texts(gettext: Callable[[str], str]) -> dict[str, str]:
    """The script's texts by its own names for them. {name}, {number} and the like are filled in by the script."""
    _ = gettext
    return {
        "noted": _("Noted, not sent yet"),
        "noted_already": _("Noted already on this phone, not sent yet"),
        "removed": _("Taken back, was not sent yet"),
        "undoing": _("Undo noted, not sent yet"),
        "undo": _("Undo"),
        "undo_of": _("Undo: {name}"),
        "undo_check_in": _("Undo the check-in"),
        "undo_check_in_of": _("Undo the check-in: {name}"),
        "ticket": _("ticket …{end}"),
        "no_ticket": _("This is not a ticket"),
        "no_ticket_help": _("It may be another code, or only part of one. Try again, or search by name."),
        "counter": _("{here} of {expected} checked in"),
        "all_sent": _("Everything is sent."),
        "to_send": _("{number} noted, not sent yet."),
        "offline": _("No network; it goes on by itself."),
        "retrying": _("The server does not answer yet; it goes on by itself."),
        "closed": _(
            "This door's address is not valid any more. Keep this page, ask the organisers for the new address and open it on this phone: what is noted is sent then."
        ),
        "unsaved": _("This phone's browser keeps nothing: leave this page open until everything is sent."),
        "nobody": _("Nobody was found with this name."),
        "longer": _("Type at least two letters of the name."),
        "search_fails": _("Searching needs the network. Tickets can be noted without it."),
        "let_in": _("Let in"),
        "no_camera": _("The camera cannot be used here. Allow it in the browser, or use the phone's camera app."),
        "camera_on": _("Scan with the camera"),
        "camera_off": _("Stop the camera"),
    }
