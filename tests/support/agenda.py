"""An agenda told to a registration service as scheduling would tell it."""

from __future__ import annotations

from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registry import EVENTS
from shared.contracts.scheduling import EVENT_REVISED, SESSION_REVISED, EventState, SessionState
from shared.facts import fact
from shared.messaging.port import Outgoing
from shared.process import Process
from shared.storage.mongo import Database
from tests.support.events import PUBLISHED
from tests.support.waiting import until


def agenda_facts(event: EventState, *sessions: SessionState) -> list[CloudEvent]:
    """The facts of the first publication."""
    told = [fact(SESSION_REVISED, f"sessions/{s.id}", s.revision, s, at=PUBLISHED) for s in sessions]
    return [fact(EVENT_REVISED, f"events/{event.id}", event.revision, event, at=PUBLISHED), *told]


async def taken_in(database: Database, sessions: int = 1) -> None:
    """Waits until registration, whose `database` it is, knows the event and so many sessions."""

    async def known() -> bool:
        events = await database["events"].count_documents({})
        return events > 0 and await database["sessions"].count_documents({}) >= sessions

    await until(known, 30, "the agenda is known")


async def tell_agenda(process: Process, event: EventState, *sessions: SessionState) -> None:
    """Publishes the agenda on the process' own transport and waits until registration has taken it in."""
    assert process.transport is not None
    await process.transport.publish([Outgoing(EVENTS, one) for one in agenda_facts(event, *sessions)])
    await taken_in(process.databases["registration"], len(sessions))
