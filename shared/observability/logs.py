"""Logging: one JSON object a line, static event names, ids, no personal data; the correlation id is bound once."""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import sys
from typing import Any, TextIO

import structlog
import structlog.tracebacks
from structlog.typing import Processor

_TRACEBACKS = structlog.processors.ExceptionRenderer(
    # Local variables would put names and addresses of people in the log.
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)


_encode = json.JSONEncoder(default=repr).encode


def _serialized(event: Any, **_: Any) -> str:
    return _encode(event)  # one encoder for all lines; json.dumps with a default makes one for each


class _Lines:
    """Writes lines; on an event loop those of one turn of the loop in one go, which costs one call of the system."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._waiting: list[str] = []
        self._writer: asyncio.AbstractEventLoop | None = None
        """The loop that was asked to write what waits."""
        atexit.register(self._write)  # a loop that ends may leave lines

    def msg(self, message: str) -> None:
        self._waiting.append(message)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no loop: at once
            self._write()
            return
        if self._writer is not loop:
            self._writer = loop
            loop.call_soon(self._write)

    log = debug = info = msg

    def at_once(self, message: str) -> None:
        """What somebody has to know is written even when the process ends right after it."""
        self._waiting.append(message)
        self._write()

    warning = warn = error = exception = critical = fatal = failure = err = at_once

    def _write(self) -> None:
        self._writer = None
        lines, self._waiting = self._waiting, []
        if lines:
            self._target.write("\n".join([*lines, ""]))
            self._target.flush()


class _LinesFactory:
    def __init__(self, target: TextIO) -> None:
        self._lines = _Lines(target)

    def __call__(self, *_: Any) -> _Lines:
        return self._lines


def configure_logging(level: str = "info", *, stream: str = "stdout") -> None:
    """Sends structlog and the libraries' loggers to standard output (or `stderr`) as JSON lines with UTC times."""
    number = logging.getLevelNamesMapping()[level.upper()]
    target = sys.stderr if stream == "stderr" else sys.stdout
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    structlog.configure(
        processors=[*shared, _TRACEBACKS, structlog.processors.JSONRenderer(_serialized)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_LinesFactory(target),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _TRACEBACKS,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak when something is wrong; their routine lines may hold addresses.
    root.setLevel(max(number, logging.WARNING))
    # It prints a traceback at each attempt to reach a broker that is away; `broker_lost` says so once.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
