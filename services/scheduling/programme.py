"""The agenda as a reader sees it: sessions by day and block, and the seats that are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from shared.contracts.base import Text
from shared.contracts.registration import SeatsState
from shared.contracts.scheduling import EventState, SessionState, Status


@dataclass(frozen=True)
class Section:
    """Sessions that stand together: of one day and, where there are blocks, of one block. `title` empty: no block."""

    day: date
    first_of_day: bool
    title: Text
    sessions: tuple[SessionState, ...]


@dataclass(frozen=True)
class SeatsLeft:
    """How many seats are left, and how many people wait for one."""

    left: int
    waiting: int
    waiting_list: bool


def sections(event: EventState, sessions: Sequence[SessionState]) -> list[Section]:
    """The sessions, which come in the order of time, by day and block."""
    titles = {block.id: block.title for block in event.blocks}
    result: list[Section] = []
    for (day, block), group in groupby(sessions, key=lambda session: (session.date, session.block)):
        first = not result or result[-1].day != day
        result.append(Section(day, first, titles.get(block, {}) if block is not None else {}, tuple(group)))
    return result


def event_seats(event: EventState, seats: SeatsState | None) -> SeatsLeft | None:
    """Seats left at the event as a whole; None where it has no limit or takes no registrations."""
    admission = event.admission
    if admission.capacity is None or not admission.open or event.status is Status.CANCELLED:
        return None
    confirmed, waiting = (seats.confirmed, seats.waiting) if seats is not None else (0, 0)
    return SeatsLeft(max(0, admission.capacity - confirmed), waiting, admission.waiting_list)


def session_seats(session: SessionState, seats: SeatsState | None) -> SeatsLeft | None:
    """Seats left in a session that people choose; None where nothing is chosen or there is no limit."""
    admission = session.admission
    if not session.by_choice or admission.capacity is None or not admission.open or session.status is Status.CANCELLED:
        return None
    told = next((item for item in seats.sessions if item.session_id == session.id), None) if seats is not None else None
    confirmed, waiting = (told.confirmed, told.waiting) if told is not None else (0, 0)
    return SeatsLeft(max(0, admission.capacity - confirmed), waiting, admission.waiting_list)
