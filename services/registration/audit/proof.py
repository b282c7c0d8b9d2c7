"""The audit of one event: it is told what is stored and the log, and makes the report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.registration.audit.findings import Findings, Report
from services.registration.audit.replay import Replay
from services.registration.audit.standing import Stored
from services.registration.codes import Code
from services.registration.decisions.fold import Waiting
from services.registration.decisions.log import Entry
from services.registration.registrations import Registration
from services.registration.seats import Seats

Commit = tuple[int, Sequence[Entry]]
"""The version of the ledger that a commit made, and what the log says of it."""


class Audit:
    """Told part by part, so that only what is needed of each stays in memory: first all that is stored, then the log."""

    def __init__(self, seats: Seats, version: int) -> None:
        self._seats, self._version = seats, version
        self._findings = Findings()
        self._stored = Stored(seats, self._findings)
        self._replay = Replay(self._stored, self._findings, version)

    def registrations(self, registrations: Iterable[Registration]) -> None:
        """Some of the registrations, in any order."""
        for registration in registrations:
            self._stored.registration(registration)

    def waiting(self, rows: Iterable[Waiting]) -> None:
        """Some of the places in line, left or not, in any order."""
        for row in rows:
            self._stored.waiting(row)

    def codes(self, codes: Iterable[Code]) -> None:
        """Some of the invitation codes, in any order."""
        for code in codes:
            self._stored.code(code)

    def log(self, commits: Iterable[Commit]) -> None:
        """The next commits of the log in order, once all places are told."""
        for version, entries in commits:
            self._replay.commit(version, entries)

    def report(self) -> Report:
        """What was found, once all is told."""
        self._stored.check()
        self._replay.end()
        found = self._findings
        checked = {name: found.checked[name] for name in CHECKED}
        return Report(self._seats.event_id, self._version, checked, tuple(found.differences), found.left_out)


CHECKED = (
    "lines",
    "registrations",
    "seats",
    "waiting",
    "places",
    "codes",
    "commits",
    "effects",
    "promotions",
    "not_judged",
)
"""What a report counts. `not_judged`: seats taken while others waited and given up since, of which it is not known any
more whether they were reserved for a code or of which kind they were."""


def audit(
    seats: Seats,
    registrations: Iterable[Registration],
    waiting: Iterable[Waiting],
    codes: Iterable[Code],
    log: Iterable[Commit],
    version: int,
) -> Report:
    """The audit of an event whose ledger is at `version`; the log in order of versions."""
    one = Audit(seats, version)
    one.registrations(registrations)
    one.waiting(waiting)
    one.codes(codes)
    one.log(log)
    return one.report()
