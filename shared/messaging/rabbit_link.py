"""One AMQP connection that is made again whenever it breaks, and one error for all the ways in which it can break."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    AuthenticationError,
    DeliveryError,
    ProbableAuthenticationError,
)
from yarl import URL

HEARTBEAT = 10
"""Seconds (AMQP 0-9-1, 4.2.7): a stalled connection is given up after about three of them."""

CONNECT_TIMEOUT = 10.0
CALL_TIMEOUT = 15.0
SET_UP_TIMEOUT = 60.0
"""Seconds for one call, and for all that a new connection begins with."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to connect."""

T = TypeVar("T")

_log = structlog.get_logger()


class LinkDown(ConnectionError):
    """The connection or the channel ended under a call; whether the broker did what it was asked is not known."""


class UnsupportedBroker(ConnectionError):
    """The broker is too old; the message says which version is needed."""


async def call(work: Awaitable[T], timeout: float | None = CALL_TIMEOUT) -> T:
    """Awaits a call of the client library; raises LinkDown where its connection, its channel or its time ended.

    The broker's word on a message (DeliveryError: refused or returned) is no such end and passes through.
    """
    # The time limit is no luxury: a call that waits for room in the library's write queue waits for ever when the
    # connection's writer has ended meanwhile.
    try:
        async with asyncio.timeout(timeout):
            return await work
    except (DeliveryError, LinkDown, UnsupportedBroker):
        raise
    except asyncio.CancelledError as error:
        # aiormq cancels what waits on a closing channel; that is not somebody asking this task to end.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise LinkDown("the channel was closed") from error
    except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
        raise LinkDown(f"{type(error).__name__}: {error}") from error


class Link:
    """A connection by name; `on_up` runs on every new connection before anybody else uses it."""

    def __init__(
        self, url: str, name: str, on_up: Callable[[AbstractConnection], Awaitable[None]] | None = None
    ) -> None:
        address = URL(url)
        self._url = address if "heartbeat" in address.query else address.update_query(heartbeat=HEARTBEAT)
        self._name = name
        self._on_up = on_up
        self._connection: AbstractConnection | None = None
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self._connection is not None

    @property
    def current(self) -> AbstractConnection | None:
        """The connection, None while there is none."""
        return self._connection

    @property
    def user(self) -> str | None:
        """The user of the address; None where the address names nobody."""
        return self._url.user

    async def open(self) -> None:
        """Connects for the first time. Raises ConnectionError with a remedy."""
        where = self._url.with_user(None).with_query(None)
        try:
            await self._connect()
        except (AuthenticationError, ProbableAuthenticationError) as error:
            raise ConnectionError(
                f"RabbitMQ at {where} refuses the user {self._url.user or 'guest'}. "
                "Correct user and password in LECTERN_BROKER_URL; the user needs permissions on the virtual host."
            ) from error
        except UnsupportedBroker:
            raise
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            raise ConnectionError(
                f"RabbitMQ at {where} cannot be reached ({type(error).__name__}: {error}). "
                "Start it, or correct LECTERN_BROKER_URL."
            ) from error
        self._keeper = asyncio.create_task(self._keep(), name=f"rabbit-link:{self._name}")

    async def connection(self) -> AbstractConnection:
        """The connection, as soon as it stands. Raises LinkDown when it is closed for good meanwhile."""
        while True:
            await self._up.wait()
            if self._closed:
                raise LinkDown("the transport was closed")
            if self._connection is not None:
                return self._connection

    async def close(self) -> None:
        """Disconnects for good; who waits for the connection is told."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        connection, self._connection = self._connection, None
        self._up.set()
        if connection is not None:
            await _discard(connection)

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            pause = SHORTEST_PAUSE
            while True:
                # Jitter keeps all processes from knocking at the same moment after a broker's restart.
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
                try:
                    await call(self._connect(), CONNECT_TIMEOUT + SET_UP_TIMEOUT)
                    break
                except Exception as error:  # noqa: BLE001 - whatever it was, the link has to come back
                    pause = min(LONGEST_PAUSE, pause * 2)
                    _log.warning("broker_unreachable", link=self._name, error=type(error).__name__, retry_in=pause)

    async def _connect(self) -> None:
        connection = await aio_pika.connect(
            self._url,
            timeout=CONNECT_TIMEOUT,
            client_properties={"connection_name": self._name},
        )
        lost = asyncio.Event()

        def on_close(_: AbstractConnection | None, error: BaseException | None) -> None:
            lost.set()
            if self._connection is connection:
                self._connection = None
                self._up.clear()
                _log.warning("broker_lost", link=self._name, error=type(error).__name__)

        connection.close_callbacks.add(on_close)
        try:
            if self._on_up is not None:
                await call(self._on_up(connection), SET_UP_TIMEOUT)
            if lost.is_set():
                raise LinkDown("the connection ended while it was being set up")
        except BaseException:
            await _discard(connection)
            raise
        self._connection = connection
        self._lost = lost
        self._up.set()


async def _discard(connection: AbstractConnection) -> None:
    """Closes; a connection that is gone or stalled already counts as closed."""
    with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
        await asyncio.wait_for(connection.close(), 3)
