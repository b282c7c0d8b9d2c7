"""The local transport: the common behaviour, and what is its own (one process per file, mischief on demand)."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.messaging.local import LocalTransport
from shared.messaging.mischief import Mischief
from shared.messaging.port import Delivery, PublishError, Retry, Transport
from tests.behaviour.transport_kit import QUICK, Broker, Collector, Topic
from tests.behaviour.transport_suite import TransportSuite
from tests.support.waiting import until


class LocalFile:
    """Transports on one file."""

    patience = 10.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[LocalTransport] = []

    async def connect(
        self, *, retry: Retry = QUICK, drain: float = 30.0, mischief: Mischief | None = None
    ) -> LocalTransport:
        transport = LocalTransport(self.path, retry=retry, drain=drain, mischief=mischief)
        await transport.start()
        self.opened.append(transport)
        return transport

    def process_arguments(self) -> list[str]:
        return ["local", str(self.path)]

    async def close(self) -> None:
        for transport in self.opened:
            await transport.close()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[LocalFile]:
    file = LocalFile(tmp_path / "messages.sqlite")
    yield file
    await file.close()


class TestLocalTransport(TransportSuite):
    """Everything in TransportSuite, and:"""

    async def test_mischief_doubles_and_shuffles_and_still_delivers_all(self, broker: LocalFile, topic: Topic) -> None:
        transport = await broker.connect(mischief=Mischief(seed=11, duplicate=0.2, reorder=True, delay=0.05))
        collector = Collector()
        await transport.declare(topic.queue, topic.bindings)
        await transport.publish(topic.messages(300))
        await transport.subscribe(topic.subscription(collector, prefetch=1))
        await until(collector.has(range(300)), what="every message at least once")
        await until(lambda: len(collector.numbers) > 320, what="the doubles")
        assert max(Counter(collector.numbers).values()) == 2
        assert collector.numbers != sorted(collector.numbers)

    async def test_control_without_mischief_messages_come_once_and_in_order(
        self, transport: Transport, topic: Topic
    ) -> None:
        collector = Collector()
        await transport.declare(topic.queue, topic.bindings)
        await transport.publish(topic.messages(300))
        await transport.subscribe(topic.subscription(collector, prefetch=1))
        await until(collector.has(range(300)), what="every message")
        assert collector.numbers == list(range(300))

    def test_same_seed_makes_the_same_mischief(self) -> None:
        def choices(seed: int) -> list[float]:
            mischief = Mischief(seed, duplicate=0.5, delay=1.0)
            return [number for _ in range(50) for number in (mischief.copies(), mischief.wait(), mischief.pick(9))]

        assert choices(3) == choices(3)
        assert choices(3) != choices(4)

    async def test_second_process_on_the_same_file_is_told_what_to_do(self, broker: LocalFile, topic: Topic) -> None:
        await broker.connect()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.consumer_process", *broker.process_arguments(), topic.queue,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, told = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert b"in use by another process" in told
        assert b"LECTERN_BROKER_URL" in told

    async def test_file_that_cannot_be_used_is_told_at_start(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("this is not a database, it is a text that is long enough to be seen as none")
        with pytest.raises(ConnectionError, match="cannot be used"):
            await LocalTransport(tmp_path / "file").start()
        with pytest.raises(ConnectionError, match="Make the folder writable"):
            await LocalTransport(tmp_path / "file" / "below").start()

    async def test_message_put_off_before_a_restart_comes_when_its_time_is_over(
        self, broker: LocalFile, topic: Topic
    ) -> None:
        first = await broker.connect(retry=Retry(attempts=5, first=0.4, longest=0.4))
        failed = asyncio.Event()

        async def fail(_: Delivery) -> None:
            failed.set()
            raise TimeoutError

        await first.subscribe(topic.subscription(fail))
        await first.publish([topic.message(1)])
        await failed.wait()
        await first.close()
        collector = Collector()
        await (await broker.connect()).subscribe(topic.subscription(collector))
        await until(collector.has([1]), what="the message that was put off")
        assert collector.deliveries[0].attempt == 2

    async def test_publisher_is_told_when_the_disk_refuses(self, broker: LocalFile, topic: Topic) -> None:
        transport = await broker.connect()
        await transport.declare(topic.queue, topic.bindings)
        other = sqlite3.connect(broker.path)
        other.execute("DROP TABLE message")
        other.commit()
        with pytest.raises(PublishError) as told:
            await transport.publish(topic.messages(2))
        assert [item.reason for item in told.value.undelivered] == ["unconfirmed", "unconfirmed"]
        assert not transport.healthy()
        other.close()

    async def test_message_whose_publisher_gave_up_waiting_is_handed_out_at_once(
        self, broker: LocalFile, topic: Topic
    ) -> None:
        transport, collector = await broker.connect(), Collector()
        await transport.subscribe(topic.subscription(collector))
        await transport.publish([topic.message(0)])
        await until(collector.has([0]), what="the first message")
        with pytest.raises(PublishError) as told:
            await transport.publish([topic.message(1)], timeout=0)
        assert told.value.undelivered[0].reason == "unconfirmed"
        # It was on its way to the disk already: unconfirmed is not refused.
        await until(collector.has([1]), what="the unconfirmed message")


def _local_file_is_a_broker(file: LocalFile) -> Broker:
    return file
