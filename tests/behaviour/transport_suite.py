"""What every transport does, written once: each adapter's test file inherits this class and says how to reach its broker."""

from __future__ import annotations

import pytest

from shared.messaging.port import Transport
from tests.behaviour.delivery_suite import DeliverySuite
from tests.behaviour.failure_suite import FailureSuite
from tests.behaviour.transport_kit import Broker, Topic


class TransportSuite(DeliverySuite, FailureSuite):
    """Inherit it as `class TestX(TransportSuite)` and give it a fixture `broker`."""

    @pytest.fixture
    def topic(self) -> Topic:
        """This test's own topic."""
        return Topic()

    @pytest.fixture
    async def transport(self, broker: Broker) -> Transport:
        """A connected transport."""
        return await broker.connect()
