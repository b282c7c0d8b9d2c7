"""A whole Lectern for each story, once on each transport."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

import pytest

from shared.config import Settings
from tests.support.radicale import RadicaleNode
from tests.support.smtp import SmtpSink
from tests.support.story import Story, story

Begin = Callable[[datetime], contextlib.AbstractAsyncContextManager[Story]]


@pytest.fixture
async def begin(
    on_both_transports: dict[str, str],
    settings: Callable[..., Settings],
    smtp_sink: SmtpSink,
    radicale: RadicaleNode,
) -> Begin:
    """Begins a story at an instant."""
    chosen = settings(**on_both_transports, smtp_url=smtp_sink.url, **radicale.settings)
    return lambda start: story(chosen, start, smtp_sink, radicale)
