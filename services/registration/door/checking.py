"""One scan: whose ticket it is, what the desk says to it, and what the helper is shown."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from services.registration.asking import Caller, Requests, Who
from services.registration.commands import CheckIn, UndoCheckIn
from services.registration.door.scans import Scan, Scanned, ScanOutcome, Shown
from services.registration.door.tickets import is_ticket_of, parts_of
from services.registration.door.wording import (
    held_sessions,
    kind_in_words,
    missing_in_words,
    outcome_in_words,
    state_in_words,
)
from services.registration.readings import Readings
from services.registration.registrations import Held, Registration
from shared.clock import Clock
from shared.contracts.registration import SeatState
from shared.contracts.scheduling import EventState, SessionState
from shared.links import Links
from shared.web.i18n import translations
from shared.web.problems import Problem

_OUTCOMES = {
    "already-checked-in": ScanOutcome.ALREADY,
    "cancelled": ScanOutcome.CANCELLED,
    "waits": ScanOutcome.WAITS,
    "pending": ScanOutcome.PENDING,
    "not-chosen": ScanOutcome.NOT_CHOSEN,
}
"""By the code of the desk's reason."""


class Checking:
    """Checks people in at the doors of events."""

    def __init__(self, requests: Requests, store: Readings, links: Links, clock: Clock) -> None:
        self._requests, self._store, self._links, self._clock = requests, store, links, clock

    async def holder(self, ticket: str) -> Registration | None:
        """Whose ticket it is now; None for one that is not valid."""
        parts = parts_of(ticket)
        registration = await self._store.registration(parts[0]) if parts else None
        if parts is None or registration is None or not is_ticket_of(registration, parts[1], self._links):
            return None
        return registration

    async def shown(self, event: EventState, holder: Registration, language: str, since: datetime | None) -> Shown:
        """Whose ticket it is and how it stands, before anything is done with it. `since`: when they were checked in."""
        gettext = translations(language).gettext
        message = state_in_words(holder.state, gettext)
        if since is not None:
            message = outcome_in_words(ScanOutcome.ALREADY, since, self._clock(), event.zone, language, gettext)
        pending = holder.state is SeatState.PENDING
        sessions = await self._store.sessions(event.id)
        return Shown(
            message=message,
            name=holder.person.name,
            kind=kind_in_words(holder, event, language),
            sessions=held_sessions(holder, sessions, language, event.languages[0], gettext),
            missing=missing_in_words(holder, holder, event, language, gettext) if pending else [],
        )

    async def scanned(self, event: EventState, scans: Sequence[Scan], who: Who, language: str) -> list[Scanned]:
        """What became of each of `scans` at the event's door, in their order. Raises Problem 503: send all again."""
        sessions = await self._store.sessions(event.id)
        holders = await asyncio.gather(*(self._whose(scan) for scan in scans))
        by_person: dict[str, list[int]] = defaultdict(list)
        for index, holder in enumerate(holders):
            by_person[holder.id if holder is not None else f"@{index}"].append(index)
        answers: dict[int, Scanned] = {}

        async def of_one(indexes: list[int]) -> None:
            for index in indexes:  # one after the other: checked in and undone is not undone and checked in
                answers[index] = await self._scanned(event, sessions, scans[index], holders[index], who, language)

        await asyncio.gather(*(of_one(indexes) for indexes in by_person.values()))
        return [answers[index] for index in range(len(scans))]

    async def _whose(self, scan: Scan) -> Registration | None:
        if scan.ticket is not None:
            return await self.holder(scan.ticket)
        found = await self._store.registration(scan.registration_id or "")
        return None if found is None or found.erased else found

    async def _scanned(
        self,
        event: EventState,
        sessions: list[SessionState],
        scan: Scan,
        holder: Registration | None,
        who: Who,
        language: str,
    ) -> Scanned:
        gettext = translations(language).gettext
        if holder is None or holder.event_id != event.id:
            # Of another event's people, a door learns no more than that: by id, not even that they are.
            other = holder is not None and scan.ticket is not None
            outcome = ScanOutcome.OTHER_EVENT if other else ScanOutcome.UNKNOWN
            message = outcome_in_words(outcome, None, self._clock(), event.zone, language, gettext)
            return Scanned(id=str(scan.id), outcome=outcome, message=message)
        outcome = await self._asked(scan, holder, who)
        registration = await self._store.registration(holder.id) or holder
        item: Registration | Held = registration
        if scan.session_id is not None:
            item = registration.choice(scan.session_id) or registration
        since: datetime | None = item.attended_at
        if outcome is ScanOutcome.CHECKED_IN and since is None:
            outcome = ScanOutcome.UNDONE  # the first answer's check-in was undone since
        pending = outcome is ScanOutcome.PENDING
        at_fault = item if registration.state in (SeatState.CONFIRMED, SeatState.ATTENDED) else registration
        return Scanned(
            id=str(scan.id),
            outcome=outcome,
            message=outcome_in_words(outcome, since, self._clock(), event.zone, language, gettext),
            name=registration.person.name,
            kind=kind_in_words(registration, event, language),
            sessions=held_sessions(registration, sessions, language, event.languages[0], gettext),
            since=since,
            missing=missing_in_words(registration, at_fault, event, language, gettext) if pending else [],
        )

    async def _asked(self, scan: Scan, holder: Registration, who: Who) -> ScanOutcome:
        """The desk's answer. The scan's id makes the command's, so that it is decided once however often it is sent."""
        caller = Caller(who, f"scan {scan.id}", waits=True)
        try:
            if scan.undo:
                await self._requests.decide(UndoCheckIn, holder, caller, session_id=scan.session_id)
                return ScanOutcome.UNDONE
            await self._requests.decide(CheckIn, holder, caller, at=scan.at, session_id=scan.session_id)
        except Problem as problem:
            if problem.status not in (404, 409, 422):
                raise
            code = problem.errors[0]["code"] if problem.errors else problem.code
            return _OUTCOMES.get(code, ScanOutcome.REFUSED)
        return ScanOutcome.CHECKED_IN
