"""A CalDAV server for tests that plays the quirks of real servers: `QuirkyServer(sogo())`, `add_person`, `start`."""

from tests.support.quirky import plays
from tests.support.quirky.holdings import CalendarHeld, Held, Person, unfolded
from tests.support.quirky.presets import (
    PRESETS,
    cyrus,
    davical,
    google,
    icloud,
    nextcloud,
    plain,
    sogo,
    xandikos_like,
)
from tests.support.quirky.quirks import ALWAYS, Quirks
from tests.support.quirky.server import Asked, Play, QuirkyServer

__all__ = [
    "ALWAYS",
    "PRESETS",
    "Asked",
    "CalendarHeld",
    "Held",
    "Person",
    "Play",
    "Quirks",
    "QuirkyServer",
    "cyrus",
    "davical",
    "google",
    "icloud",
    "nextcloud",
    "plain",
    "plays",
    "sogo",
    "unfolded",
    "xandikos_like",
]
