"""Delivery as every transport does it: routing, volume, at least once, and a word on what was not taken."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import signal
import sys
from collections import Counter

import pytest

from shared.contracts.cloudevent import CloudEvent, decode
from shared.contracts.registry import EVENTS, INTAKE
from shared.messaging.port import Binding, Delivery, Outgoing, PublishError, Subscription, Transport
from tests.behaviour.transport_kit import Broker, Collector, Topic, number_of
from tests.support.waiting import until


class DeliverySuite:
    """Part of TransportSuite."""

    # Routing and delivery

    async def test_message_reaches_each_queue_whose_pattern_fits_and_no_other(self, transport: Transport) -> None:
        name = secrets.token_hex(6)
        patterns = {
            "exact": f"lectern.{name}.session.v1",
            "one word": f"lectern.{name}.*.v1",
            "any words": f"lectern.{name}.#",
            "too short": f"lectern.{name}.*",
            "other": f"lectern.{name}.event.v1",
        }
        got: dict[str, Collector] = {}
        for what, pattern in patterns.items():
            got[what] = Collector()
            queue = f"lectern.test-{name}-{what.replace(' ', '-')}"
            await transport.subscribe(Subscription(queue, (Binding(EVENTS, pattern),), got[what]))
        wrong_exchange = Collector()
        bindings = (Binding(INTAKE, f"lectern.{name}.#"),)
        await transport.subscribe(Subscription(f"lectern.test-{name}-intake", bindings, wrong_exchange))

        def event(kind: str) -> Outgoing:
            message = Topic().message(0).event
            assert isinstance(message, CloudEvent)
            return Outgoing(EVENTS, message.model_copy(update={"type": f"lectern.{name}.{kind}.v1"}))

        # The second message marks the end: what did not get the first before it never will.
        await transport.publish([event("session")])
        await transport.publish([event("event")])
        await until(lambda: len(got["other"].numbers) == 1 and len(got["any words"].numbers) == 2, what="the marker")
        await until(lambda: len(got["one word"].numbers) == 2, what="the marker in the queue of one word")
        await until(lambda: len(got["exact"].numbers) == 1, what="the exact queue")
        assert [len(got[what].numbers) for what in patterns] == [1, 2, 2, 0, 1]
        assert wrong_exchange.numbers == []

    async def test_delivery_tells_body_type_and_exchange(self, transport: Transport, topic: Topic) -> None:
        collector = Collector()
        await transport.subscribe(topic.subscription(collector))
        message = topic.message(7, place="Zürich · 東京")
        await transport.publish([message])
        await until(collector.has([7]), what="the message")
        delivery = collector.deliveries[0]
        assert decode(delivery.body) == message.event
        assert (delivery.queue, delivery.routing_key, delivery.exchange, delivery.attempt) == (
            topic.queue, topic.type, EVENTS, 1,
        )  # fmt: skip

    async def test_declared_queue_keeps_messages_for_its_first_consumer(
        self, transport: Transport, topic: Topic
    ) -> None:
        await transport.declare(topic.queue, topic.bindings)
        await transport.publish(topic.messages(20))
        collector = Collector()
        await transport.subscribe(topic.subscription(collector))
        await until(collector.has(range(20)), what="the messages that were published before")

    async def test_two_consumers_of_a_queue_share_its_messages(self, broker: Broker, topic: Topic) -> None:
        one, two = Collector(), Collector()
        for collector in (one, two):
            await (await broker.connect()).subscribe(topic.subscription(collector, prefetch=4))
        await (await broker.connect()).publish(topic.messages(200))
        await until(lambda: len(one.numbers) + len(two.numbers) >= 200, what="all messages")
        assert sorted(one.numbers + two.numbers) == list(range(200))
        assert one.numbers
        assert two.numbers

    async def test_handlers_run_side_by_side_up_to_the_prefetch(self, transport: Transport, topic: Topic) -> None:
        gate, inside, most = asyncio.Event(), set[int](), 0

        async def wait_at_gate(delivery: Delivery) -> None:
            nonlocal most
            inside.add(number_of(delivery))
            most = max(most, len(inside))
            await gate.wait()
            inside.discard(number_of(delivery))
            handled.append(number_of(delivery))

        handled: list[int] = []
        await transport.subscribe(topic.subscription(wait_at_gate, prefetch=5))
        await transport.publish(topic.messages(30))
        await until(lambda: len(inside) == 5, what="five handlers at the gate")
        gate.set()
        await until(lambda: len(set(handled)) == 30, what="all messages")
        assert most == 5

    # Volume

    async def test_large_window_is_confirmed_and_delivered_whole(self, transport: Transport, topic: Topic) -> None:
        collector = Collector()
        await transport.subscribe(topic.subscription(collector, prefetch=200))
        await transport.publish(topic.messages(5000), timeout=60)
        await until(collector.has(range(5000)), timeout=60, what="5,000 messages")
        assert Counter(collector.numbers).most_common(1)[0][1] == 1, "nothing failed, so nothing comes twice"

    async def test_more_messages_than_memory_keeps_are_handed_out_in_order(
        self, transport: Transport, topic: Topic
    ) -> None:
        await transport.declare(topic.queue, topic.bindings)
        for start in range(0, 1500, 500):
            await transport.publish([topic.message(n) for n in range(start, start + 500)])
        collector = Collector()
        await transport.subscribe(topic.subscription(collector, prefetch=1))
        await until(lambda: len(collector.numbers) >= 750, timeout=30, what="half of the backlog")
        await transport.publish([topic.message(n) for n in range(1500, 1600)])
        await until(collector.has(range(1600)), timeout=30, what="the backlog and what came meanwhile")
        # Within a window a broker may take messages in another order than they were written; between windows not.
        assert [number // 500 for number in collector.numbers] == sorted(n // 500 for n in range(1600))

    async def test_message_of_a_mebibyte_arrives_whole(self, transport: Transport, topic: Topic) -> None:
        collector = Collector()
        await transport.subscribe(topic.subscription(collector))
        text = secrets.token_hex(500_000)
        await transport.publish([topic.message(1, text=text)])
        await until(collector.has([1]), what="the large message")
        assert json.loads(collector.deliveries[0].body)["data"]["text"] == text

    # At least once

    async def test_unanswered_messages_of_a_killed_process_come_again(self, broker: Broker, topic: Topic) -> None:
        publisher = await broker.connect()
        await publisher.declare(topic.queue, topic.bindings)
        await publisher.publish(topic.messages(10))
        await publisher.close()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.consumer_process", *broker.process_arguments(), topic.queue,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        # It answers the first five and keeps the others in its hands.
        seen = [json.loads(await asyncio.wait_for(process.stdout.readline(), 30)) for _ in range(10)]
        assert sorted(line["number"] for line in seen) == list(range(10))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        answered = {line["number"] for line in seen if line["answered"]}

        collector = Collector()
        await (await broker.connect()).subscribe(topic.subscription(collector))
        await until(collector.has(set(range(10)) - answered), timeout=broker.patience, what="what it had in hand")

    async def test_messages_outlive_the_publisher(self, broker: Broker, topic: Topic) -> None:
        first = await broker.connect()
        await first.declare(topic.queue, topic.bindings)
        await first.publish(topic.messages(50))
        await first.close()
        collector = Collector()
        await (await broker.connect()).subscribe(topic.subscription(collector))
        await until(collector.has(range(50)), what="messages of a closed transport")

    async def test_answered_messages_do_not_come_again(self, broker: Broker, topic: Topic) -> None:
        before, after = Collector(), Collector()
        first = await broker.connect()
        await first.subscribe(topic.subscription(before))
        await first.publish(topic.messages(50))
        await until(before.has(range(50)), what="all messages")
        await first.close()
        second = await broker.connect()
        await second.subscribe(topic.subscription(after))
        await second.publish([topic.message(50)])
        await until(after.has([50]), what="the marker")
        assert after.numbers == [50]

    async def test_keeping_the_newest_version_survives_duplicates_and_disorder(
        self, transport: Transport, topic: Topic
    ) -> None:
        newest: dict[str, int] = {}
        seen = 0

        async def upsert_if_newer(delivery: Delivery) -> None:
            nonlocal seen
            data = decode(delivery.body).data
            newest[data["subject"]] = max(newest.get(data["subject"], -1), data["number"])
            seen += 1

        await transport.subscribe(topic.subscription(upsert_if_newer))
        versions = [topic.message(n, subject=f"s-{n % 5}") for n in range(100)] * 2
        random.Random(5).shuffle(versions)
        await transport.publish(versions)
        await until(lambda: seen >= 200, what="every version twice")
        assert newest == {f"s-{n}": 95 + n for n in range(5)}

    # Told of what was not taken

    async def test_unroutable_messages_are_named_and_the_others_arrive(
        self, transport: Transport, topic: Topic
    ) -> None:
        collector = Collector()
        await transport.subscribe(topic.subscription(collector))
        window = topic.messages(6)
        window[1] = Topic().message(1)
        window[4] = Outgoing("no.such.exchange", topic.message(4).event)
        with pytest.raises(PublishError) as told:
            await transport.publish(window)
        assert [(item.index, item.reason) for item in told.value.undelivered] == [(1, "unroutable"), (4, "unroutable")]
        await until(collector.has([0, 2, 3, 5]), what="the routable messages")
        assert sorted(collector.numbers) == [0, 2, 3, 5]

    async def test_publishing_on_a_closed_transport_is_told_as_unconfirmed(self, broker: Broker, topic: Topic) -> None:
        transport = await broker.connect()
        await transport.declare(topic.queue, topic.bindings)
        await transport.close()
        await transport.close()
        assert not transport.healthy()
        with pytest.raises(PublishError) as told:
            await transport.publish(topic.messages(3), timeout=1)
        assert [item.reason for item in told.value.undelivered] == ["unconfirmed"] * 3
