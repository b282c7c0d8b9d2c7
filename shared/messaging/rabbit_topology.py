"""What Lectern declares on RabbitMQ: exchanges, queues, and the headers a message gets on its way through retry and parking.

    lectern.events, lectern.intake   topic exchanges, bound to one quorum queue per consuming service
    lectern.dead                     topic exchange of the dead letters -> quorum queue lectern.dead-letters
    lectern.retry                    topic exchange of the retry ladder; key `<rung>.<queue>` -> quorum queue lectern.retry.<rung>
    lectern.return                   where a rung's messages go when their time is over; key as above -> the queue they came from

Only the queue type is an argument, because a queue's arguments cannot be changed later. Everything else (limits,
dead-lettering, times) is a policy in deploy/rabbitmq.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractMessage, AbstractQueue
from pamqp.common import FieldTable

from shared.contracts.registry import EVENTS, INTAKE
from shared.messaging.port import EXCHANGE_HEADER, Binding, DeadLetter, Delivery

DEAD = "lectern.dead"
DEAD_LETTERS = "lectern.dead-letters"
RETRY = "lectern.retry"
RETURN = "lectern.return"
PUBLIC_EXCHANGES = frozenset({EVENTS, INTAKE})

RUNGS: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 60)
"""Seconds each rung of the ladder holds a message at most: `message-ttl` of the policies lectern-retry-1 to -7."""

ATTEMPT = "x-lectern-attempt"
REASON = "x-lectern-reason"
QUEUE = "x-lectern-queue"
ATTEMPTS = "x-lectern-attempts"
ROUTING_KEY = "x-lectern-routing-key"
USER_ID = "x-lectern-user-id"
PARKED_AT = "x-lectern-parked-at"
LONGEST_REASON = 1000
OURS = "x-lectern-"
COUNTED = ("x-death", "x-first-death", "x-last-death", "x-delivery-count", "x-acquired-count")

PREFIX = "lectern."
"""Every queue's name begins with it: the policies find the queues by it."""


def rung_queue(rung: int) -> str:
    """The queue of a rung, counted from 1."""
    return f"{RETRY}.{rung}"


async def declare_exchanges(channel: AbstractChannel) -> None:
    """The exchanges and the dead letters' queue."""
    for name in (EVENTS, INTAKE, DEAD, RETRY, RETURN):
        await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)
    await (await quorum_queue(channel, DEAD_LETTERS)).bind(DEAD, "#")


async def declare_ladder(channel: AbstractChannel) -> None:
    """The rungs of the retry ladder."""
    for rung in range(1, len(RUNGS) + 1):
        await (await quorum_queue(channel, rung_queue(rung))).bind(RETRY, f"{rung}.#")


async def declare_queue(channel: AbstractChannel, name: str, bindings: Iterable[Binding]) -> AbstractQueue:
    """A service's queue with its bindings; what a rung held for it returns to it alone."""
    queue = await quorum_queue(channel, name)
    for binding in bindings:
        await queue.bind(binding.exchange, binding.pattern)
    await queue.bind(RETURN, f"*.{name}")
    return queue


async def quorum_queue(channel: AbstractChannel, name: str) -> AbstractQueue:
    """A durable, replicated queue."""
    return await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})


