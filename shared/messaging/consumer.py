"""From a delivery to a handled message: decode, bind the correlation id, dispatch by type, one canonical log line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from structlog.contextvars import bound_contextvars

from shared.contracts.cloudevent import CloudEvent, InvalidMessage, decode
from shared.contracts.registry import check_type
from shared.messaging.port import Delivery, Handler, NotNow, Poison
from shared.observability.metrics import MESSAGE_SECONDS
from shared.storage.mongo import UNAVAILABLE

EventHandler = Callable[[CloudEvent, Delivery], Awaitable[None]]

_log = structlog.get_logger()


SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two looks whether what was away is back."""


async def _when_possible(handler: EventHandler, event: CloudEvent, delivery: Delivery) -> None:
    """Handles the message as soon as the database is there.

    An outage is no fault of a message: were it counted as failed attempts, an outage of some minutes would park
    everything in the queue. It is held, unacknowledged; when the process ends it returns to the queue.
    """
    pause = SHORTEST_PAUSE
    while True:
        try:
            await handler(event, delivery)
            return
        except (NotNow, *UNAVAILABLE) as error:
            _log.warning(
                "message_waits", type=event.type, message_id=event.id, error=type(error).__name__, retry_in=pause
            )
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


def dispatch(service: str, handlers: Mapping[str, EventHandler]) -> Handler:
    """A handler for a queue of `service`. Types without a handler of their own are acknowledged: they are not for us.

    A message that cannot be read is parked with the fields that are wrong; a type or version that nobody knows too.
    """

    async def handle(delivery: Delivery) -> None:
        started = time.perf_counter()
        kind, outcome = "unreadable", "parked"
        try:
            event = decode(delivery.body)
            check_type(event)
            kind = event.type
            with bound_contextvars(service=service, correlation_id=event.correlationid or event.id):
                handler = handlers.get(event.type)
                if handler is None:
                    outcome = "ignored"
                    return
                outcome = "failed"
                try:
                    await _when_possible(handler, event, delivery)
                except (InvalidMessage, Poison):
                    outcome = "parked"
                    raise
                outcome = "handled"
                _log.info(
                    "message_handled",
                    type=event.type,
                    message_id=event.id,
                    subject=event.subject,
                    attempt=delivery.attempt,
                    milliseconds=round((time.perf_counter() - started) * 1000, 1),
                )
        except InvalidMessage as error:
            raise Poison(str(error)) from error
        finally:
            MESSAGE_SECONDS.labels(service, kind, outcome).observe(time.perf_counter() - started)

    return handle
