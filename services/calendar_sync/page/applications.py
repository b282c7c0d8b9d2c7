"""The common calendar applications: how each subscribes to a feed, and how soon it sees a change. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode


def N_(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


@dataclass(frozen=True)
class Application:
    """An application: its name, where its button leads (None: the address is copied), and how soon changes arrive."""

    name: str
    address: str | None
    soon: str


def webcal(feed: str) -> str:
    """The feed's address as calendar applications open it."""
    return "webcal://" + feed.partition("://")[2]


def applications(feed: str, title: str) -> list[Application]:
    """The applications with a button, then the others. What is known of their times is in shared/CALENDARS.md."""
    own = webcal(feed)
    outlook = urlencode({"url": feed, "name": title}, quote_via=quote)
    return [
        Application(
            "Apple",
            own,
            N_("On iPhone, iPad and Mac. How often it looks is set in the subscription; choose “every hour”."),
        ),
        Application(
            "Google",
            f"https://calendar.google.com/calendar/r?{urlencode({'cid': own}, quote_via=quote)}",
            N_("Google looks once or twice a day, and nobody can make it look sooner."),
        ),
        Application(
            "Outlook.com",
            f"https://outlook.live.com/calendar/0/addfromweb?{outlook}",
            N_("Outlook looks every few hours, sometimes only once a day."),
        ),
        Application(
            "Microsoft 365",
            f"https://outlook.office.com/calendar/0/addfromweb?{outlook}",
            N_("The same as Outlook.com, with an account of work or school."),
        ),
        Application(
            "Thunderbird, Nextcloud…",
            None,
            N_("Copy the address and add a calendar “from the network” or “from a link”. They look about every hour."),
        ),
    ]