def version(connection: AbstractConnection) -> tuple[int, int]:
    """Major and minor version of the broker at the other end."""
    properties: Mapping[str, object] = {}
    if connection.transport is not None:
        properties = connection.transport.connection.server_properties or {}
    parts = str(properties.get("version", "0.0")).split(".")
    return int(parts[0]), int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def delivery_of(message: AbstractIncomingMessage, queue: str, attempt: int, user: str | None) -> Delivery:
    """The message as its publisher sent it, also when it took the way over the ladder.

    The headers that tell its origin are believed only where the ladder returned it and the broker vouches that this
    service put it there: otherwise any publisher could claim to be somebody else.
    """
    headers = {key: str(value) for key, value in _foreign(message).items()}
    if came_by_ladder(message, user):
        origin = message.headers
        return Delivery(
            queue=queue,
            routing_key=str(origin.get(ROUTING_KEY, "")),
            body=message.body,
            attempt=attempt,
            user_id=_text(origin.get(USER_ID)),
            exchange=str(origin.get(EXCHANGE_HEADER, "")),
            headers=headers,
        )
    return Delivery(
        queue=queue,
        routing_key=message.routing_key or "",
        body=message.body,
        attempt=attempt,
        user_id=message.user_id,
        exchange=message.exchange or "",
        headers=headers,
    )


def came_by_ladder(message: AbstractIncomingMessage, user: str | None) -> bool:
    """Whether this service itself put the message on the ladder."""
    return message.exchange == RETURN and (user is None or message.user_id == user)


def again_later(message: AbstractMessage, delivery: Delivery, delay: float, user: str | None) -> Message:
    """The message for the ladder: comes back after `delay` seconds as the next attempt."""
    headers: FieldTable = {**_foreign(message), **_origin(delivery), ATTEMPT: delivery.attempt + 1}
    return _copy(message, headers, user, expiration=delay)


def dead_letter(
    message: AbstractMessage, delivery: Delivery, reason: str, now: datetime, user: str | None, identity: str
) -> Message:
    """The message for the dead letters, with all that is needed to understand it and to send it again."""
    headers: FieldTable = {
        **_foreign(message),
        **_origin(delivery),
        REASON: reason[:LONGEST_REASON],
        ATTEMPTS: delivery.attempt,
        PARKED_AT: now.isoformat(),
    }
    return _copy(message, headers, user, identity=identity)


def parked(message: AbstractIncomingMessage) -> DeadLetter:
    """A message of the dead letters' queue, also where the broker itself parked it (its delivery limit)."""
    headers = message.headers
    deaths = headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    reason = _text(headers.get(REASON))
    if reason is None:
        cause = _text(death.get("reason")) or "unknown"
        reason = f"parked by the broker: {cause}" + (
            "; it was handed out too often without an answer, perhaps it ends the process that handles it"
            if cause == "delivery_limit"
            else ""
        )
    when = death.get("time")
    attempts = headers.get(ATTEMPTS, death.get("count", 0))
    return DeadLetter(
        id=message.message_id or "",
        queue=_text(headers.get(QUEUE)) or _text(death.get("queue")) or "",
        routing_key=_text(headers.get(ROUTING_KEY)) or message.routing_key or "",
        body=message.body,
        reason=reason,
        attempts=int(attempts) if isinstance(attempts, int) else 0,
        parked_at=_text(headers.get(PARKED_AT)) or (when.isoformat() if isinstance(when, datetime) else ""),
        headers={key: str(value) for key, value in headers.items() if not key.startswith(COUNTED)},
    )


def _copy(
    message: AbstractMessage,
    headers: FieldTable,
    user: str | None,
    *,
    expiration: float | None = None,
    identity: str | None = None,
) -> Message:
    return Message(
        message.body,
        headers=headers,
        content_type=message.content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
        type=message.type,
        app_id=message.app_id,
        message_id=identity,
        user_id=user,
        expiration=expiration,
    )


def _foreign(message: AbstractMessage) -> FieldTable:
    """Headers to take along: the publisher's, without ours and without what the broker counts."""
    return {key: value for key, value in message.headers.items() if not key.startswith((OURS, *COUNTED))}


def _origin(delivery: Delivery) -> FieldTable:
    origin: FieldTable = {
        QUEUE: delivery.queue,
        EXCHANGE_HEADER: delivery.exchange,
        ROUTING_KEY: delivery.routing_key,
    }
    if delivery.user_id is not None:
        origin[USER_ID] = delivery.user_id
    return origin


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return None if value is None else str(value)
