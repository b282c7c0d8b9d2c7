"""Logging: one JSON object a line, static event names, ids, no personal data; the correlation id is bound once."""

from __future__ import annotations

import logging
import sys

import structlog
import structlog.tracebacks
from structlog.typing import Processor

_TRACEBACKS = structlog.processors.ExceptionRenderer(
    # Local variables would put names and addresses of people in the log.
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)


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
        processors=[*shared, _TRACEBACKS, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(target),
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
