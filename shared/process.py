"""A process: builds its services on shared resources, serves, consumes, and stops cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import structlog
from aiohttp import web
from structlog.contextvars import bound_contextvars

from shared.clock import Clock, Ids, Monotonic, new_id, utc_now
from shared.config import Settings
from shared.links import Links
from shared.messaging.local import LocalTransport
from shared.messaging.port import Retry, Transport
from shared.messaging.topology import QUEUES
from shared.observability.metrics import OUTBOX_DEPTH, OUTBOX_LAG, TASK_FAILURES
from shared.service import Build, Resources, Service
from shared.storage.inbox import INBOX
from shared.storage.lease import LEASES
from shared.storage.ledger import LEDGERS, OUTBOX
from shared.storage.mongo import Database, Mongo
from shared.storage.outbox import Relay
from shared.web.app import make_app

_log = structlog.get_logger()


class PortTaken(OSError):
    """The port is in use; the message says how to choose another."""


def make_transport(settings: Settings, name: str) -> Transport:
    """The transport that the broker's address asks for: amqp(s)://... or local:/path/of/file."""
    parts = urlsplit(settings.broker_url)
    retry = Retry(settings.retry_attempts, settings.retry_first, settings.retry_longest)
    if parts.scheme == "local":
        return LocalTransport(unquote(parts.path), retry=retry)
    from shared.messaging.rabbit import RabbitTransport

    return RabbitTransport(settings.broker_url, retry=retry, name=name)


@dataclass
class Process:
    """One or several services in one process, on one port. Start, then stop; both may be awaited in tests."""

    settings: Settings
    builds: Mapping[str, Build]
    port: int
    clock: Clock = utc_now
    ids: Ids = new_id
    transport: Transport | None = None
    monotonic: Monotonic = time.monotonic
    services: dict[str, Service] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    _mongo: Mongo | None = None
    _runner: web.AppRunner | None = None
    _stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the process listens, for example http://127.0.0.1:8080."""
        return f"http://{self.settings.host}:{self.port}"

    async def start(self) -> None:
        """Connects, builds, serves, consumes. Raises ConnectionError or PortTaken with a remedy; then nothing runs on."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        listener = _listen(self.settings.host, self.port)
        self.port = listener.getsockname()[1]
        holder = f"{socket.gethostname()}-{os.getpid()}-{new_id()[:8]}"
        self._mongo = Mongo(self.settings.mongodb_uri, self.settings.database_prefix)
        await self._mongo.connect()
        self.transport = self.transport or make_transport(self.settings, "+".join(self.builds))
        await self.transport.start()
        for queue, bindings in QUEUES.items():
            await self.transport.declare(queue, bindings)
        links = Links(self.settings.link_key.get_secret_value())
        relays: dict[str, Relay] = {}
        for name, build in self.builds.items():
            database = self._mongo.database(name.replace("-", "_"))
            await database.declare([LEDGERS, OUTBOX, INBOX, LEASES])
            relays[name] = Relay(database, self.transport, self.clock, holder)
            resources = Resources(
                self.settings, database, self.transport, self.clock, self.ids, links, holder, relays[name].wake
            )
            self.databases[name] = database
            self.services[name] = await build(resources)
        routes = [route for service in self.services.values() for route in service.routes]
        templates = {service.name: service.templates for service in self.services.values() if service.templates}
        checks = {"mongodb": self._check_mongodb, "broker": self._check_broker, "process": self._check_process}
        app = make_app(self.settings, routes, templates, checks, self.monotonic)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=1024).start()
        for name, relay in relays.items():
            self._keep(f"{name}:relay", relay.run)
            self._keep(f"{name}:outbox-metrics", _outbox_metrics(name, relay, self.clock))
        for name, service in self.services.items():
            for task, work in service.tasks.items():
                self._keep(f"{name}:{task}", work)
            for subscription in service.subscriptions:
                await self.transport.subscribe(subscription)
        _log.info("process_ready", services=list(self.services), port=self.port)

    async def stop(self) -> None:
        """Finishes what runs: messages first, then requests, then tasks; what is left stays in queue and outbox.

        While messages are finished the process still answers requests, but says on /ready that it is going.
        """
        self._stopping = True
        if self.transport is not None:
            await self.transport.stop_consuming()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for service in self.services.values():
            if service.close is not None:
                await service.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self.transport is not None:
            await self.transport.close()
        if self._mongo is not None:
            self._mongo.close()
            self._mongo = None
        _log.info("process_stopped", services=list(self.services))

    def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(_kept_running(name, work), name=name))

    async def _check_mongodb(self) -> None:
        for database in self.databases.values():
            await database.ping()

    async def _check_process(self) -> None:
        if self._stopping:
            raise ConnectionError("the process is stopping")

    async def _check_broker(self) -> None:
        if self.transport is None or not self.transport.healthy():
            raise ConnectionError("the broker is not connected")


async def run(process: Process) -> None:
    """Runs until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await process.start()
    # What was built at the start stays: the collector need not look at it again with every burst of requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    await stop.wait()
    await process.stop()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with LECTERN_PORT, for example LECTERN_PORT=8090."
        ) from error
    return listener


async def _kept_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Runs a background task for ever: when it fails, it is told and started again after a growing pause."""
    pause = 0.5
    with bound_contextvars(task=name):
        while True:
            try:
                await work()
                return
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001 - a task's fault is told and the task started again
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # it failed while it was ending: that ends it too
                    return
                TASK_FAILURES.labels(name).inc()
                _log.exception("task_failed", retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30.0)


def _outbox_metrics(name: str, relay: Relay, clock: Clock) -> Callable[[], Awaitable[None]]:
    async def watch() -> None:
        while True:
            OUTBOX_DEPTH.labels(name).set(await relay.depth())
            OUTBOX_LAG.labels(name).set((await relay.lag(clock())).total_seconds())
            await asyncio.sleep(5)

    return watch


@contextlib.asynccontextmanager
async def running(process: Process) -> AsyncIterator[Process]:
    """The process, started; stopped at the end of the block."""
    await process.start()
    try:
        yield process
    finally:
        await process.stop()
