"""RabbitMQ for the behaviour tests: the run's own node, or the broker named by LECTERN_TEST_AMQP_URL."""

from __future__ import annotations

import os

import pytest

EXTERNAL = "LECTERN_TEST_AMQP_URL"


@pytest.fixture
def rabbit_url(request: pytest.FixtureRequest) -> str:
    """Where the broker is. An external one is not started and not stopped here; its policies are as they are."""
    given = os.environ.get(EXTERNAL)
    return given or str(request.getfixturevalue("rabbit").url)
