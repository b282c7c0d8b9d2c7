"""What the workers of all servers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.calendar_sync.accounts_store import AccountsStore
from services.calendar_sync.answering import Answering
from services.calendar_sync.clients import Clients
from services.calendar_sync.desired import Objects
from services.calendar_sync.pace import Pace
from services.calendar_sync.reading import Agendas
from services.calendar_sync.store import Store
from shared.clock import Clock, Ids


@dataclass(frozen=True)
class Tools:
    """What all workers share. `chance` gives numbers in [0, 1)."""

    store: Store
    accounts: AccountsStore
    agendas: Agendas
    objects: Objects
    clients: Clients
    answering: Answering
    clock: Clock
    ids: Ids
    chance: Callable[[], float]
    pace: Pace
