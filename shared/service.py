"""What a service is made of, and what it is given: the wiring's vocabulary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from shared.clock import Clock, Ids
from shared.config import Settings
from shared.links import Links
from shared.messaging.port import Subscription, Transport
from shared.storage.mongo import Database


@dataclass(frozen=True)
class Resources:
    """What a process gives to a service when it builds it. `holder` names the process, for leases."""

    settings: Settings
    database: Database
    transport: Transport
    clock: Clock
    ids: Ids
    links: Links
    holder: str
    wake_relay: Callable[[], None]
    """Call it after a commit that left facts in the outbox: they are told at once and not at the next poll."""


@dataclass(frozen=True)
class Service:
    """A service as built: what the process serves, consumes, runs, checks and, at the end, closes."""

    name: str
    routes: Sequence[web.AbstractRouteDef] = ()
    subscriptions: Sequence[Subscription] = ()
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    templates: Path | None = None
    """The folder of the service's page templates, found by them as `<service name>/<file>`."""
    close: Callable[[], Awaitable[None]] | None = None


Build = Callable[[Resources], Awaitable[Service]]
"""Each service's `service.py` has `async def build(resources) -> Service`."""
