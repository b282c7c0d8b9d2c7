"""When a session is: its local times in its zone, the instants derived from them, and the doubt about a printed zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from services.scheduling.agenda import AgendaSession, ZoneCheck
from services.scheduling.time_zones import (
    TwiceOnTheClock,
    ZoneDoubt,
    at_offset,
    in_words,
    printed_offset,
    to_local,
    to_utc,
    zone_doubt,
)


@dataclass(frozen=True)
class Slot:
    """Local times (no offset) and their instants in UTC; only `day` where the time is to be announced."""

    day: date
    starts_local: datetime | None = None
    ends_local: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class ImpossibleTime(ValueError):
    """A time that cannot be; `field` is the one to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def slot_of(session: AgendaSession, zone: str) -> Slot:
    """When `session` is, in `zone`. Raises ImpossibleTime: a gap, an hour that comes twice, an end before the start.

    An unanswered zone check is read as local here; `doubt_about` tells it, and publishing waits for the answer.
    """
    if session.starts is None:
        if session.ends is not None or session.ends_on is not None:
            raise ImpossibleTime("starts", "there is an end and no start; add starts, or leave out ends and ends_on")
        return Slot(session.date)
    starts_local, starts_at = _reading(
        session, "starts", datetime.combine(session.date, session.starts), zone, session.starts_hour
    )
    if session.ends is None:
        if session.ends_on is not None:
            raise ImpossibleTime("ends", "ends_on gives the day of the end; add ends, its time")
        return Slot(starts_local.date(), starts_local, None, starts_at, None)
    ends_local, ends_at = _reading(
        session, "ends", datetime.combine(session.ends_on or session.date, session.ends), zone, session.ends_hour
    )
    if ends_at <= starts_at:
        raise ImpossibleTime("ends", _ends_too_early(session, session.starts, session.ends))
    return Slot(starts_local.date(), starts_local, ends_local, starts_at, ends_at)


def doubt_about(session: AgendaSession, zone: str) -> ZoneDoubt | None:
    """The zone check's question, None where there is nothing to ask or it has been answered.

    A session over a change of the clocks may be in doubt for its end alone. `session` has a slot (`slot_of`).
    """
    if session.starts is None or session.printed_zone is None or session.zone_check is not None:
        return None
    starts = datetime.combine(session.date, session.starts)
    doubt = zone_doubt(starts, zone, session.printed_zone, session.starts_hour)
    if doubt is None and session.ends is not None:
        ends = datetime.combine(session.ends_on or session.date, session.ends)
        doubt = zone_doubt(ends, zone, session.printed_zone, session.ends_hour)
    return doubt


def _ends_too_early(session: AgendaSession, starts: time, ends: time) -> str:
    last = session.ends_on or session.date
    days = ("", "") if last == session.date else (f" on {in_words(session.date)}", f" on {in_words(last)}")
    message = f"the end ({ends:%H:%M}{days[1]}) is not after the start ({starts:%H:%M}{days[0]})"
    if (last, ends) > (session.date, starts):  # on the wall it is: one of the two was taken for the wrong hour
        return f"{message}: clocks are put back in between; correct starts_hour or ends_hour"
    return message if session.ends_on else f"{message}; if it goes over midnight, add ends_on with the next day"


def _reading(
    session: AgendaSession, field: str, local: datetime, zone: str, which: str | None
) -> tuple[datetime, datetime]:
    try:
        offset = printed_offset(session.printed_zone, zone, local) if session.printed_zone is not None else None
    except ValueError as error:
        raise ImpossibleTime("printed_zone", str(error)) from error
    printed_at = None
    try:
        if offset is not None:
            printed_at = at_offset(local, offset)
            if session.zone_check is ZoneCheck.PRINTED:
                return to_local(printed_at, zone), printed_at
        return local, to_utc(local, zone, which)
    except TwiceOnTheClock as error:
        if printed_at is not None and to_local(printed_at, zone) == local:
            return local, printed_at  # the abbreviation says which of the two it is
        raise ImpossibleTime(field, f"{error}: {field}_hour: first, or {field}_hour: second") from error
    except ValueError as error:
        asked = f"{field}_hour" if "comes once" in str(error) else field
        raise ImpossibleTime(asked, str(error)) from error
