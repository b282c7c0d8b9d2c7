"""Failure and end as every transport treats them: poison, retries, dead letters, shutdown under load."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

from shared.contracts.cloudevent import decode
from shared.messaging.port import Delivery, Poison, PublishError, Transport
from tests.behaviour.transport_kit import Broker, Collector, Topic, number_of, parked_of
from tests.support.waiting import until


class FailureSuite:
    """Part of TransportSuite."""

    # Poison and retries

    async def test_poison_is_parked_with_its_reason_while_others_go_on(
        self, transport: Transport, topic: Topic
    ) -> None:
        collector = Collector()

        async def handler(delivery: Delivery) -> None:
            if number_of(delivery) == 3:
                raise Poison("data.email: not an e-mail address; write it as name@host")
            await collector(delivery)

        await transport.subscribe(topic.subscription(handler, prefetch=1))
        await transport.publish(topic.messages(10))
        await until(collector.has(set(range(10)) - {3}), what="the messages before and behind")

        async def is_parked() -> bool:
            return len(await parked_of(transport, topic)) == 1

        await until(is_parked, what="the poison among the dead letters")
        first = await parked_of(transport, topic)
        again = await parked_of(transport, topic)
        assert first == again, "looking takes nothing away"
        letter = first[0]
        assert letter.reason == "data.email: not an e-mail address; write it as name@host"
        assert (letter.queue, letter.routing_key, letter.attempts) == (topic.queue, topic.type, 1)
        assert decode(letter.body).data["number"] == 3
        assert datetime.fromisoformat(letter.parked_at).tzinfo is not None
        assert letter.id

    async def test_dead_letters_come_oldest_first_and_stay_after_a_restart(self, broker: Broker, topic: Topic) -> None:
        async def refuse(delivery: Delivery) -> None:
            raise Poison(f"number {number_of(delivery)}")

        transport = await broker.connect()
        await transport.subscribe(topic.subscription(refuse, prefetch=1))
        for number in range(5):
            await transport.publish([topic.message(number)])

        async def are_parked() -> bool:
            return len(await parked_of(transport, topic)) == 5

        await until(are_parked, what="five dead letters")
        await transport.close()
        later = await broker.connect()
        for _ in range(3):
            assert [letter.reason for letter in await parked_of(later, topic)] == [f"number {n}" for n in range(5)]

    async def test_failed_message_comes_again_after_growing_pauses_until_it_succeeds(
        self, broker: Broker, topic: Topic
    ) -> None:
        transport = await broker.connect()
        loop = asyncio.get_running_loop()
        tries: list[tuple[int, float]] = []
        others = Collector()

        async def handler(delivery: Delivery) -> None:
            if number_of(delivery) != 0:
                await others(delivery)
                return
            tries.append((delivery.attempt, loop.time()))
            if delivery.attempt < 3:
                raise ConnectionError("the database is away")

        await transport.subscribe(topic.subscription(handler, prefetch=1))
        await transport.publish(topic.messages(30))
        await until(others.has(range(1, 30)), what="the messages behind the failed one")
        assert len(tries) < 3, "the others did not wait for the failed one"
        await until(lambda: len(tries) == 3, timeout=broker.patience, what="the third attempt")
        assert [attempt for attempt, _ in tries] == [1, 2, 3]
        first, second = tries[1][1] - tries[0][1], tries[2][1] - tries[1][1]
        assert first >= 0.19
        assert second >= 1.5 * first
        assert await parked_of(transport, topic) == []

    async def test_message_that_keeps_failing_is_parked_with_the_last_error(self, broker: Broker, topic: Topic) -> None:
        transport = await broker.connect()
        attempts: list[int] = []

        async def handler(delivery: Delivery) -> None:
            attempts.append(delivery.attempt)
            raise RuntimeError(f"no seat left for 'Ada Lovelace' <ada@example.org> at try {delivery.attempt}")

        await transport.subscribe(topic.subscription(handler))
        await transport.publish([topic.message(1)])

        async def is_parked() -> bool:
            return len(await parked_of(transport, topic)) == 1

        await until(is_parked, timeout=broker.patience, what="the message among the dead letters")
        (letter,) = await parked_of(transport, topic)
        assert attempts == [1, 2, 3]
        assert letter.attempts == 3
        assert letter.reason.startswith("gave up after 3 attempts; last error: RuntimeError: no seat left for")
        assert "at try 3" in letter.reason
        assert "Ada" not in letter.reason
        assert "example.org" not in letter.reason
        assert (letter.routing_key, decode(letter.body).data["number"]) == (topic.type, 1)

    # The end

    async def test_shutdown_lets_running_handlers_finish_and_returns_the_rest(
        self, broker: Broker, topic: Topic
    ) -> None:
        started, finished, after = await self._shut_down_in_the_middle(broker, topic, drain=30.0)
        assert finished == started, "what was begun was finished"
        assert not finished & set(after.numbers), "and did not come again"
        assert finished | set(after.numbers) == set(range(100)), "nothing is lost"

    async def test_control_without_draining_handlers_are_cut_short_and_their_messages_come_again(
        self, broker: Broker, topic: Topic
    ) -> None:
        started, finished, after = await self._shut_down_in_the_middle(broker, topic, drain=0.0)
        assert finished == set()
        assert started <= set(after.numbers), "the work was begun twice: this is what draining saves"
        assert set(after.numbers) == set(range(100))

    async def _shut_down_in_the_middle(
        self, broker: Broker, topic: Topic, drain: float
    ) -> tuple[set[int], set[int], Collector]:
        """Closes a transport while 16 handlers are at work and 84 messages wait; a second transport takes over."""
        gate, started, finished = asyncio.Event(), set[int](), set[int]()

        async def handler(delivery: Delivery) -> None:
            started.add(number_of(delivery))
            await gate.wait()
            finished.add(number_of(delivery))

        first = await broker.connect(drain=drain)
        await first.subscribe(topic.subscription(handler, prefetch=16))
        await first.publish(topic.messages(100))
        await until(lambda: len(started) == 16, what="16 handlers at work")
        closing = asyncio.create_task(first.close())
        await asyncio.sleep(0)  # lets close() begin before the handlers may go on
        if drain:
            gate.set()
        await asyncio.wait_for(closing, 20)
        after = Collector()
        await (await broker.connect()).subscribe(topic.subscription(after))
        await until(after.has(set(range(100)) - finished), timeout=broker.patience, what="what the first left")
        return started, finished, after

    async def test_stopped_consumer_leaves_publishing_open(self, broker: Broker, topic: Topic) -> None:
        transport, collector = await broker.connect(), Collector()
        await transport.subscribe(topic.subscription(collector))
        await transport.publish([topic.message(0)])
        await until(collector.has([0]), what="the first message")
        await transport.stop_consuming()
        await transport.publish([topic.message(1)])
        assert transport.healthy()
        later = Collector()
        await (await broker.connect()).subscribe(topic.subscription(later))
        await until(later.has([1]), what="the message in the queue")
        assert collector.numbers == [0]

    async def test_consumers_that_come_and_go_under_load_lose_nothing(self, broker: Broker, topic: Topic) -> None:
        publisher = await broker.connect()
        await publisher.declare(topic.queue, topic.bindings)
        handled: Counter[int] = Counter()
        published = 0

        async def handler(delivery: Delivery) -> None:
            await asyncio.sleep(0)
            handled[number_of(delivery)] += 1

        async def publish() -> None:
            nonlocal published
            for start in range(0, 2000, 100):
                await publisher.publish([topic.message(n) for n in range(start, start + 100)])
                published += 100

        publishing = asyncio.create_task(publish())
        while len(handled) < 2000:
            goal = min(2000, len(handled) + 300)
            consumer = await broker.connect()
            await consumer.subscribe(topic.subscription(handler, prefetch=32))
            await until(
                lambda goal=goal: len(handled) >= min(goal, published) and len(handled) >= goal,  # type: ignore[misc]
                timeout=60,
                what=f"{goal} handled messages",
            )
            await consumer.close()
        await publishing
        assert set(handled) == set(range(2000)), "nothing is lost"
        assert set(handled.values()) == {1}, "and clean ends double nothing"

    async def test_publisher_that_closes_under_load_knows_what_was_taken(self, broker: Broker, topic: Topic) -> None:
        keeper = await broker.connect()
        await keeper.declare(topic.queue, topic.bindings)
        publisher = await broker.connect()
        confirmed, reasons = set[int](), set[str]()

        async def publish(start: int) -> None:
            numbers = list(range(start, start + 50))
            try:
                await publisher.publish([topic.message(n) for n in numbers], timeout=10)
            except PublishError as error:
                reasons.update(item.reason for item in error.undelivered)
                lost = {numbers[item.index] for item in error.undelivered}
                confirmed.update(set(numbers) - lost)
            else:
                confirmed.update(numbers)

        windows = [asyncio.create_task(publish(start)) for start in range(0, 5000, 50)]
        await until(lambda: len(confirmed) >= 50, what="the first confirmed window")
        await publisher.close()
        await asyncio.gather(*windows)
        assert reasons <= {"unconfirmed"}
        collector = Collector()
        await keeper.subscribe(topic.subscription(collector))
        await until(collector.has(confirmed), timeout=30, what="every confirmed message")
