"""How somebody stands to a session in whose calendar it is to be seen without a seat: the words for it. Pure."""

from __future__ import annotations

from enum import StrEnum

from services.calendar_sync.domain import Seats, is_waiting
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import SessionState


class Tentative(StrEnum):
    """Why an entry is tentative."""

    WAITING = "waiting"
    """In line for a seat."""
    OFFERED = "offered"
    """A seat is offered, and not accepted yet."""
    PENDING = "pending"
    """Something else has to come first."""


def tentative(seats: Seats, session: SessionState) -> Tentative | None:
    """How a session stands that the person waits for, in it or at the event; None where there is nothing to wait for."""
    if not is_waiting(seats, session):
        return None
    states = (seats.state, seats.choices.get(session.id))
    if SeatState.WAITLISTED in states:
        return Tentative.WAITING
    return Tentative.OFFERED if SeatState.OFFERED in states else Tentative.PENDING


def N_(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


SUMMARY = {
    Tentative.WAITING: N_("{title} (waiting list)"),
    Tentative.OFFERED: N_("{title} (offered to you)"),
    Tentative.PENDING: N_("{title} (not confirmed yet)"),
}
"""The summary of a tentative entry, in English."""
