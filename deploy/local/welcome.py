"""The short list that the launcher prints: where things are and what to look at."""

from __future__ import annotations

from deploy.local.caldav import ATTENDEE
from deploy.local.launcher import Launcher

_SHOWN = "milipol-2019"
"""The sample whose sessions fill up: the most to see."""


def welcome(launcher: Launcher, people: int, seconds: float) -> str:
    """The list, for a terminal."""
    site = launcher.settings.public_url.rstrip("/")
    token = launcher.secrets / "organiser_token"
    lines = [
        ("Events", f"{site}/", "three sample events, moved to the coming weeks"),
        ("One event", f"{site}/events/{_SHOWN}", "its agenda and seats left; register there"),
        ("Feed", f"{site}/feeds/events/{_SHOWN}.ics", "subscribe to it in a calendar program"),
    ]
    if launcher.catches_mails:
        answers = f"answers to invitations are taken at {launcher.settings.smtp_url}"
        lines.append(("Mails", f"{site}/mails", f"what Lectern sends is caught here; none goes out; {answers}"))
    if launcher.radicale is not None:
        lines.append(
            ("Calendar", f"{launcher.radicale.home}{_SHOWN}/", "the shared calendar in a CalDAV server (Radicale)")
        )
        lines.append(
            (
                "An account",
                launcher.radicale.url,
                f"to connect as an attendee: user name {ATTENDEE}, password in {launcher.radicale.users}",
            )
        )
    lines += [
        ("API", f"{site}/api/v1/events", "open to read"),
        ("Organiser", f"{site}/organise", f"sign in with the token in {token}; the command: .venv/bin/lectern"),
        ("Health", f"{site}/ready", f"figures: {site}/metrics"),
        ("Log", str(launcher.home / "lectern.log"), "one JSON object a line"),
    ]
    width = max(len(address) for _, address, _ in lines)
    shown = "\n".join(f"  {name:<10} {address:<{width}}  {what}" for name, address, what in lines)
    registered = f" {people} people are registered for the sample events." if people else ""
    return f"\nLectern runs (started in {seconds:.1f} s).{registered}\n\n{shown}\n\nCtrl-C stops it; the next start finds everything again."
