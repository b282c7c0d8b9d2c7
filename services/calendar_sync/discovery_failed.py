"""Why no calendar account was found, in words for the attendee who entered its address."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from shared.outward import UNREACHABLE


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


class Reason(StrEnum):
    """What went wrong."""

    BAD_ADDRESS = "bad-address"
    UNREACHABLE = "unreachable"
    """Nothing is there, or we may not go there: which of them is not told."""
    CERTIFICATE = "certificate"
    NOT_ANSWERING = "not-answering"
    NOT_FOUND = "not-found"
    NO_CALDAV = "no-caldav"
    NEEDS_OAUTH = "needs-oauth"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - a name
    FORBIDDEN = "forbidden"
    APP_PASSWORD = "app-password"  # noqa: S105 - a name
    OTHER_SIGN_IN = "other-sign-in"
    LOGIN_PAGE = "login-page"
    ELSEWHERE = "elsewhere"
    UNREADABLE = "unreadable"


_WORDS = {
    Reason.BAD_ADDRESS: _(
        "This is not an address; enter an e-mail address, or one like https://calendar.example.org/."
    ),
    Reason.UNREACHABLE: UNREACHABLE,
    Reason.CERTIFICATE: _("The certificate of {host} is not valid, so nobody can tell whether it is the right server."),
    Reason.NOT_ANSWERING: _("{host} does not answer as it should. Please try again later."),
    Reason.NOT_FOUND: _("There is no calendar at this address."),
    Reason.NO_CALDAV: _(
        "{host} does not offer calendars by CalDAV. Perhaps the address is another one: ask who runs it."
    ),
    Reason.NEEDS_OAUTH: _("Google Calendar cannot be connected with a password; subscribe to the feed instead."),
    Reason.WRONG_PASSWORD: _("{host} does not take this user name and password."),
    Reason.FORBIDDEN: _("{host} does not let this user see what is at this address."),
    Reason.APP_PASSWORD: _(
        "iCloud does not take this password. It wants one made for this app alone: sign in on account.apple.com and make an "
        "app-specific password; the user name is the e-mail address of the Apple account."
    ),
    Reason.OTHER_SIGN_IN: _("{host} does not let programs sign in with a user name and a password alone."),
    Reason.LOGIN_PAGE: _(
        "{host} shows a page to sign in instead of calendars. The address for calendars is another one."
    ),
    Reason.ELSEWHERE: _("{host} points to {target}. Enter that address yourself if this is right."),
    Reason.UNREADABLE: _("What {host} answers cannot be read as calendars."),
}
NO_OUTLOOK = _("Outlook and Microsoft 365 have no CalDAV and cannot be connected; subscribe to the feed instead.")
NOT_OFFERED = _("{host} says that it does not offer calendars by CalDAV.")


class DiscoveryFailed(Exception):
    """No account was found. `template` is a text of the catalogues, `values` are what stands in it."""

    def __init__(self, reason: Reason, template: str | None = None, *, host: str = "", target: str = "") -> None:
        self.reason, self.template = reason, template or _WORDS[reason]
        self.values = {"host": host, "target": target}
        super().__init__(self.words)

    @property
    def words(self) -> str:
        """One or two sentences in English."""
        return self.said(str)

    def said(self, translate: Callable[[str], str]) -> str:
        """The same in another language."""
        return translate(self.template).format(**self.values)


_GOOGLE = re.compile(r"(?:.+\.)?(?:google|gmail|googlemail|googleusercontent|googleapis)\.com")
_MICROSOFT = re.compile(
    r"(?:.+\.)?(?:(?:outlook|hotmail)\.[a-z.]{2,6}|(?:live|msn|office|office365|microsoft|microsoftonline)\.com)"
)
_APPLE = re.compile(r"(?:.+\.)?(?:icloud|me|mac)\.com")
ICLOUD = "icloud.com"


def refuse_known(host: str) -> None:
    """Raises DiscoveryFailed where `host` is of a provider that is known to have no CalDAV with a password."""
    if _GOOGLE.fullmatch(host):
        raise DiscoveryFailed(Reason.NEEDS_OAUTH)
    if _MICROSOFT.fullmatch(host):
        raise DiscoveryFailed(Reason.NO_CALDAV, NO_OUTLOOK)


def is_icloud(host: str) -> bool:
    """Whether `host` is of Apple's iCloud, whose calendars are at caldav.icloud.com and below it."""
    return bool(_APPLE.fullmatch(host))
