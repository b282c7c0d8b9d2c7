"""What the desk's list of attendees is narrowed to, from the address and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from services.registration.operations.narrowing import Narrowed
from services.registration.organiser.words import Reader
from shared.contracts.registration import Cause, RequirementState, SeatState
from shared.storage.mongo import Document

MOST_TEXT = 200
"""How long a text to search for may be, in characters."""


@dataclass(frozen=True)
class Filter(Narrowed):
    """As lists of the API, but that with no session a cause is looked for at the event and in every session."""

    state_of_cause: SeatState | None = None
    """With `cause`: only where it is the cause of this state."""

    @property
    def narrows(self) -> bool:
        """Whether anybody is left out."""
        return any(getattr(self, each.name) is not None for each in fields(self))

    def query(self) -> Document:
        if self.cause is None or self.session_id is not None:
            return super().query()
        found: Document = {"cause": self.cause.value}
        if self.state_of_cause is not None:
            found["state"] = self.state_of_cause.value
        others = replace(self, cause=None).query()
        return {"$and": [others, {"$or": [found, {"choices": {"$elemMatch": found}}]}]}


def filter_in(given: Mapping[str, str], reader: Reader) -> Filter:
    """The filter of an address' parameters; what is not one of the choices narrows nothing."""
    text = given.get("q", "").strip()[:MOST_TEXT]
    state, session, kind, cause = (given.get(name, "") for name in ("state", "session", "kind", "cause"))
    id_, _, standing = given.get("requirement", "").partition(":")
    asks = any(needed.id == id_ for needed in reader.event.requirements) and standing in reader.requirement_states
    return Filter(
        text or None,
        SeatState(state) if state in reader.states else None,
        session if session in reader.session else None,
        requirement=id_ if asks else None,
        requirement_state=RequirementState(standing) if asks else None,
        audience=kind if any(each.id == kind for each in reader.event.audiences) else None,
        cause=Cause(cause) if cause in reader.causes else None,
    )


def said_of(filter_: Filter) -> dict[str, str]:
    """The parameters that make the filter again."""
    said = {
        "q": filter_.text,
        "state": filter_.state,
        "session": filter_.session_id,
        "kind": filter_.audience,
        "requirement": f"{filter_.requirement}:{filter_.requirement_state}" if filter_.requirement else None,
        "cause": filter_.cause,
    }
    return {name: str(value) for name, value in said.items() if value is not None}
