"""The audit finds nothing, whatever is played; and it names whatever is tampered with."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import invariant

from services.registration.audit.findings import Report
from services.registration.audit.proof import Commit, audit
from services.registration.domain import Decision
from tests.unit.registration.machine import LONG, Registrations, session

W1, W2 = session(1), session(2)


class Audited(Registrations):
    """The machine, which keeps the log by commits and is audited after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.commits: list[Commit] = []

    def _commit(self, decision: Decision) -> None:
        super()._commit(decision)
        self.version += 1
        if decision.log:
            self.commits.append((self.version, decision.log))

    def audited(self) -> Report:
        return audit(
            self.seats,
            self.registrations.values(),
            self.waiting.values(),
            self.codes.values(),
            self.commits,
            self.version,
        )

    @invariant()
    def audit_is_clean(self) -> None:
        if getattr(self, "seats", None) is not None:
            assert not self.audited().differences


TestAudited = Audited.TestCase
TestAudited.settings = settings(
    max_examples=3000 if LONG else 200, stateful_step_count=60 if LONG else 30, deadline=None
)
