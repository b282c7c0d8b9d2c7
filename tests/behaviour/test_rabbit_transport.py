"""The RabbitMQ transport: the common behaviour, and what is its own (identity of publishers, policies, a bad network)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aio_pika
import pytest
from aio_pika.exceptions import AMQPError
from pamqp.common import FieldTable
from yarl import URL

from shared.contracts.registry import INTAKE
from shared.messaging.port import Delivery, PublishError, Retry, Subscription
from shared.messaging.rabbit_link import HEARTBEAT
from tests.behaviour.rabbit_kit import RabbitAddress, raw_channel
from tests.behaviour.transport_kit import Collector, Topic, number_of, parked_of
from tests.behaviour.transport_suite import TransportSuite
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import until

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
async def broker(rabbit_url: str) -> AsyncIterator[RabbitAddress]:
    address = RabbitAddress(rabbit_url)
    yield address
    await address.close()


@pytest.fixture
async def proxy(rabbit_url: str) -> AsyncIterator[TcpProxy]:
    """A bad network in front of the broker."""
    url = URL(rabbit_url)
    async with TcpProxy(url.host or "127.0.0.1", url.port or 5672) as between:
        yield between


def through(proxy: TcpProxy, url: str) -> str:
    """The broker's address by way of the proxy."""
    return str(URL(url).with_host("127.0.0.1").with_port(proxy.port))


