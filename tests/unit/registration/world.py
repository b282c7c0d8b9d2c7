"""A desk with dictionaries for its store, for tests of one rule after the other: what is decided stands for the next decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.registration.codes import Code
from services.registration.commands import Answer, Command, Register, ReviseEvent, ReviseSession, Tick
from services.registration.decisions.log import Entry
from services.registration.domain import Decision, Snapshot, Waiting, decide
from services.registration.registrations import Held, Registration
from services.registration.requirements import Grant
from services.registration.seats import Seats
from shared.contracts.registration import Outcome, RegistrationReminded, SeatState
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop

W1, W2, W3 = (f"milipol-2019-workshop-{n}" for n in (1, 2, 3))
FAIR = {"id": "fair", "name": {"en": "Fair"}, "hold_days": 7, "remind_days": 2}


class World:
    """The Milipol workshops. `admission` are the event's rules, `each` those of every workshop, `event` other fields."""

    def __init__(
        self,
        capacity: int | None = 2,
        *,
        policy: str = "told",
        admission: Mapping[str, Any] | None = None,
        each: Mapping[str, Any] | None = None,
        on_lists: frozenset[str] = frozenset(),
        **event: Any,
    ) -> None:
        self.seats = Seats("milipol-2019")
        self.registrations: dict[str, Registration] = {}
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self.codes: dict[str, Code] = {}
        self.grants: dict[tuple[str, str], Grant] = {}
        self.on_lists = on_lists
        self.now = BEFORE_CLOSE
        self.number = 0
        self.log: list[Entry] = []
        self.reminded: list[RegistrationReminded] = []
        requirements = [{**FAIR, "policy": policy}]
        self.event = {"requirements": requirements, **event}
        self.do(ReviseEvent(id="e", event=milipol(admission=dict(admission or {}), **self.event)))
        for n in (1, 2, 3):
            self.do(ReviseSession(id=f"s{n}", session=workshop(n, capacity=capacity, admission=dict(each or {}))))

    def do(self, *commands: Command) -> Decision:
        """Decides and keeps what follows."""
        lines: dict[str, list[Waiting]] = {}
        for (line, _), waiting in sorted(self.waiting.items()):
            if not waiting.left:
                lines.setdefault(line, []).append(waiting)
        before = Snapshot(
            self.seats, self.registrations, {}, lines, codes=self.codes, grants=self.grants, members=self.on_lists
        )
        decision = decide(before, commands, self.now)
        self.seats = decision.seats
        self.registrations |= decision.registrations
        self.waiting |= {(w.line, w.place): w for w in decision.waiting}
        self.codes |= decision.codes
        self.grants |= decision.grants
        self.log += decision.log
        self.reminded += decision.reminders
        return decision

    def ask(self, command: Command) -> Answer:
        """The answer to one command."""
        return self.do(command).answers[0]

    def reasons(self, command: Command) -> list[tuple[str, str]]:
        """Code and field of each reason why `command` is refused."""
        answer = self.ask(command)
        assert answer.outcome is Outcome.REJECTED
        return [(reason.code, reason.field) for reason in answer.reasons]

    def register(self, name: str, *sessions: str, **changes: Any) -> Register:
        """The command by which `name` (registration r-<name>) asks for `sessions`."""
        details = {key: changes.pop(key) for key in ("email", "audience") if key in changes}
        return Register(
            id=self.id(),
            registration_id=f"r-{name}",
            person=person(name, **details),
            sessions=sessions or (W1,),
            **changes,
        )

    def come(self, name: str, *sessions: str, **changes: Any) -> Registration:
        """Registers `name`; how the registration stands."""
        answer = self.ask(self.register(name, *sessions, **changes))
        assert answer.outcome is Outcome.ACCEPTED, answer.reasons
        return self.of(name)

    def wait(self, **time: float) -> None:
        """Time passes, and the clock asks for whatever is due."""
        self.now += timedelta(**time)
        self.do(Tick(id=self.id(), registrations=tuple(self.registrations), codes=tuple(self.codes)))

    def until(self, moment: datetime) -> None:
        """The clock asks for whatever is due at `moment`."""
        self.wait(seconds=(moment - self.now).total_seconds())

    def id(self) -> str:
        self.number += 1
        return f"c{self.number}"

    def of(self, name: str) -> Registration:
        return self.registrations[f"r-{name}"]

    def state(self, name: str) -> SeatState:
        return self.of(name).state

    def choice(self, name: str, session_id: str = W1) -> Held:
        held = self.of(name).choice(session_id)
        assert held is not None
        return held
