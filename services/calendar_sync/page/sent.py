"""What was filled in to connect an account, and what was wrong with it. The password is never among what is shown again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from services.calendar_sync.discovery_failed import DiscoveryFailed, Reason
from services.calendar_sync.service_location import read_entered
from shared.contracts.cloudevent import problems_of
from shared.web.problems import read_form


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


class Credentials(BaseModel):
    """Where an account is and who opens it. Beside an e-mail address, no user name is needed (service_location.py)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    address: str = Field(min_length=1, max_length=2000, description="An e-mail address, a host or a URL")
    username: str | None = Field(default=None, max_length=320)
    password: SecretStr = Field(min_length=1, max_length=1000, description="Best an app password")


NO_USERNAME = _("Please enter the user name: it cannot be told from this address.")
NO_CALENDAR = _("This account has no calendar in which Lectern may write.")
_EMPTY = _("Please fill in this field.")
_TOO_LONG = _("This is too long.")

_SHOWN_AGAIN = ("address", "username", "calendar")
"""The fields that a page shows again as they were filled in: the password is none of them."""

_AT_THE_PASSWORD = {Reason.WRONG_PASSWORD, Reason.APP_PASSWORD}


def field_of(failed: DiscoveryFailed) -> str:
    """The field that a failure is about."""
    return "password" if failed.reason in _AT_THE_PASSWORD else "address"


@dataclass(frozen=True)
class Wrong:
    """One fault: beside which field it stands, and what it says in the reader's language."""

    at: str
    message: str


@dataclass(frozen=True)
class Sent:
    """A form to connect: what is right in it (None: something is not), what was filled in, what is wrong."""

    credentials: Credentials | None
    filled: Mapping[str, str]
    wrong: tuple[Wrong, ...] = ()


async def filled_in(request: web.Request) -> dict[str, str]:
    """What may be shown again of a form of the page. Raises Problem 400 or 413."""
    form = await read_form(request)
    return {name: value.strip() for name in _SHOWN_AGAIN if isinstance(value := form.get(name), str)}


async def sent_in(request: web.Request, say: Callable[[str], str]) -> Sent:
    """The form to connect, with all that is wrong in it at once. Raises Problem 400 or 413."""
    filled, password = await filled_in(request), (await read_form(request)).get("password", "")
    address, username = filled.get("address", ""), filled.get("username") or None
    raw = {"address": address, "username": username, "password": password}
    credentials: Credentials | None = None
    faults: list[Wrong] = []
    try:
        credentials = Credentials.model_validate(raw)
    except ValidationError as error:
        faults = [Wrong(p["field"], say(_EMPTY if not raw.get(p["field"]) else _TOO_LONG)) for p in problems_of(error)]
    if not {"address", "username"} & {fault.at for fault in faults}:
        try:
            if read_entered(address, username).username is None:
                faults.insert(0, Wrong("username", say(NO_USERNAME)))
        except DiscoveryFailed as failed:
            faults.insert(0, Wrong(field_of(failed), failed.said(say)))
    return Sent(None if faults else credentials, filled, tuple(faults))
