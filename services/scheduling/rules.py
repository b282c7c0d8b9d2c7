"""Who may come, as the organiser writes it: seats, windows, kinds of attendees, members, other registrations, questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, validate_email

from services.scheduling.fields import Line, Moment, Part, Title, Url, distinct
from shared.contracts.base import Identifier
from shared.contracts.scheduling import Overlaps, RequirementPolicy

Seats = Annotated[int, Field(ge=0, le=1_000_000)]

MAX_DOMAINS = 1000


def _domain(value: str) -> str:
    """A domain in the form in which addresses are kept: lower case, and its letters instead of xn-- (RFC 5891)."""
    name, at, after = value.rpartition("@")
    if at:
        example = after or "example.org"
        lists = "; people are named by a list of members, in registration" if name else ""
        raise ValueError(
            f"write the domain alone, without what is before it and without @, for example {example}{lists}"
        )
    if value.startswith("*."):
        raise ValueError(f"write the domain itself, without *, for example {value[2:] or 'example.org'}")
    try:
        return validate_email(f"x@{value}")[1].removeprefix("x@").lower()
    except ValueError as error:
        raise ValueError("not a domain; write what stands after the @ in addresses, for example example.org") from error


Domain = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_domain)]


def none_of_nothing(value: Any) -> Any:
    """A part of which nothing is written is not there: a form that was emptied leaves such."""
    if isinstance(value, Mapping) and all(item is None or item == [] for item in value.values()):
        return None
    return value


class Kind(Part):
    """A kind of attendee, with a number of seats set aside where `quota` is given."""

    id: Identifier
    name: Title
    quota: Seats | None = None


class Needed(Part):
    """A registration with another organisation that is needed as well, and the code that it asks for.

    `hold_days`: how long a seat is held for it, and `remind_days` how long before the end of that people are reminded;
    both are for the policy `hold`.
    """

    id: Identifier
    name: Title
    url: Url | None = None
    code: Line | None = None
    policy: RequirementPolicy = RequirementPolicy.TOLD
    hold_days: Annotated[int, Field(ge=1, le=365)] = 7
    remind_days: Annotated[int, Field(ge=0, le=60)] = 2


class Members(Part):
    """Who is a member: whoever has an address in one of the `domains`, is on one of the `lists` that registration was
    given, or has the `requirement` granted."""

    domains: Annotated[list[Domain], Field(max_length=MAX_DOMAINS), AfterValidator(distinct)] = []
    lists: Annotated[list[Identifier], Field(max_length=100), AfterValidator(distinct)] = []
    requirement: Identifier | None = None


class Asked(Part):
    """A question at registration (kind: text, choice, yes-no, consent)."""

    id: Identifier
    label: Title
    kind: Annotated[str, Field(pattern=r"^(text|choice|yes-no|consent)$")] = "text"
    choices: list[Title] = []
    required: bool = False


class Rules(Part):
    """How seats are given. `opens` and `closes` are local times in the zone of the event (or session);
    `closes` is the first moment too late. No `capacity`: as many as come.

    `code_needed`: by invitation; `approval`: an organiser decides on each request. Freed seats are offered to the first
    in line for `offer_hours` (none: they are given at once), until `cutoff_hours` before the start.
    """

    open: bool = True
    capacity: Seats | None = None
    opens: Moment | None = None
    closes: Moment | None = None
    waiting_list: bool = True
    code_needed: bool = False
    approval: bool = False
    members_only: bool = False
    offer_hours: Annotated[int, Field(ge=1, le=720)] | None = None
    cutoff_hours: Annotated[int, Field(ge=0, le=720)] | None = None


class SessionRules(Rules):
    """Rules of a session that people choose. `quotas`: seats set aside, by the id of a kind of attendee of the event."""

    quotas: dict[Identifier, Seats] = {}


class Reconfirming(Part):
    """Everybody with a seat is asked `ask_days` before the first day whether they still come, and has `answer_days` to
    answer; who does not, gives the seat up."""

    ask_days: Annotated[int, Field(ge=1, le=90)]
    answer_days: Annotated[int, Field(ge=1, le=60)]


class EventRules(Rules):
    """Rules of the event as a whole. `max_sessions`: how many one person may choose; `overlaps`: whether they may overlap;
    `transfers`: whether a seat may be given to a named colleague; `calendar_answers`: whether whoever removes a session
    from a connected calendar, or declines it there or in the mailed invitation, gives the seat up."""

    max_sessions: Annotated[int, Field(ge=1, le=200)] | None = None
    overlaps: Overlaps = Overlaps.ALLOW
    reconfirmation: Annotated[Reconfirming | None, BeforeValidator(none_of_nothing)] = None
    transfers: bool = True
    calendar_answers: bool = False