class TestRabbitTransport(TransportSuite):
    """Everything in TransportSuite, and:"""

    # Who sent it

    async def test_broker_vouches_for_the_publisher(self, broker: RabbitAddress) -> None:
        topic, collector = Topic(INTAKE), Collector()
        transport = await broker.connect()
        await transport.subscribe(topic.subscription(collector))
        await transport.publish([topic.message(1)])
        await until(collector.has([1]), what="the message")
        assert collector.deliveries[0].user_id == URL(broker.url).user

    async def test_publisher_cannot_claim_to_be_somebody_else(self, broker: RabbitAddress) -> None:
        topic, collector = Topic(INTAKE), Collector()
        await (await broker.connect()).subscribe(topic.subscription(collector))
        body = topic.message(1).event.encode()
        async with raw_channel(broker.url) as channel:
            exchange = await channel.get_exchange(INTAKE, ensure=False)
            with pytest.raises(AMQPError, match=r"(?i)user_id|precondition"):
                await exchange.publish(aio_pika.Message(body, user_id="the-university"), topic.type)
        headers: FieldTable = {
            "x-lectern-user-id": "the-university",
            "x-lectern-attempt": 3,
            "x-lectern-routing-key": "other",
        }
        async with raw_channel(broker.url) as channel:
            exchange = await channel.get_exchange(INTAKE, ensure=False)
            await exchange.publish(aio_pika.Message(body, headers=headers), topic.type)
        await until(collector.has([1]), what="the message without a vouched-for publisher")
        delivery = collector.deliveries[0]
        assert (delivery.user_id, delivery.attempt, delivery.routing_key) == (None, 1, topic.type)
        assert delivery.headers == {}

    async def test_publisher_is_known_at_every_attempt_and_in_the_dead_letter(self, broker: RabbitAddress) -> None:
        topic, users = Topic(INTAKE), list[str | None]()
        transport = await broker.connect(retry=Retry(attempts=2, first=0.1))

        async def fail(delivery: Delivery) -> None:
            users.append(delivery.user_id)
            raise TimeoutError

        await transport.subscribe(topic.subscription(fail))
        await transport.publish([topic.message(1)])

        async def is_parked() -> bool:
            return len(await parked_of(transport, topic)) == 1

        await until(is_parked, timeout=broker.patience, what="the dead letter")
        user = URL(broker.url).user
        assert users == [user, user]
        (letter,) = await parked_of(transport, topic)
        assert letter.headers["x-lectern-user-id"] == user
        assert letter.headers["x-lectern-exchange"] == INTAKE
        assert letter.routing_key == topic.type

    async def test_bytes_of_other_systems_arrive_as_they_are(self, broker: RabbitAddress, topic: Topic) -> None:
        # They may be no UTF-8, no JSON, no event: the consumer has to see them to say what is wrong.
        got: list[Delivery] = []

        async def keep(delivery: Delivery) -> None:
            got.append(delivery)

        await (await broker.connect()).subscribe(topic.subscription(keep))
        async with raw_channel(broker.url) as channel:
            exchange = await channel.get_exchange(topic.exchange, ensure=False)
            await exchange.publish(aio_pika.Message(b"\xff\xfe not json", headers={"trace": 1}), topic.type)
        await until(lambda: bool(got), what="the raw message")
        assert (got[0].body, got[0].headers) == (b"\xff\xfe not json", {"trace": "1"})

    # A bad network

    async def test_cut_connection_leaves_unconfirmed_messages_named_and_loses_none(
        self, broker: RabbitAddress, proxy: TcpProxy, topic: Topic
    ) -> None:
        collector = Collector()
        transport = await broker.connect(url=through(proxy, broker.url))
        await transport.subscribe(topic.subscription(collector))
        waiting = list(range(3000))
        unconfirmed = 0
        while waiting:
            window = waiting[:500]
            publishing = asyncio.create_task(transport.publish([topic.message(n) for n in window], timeout=20))
            if unconfirmed == 0 and len(collector.numbers) > 100:
                seen = len(collector.numbers)
                await until(lambda seen=seen: len(collector.numbers) > seen, what="messages on their way")  # type: ignore[misc]
                proxy.cut()
            try:
                await publishing
            except PublishError as error:
                assert {item.reason for item in error.undelivered} == {"unconfirmed"}  # noqa: PT017
                unconfirmed += len(error.undelivered)
                left = {window[item.index] for item in error.undelivered}
            else:
                left = set()
            waiting = [n for n in waiting if n not in set(window) or n in left]
        assert unconfirmed > 0, "the cut came while messages were on their way"
        await until(collector.has(range(3000)), timeout=30, what="every message, after the consumer came back")
        await until(transport.healthy, what="both connections")

    async def test_stalled_network_is_told_within_the_timeout_and_recovers(
        self, broker: RabbitAddress, proxy: TcpProxy, topic: Topic
    ) -> None:
        collector = Collector()
        transport = await broker.connect(url=through(proxy, broker.url))
        await transport.subscribe(topic.subscription(collector))
        proxy.stall()
        started = asyncio.get_running_loop().time()
        with pytest.raises(PublishError) as told:
            await transport.publish(topic.messages(300), timeout=1)
        assert asyncio.get_running_loop().time() - started < 3
        assert [item.reason for item in told.value.undelivered] == ["unconfirmed"] * 300
        proxy.resume()
        await transport.publish([topic.message(999)], timeout=3 * HEARTBEAT)
        await until(collector.has([999]), timeout=20, what="the message after the stall")

    async def test_handler_at_work_when_the_connection_breaks_is_not_interrupted(
        self, broker: RabbitAddress, proxy: TcpProxy, topic: Topic
    ) -> None:
        gate, at_work, finished = asyncio.Event(), asyncio.Event(), list[int]()

        async def handler(delivery: Delivery) -> None:
            at_work.set()
            await gate.wait()
            finished.append(number_of(delivery))

        transport = await broker.connect(url=through(proxy, broker.url))
        await transport.subscribe(topic.subscription(handler))
        await transport.publish([topic.message(1)])
        await at_work.wait()
        proxy.cut()
        await until(lambda: not transport.healthy(), what="the loss to be noticed")
        gate.set()
        await until(lambda: len(finished) >= 1, what="the handler's end")
        await until(lambda: len(finished) == 2, timeout=broker.patience, what="the unanswered message again")

    async def test_closing_while_the_broker_is_away_does_not_hang(
        self, broker: RabbitAddress, proxy: TcpProxy, topic: Topic
    ) -> None:
        transport = await broker.connect(url=through(proxy, broker.url))
        await transport.subscribe(topic.subscription(Collector()))
        proxy.refuse()
        await until(lambda: not transport.healthy(), what="the loss to be noticed")
        await asyncio.wait_for(transport.close(), 10)

    # Start and topology

    async def test_start_without_a_broker_says_what_to_do(self, broker: RabbitAddress, proxy: TcpProxy) -> None:
        proxy.refuse()
        with pytest.raises(ConnectionError, match="LECTERN_BROKER_URL"):
            await broker.connect(url=through(proxy, broker.url))

    async def test_wrong_password_is_told_without_showing_it(self, broker: RabbitAddress) -> None:
        with pytest.raises(ConnectionError, match="refuses the user") as told:
            await broker.connect(url=str(URL(broker.url).with_password("open-sesame")))
        assert "open-sesame" not in str(told.value)

    async def test_queue_that_no_policy_would_find_is_refused(self, broker: RabbitAddress) -> None:
        transport = await broker.connect()
        with pytest.raises(ValueError, match=r"begins with 'lectern\.'"):
            await transport.subscribe(Subscription("registration", (), Collector()))

    async def test_deleted_queue_is_declared_and_consumed_again(self, broker: RabbitAddress, topic: Topic) -> None:
        collector = Collector()
        transport = await broker.connect()
        await transport.subscribe(topic.subscription(collector))
        await transport.publish([topic.message(1)])
        await until(collector.has([1]), what="the first message")
        async with raw_channel(broker.url) as channel:
            await channel.queue_delete(topic.queue)

        async def is_taken() -> bool:
            try:
                await transport.publish([topic.message(2)])
            except PublishError:
                return False
            return True

        await until(is_taken, what="a queue that takes the message")
        await until(collector.has([2]), what="the message after the queue was made again")

    async def test_failed_messages_wait_in_the_broker(self, broker: RabbitAddress) -> None:
        transport = await broker.connect()
        assert transport.retries in ("broker", "ladder"), "the shipped policies are there, and the probe sees them"
