"""The correlation id: one id from the outside request to the mail and the calendar object."""

from __future__ import annotations

from structlog.contextvars import get_contextvars


def correlation_id() -> str | None:
    """The correlation id of what is being handled now, None outside of a request or message."""
    value = get_contextvars().get("correlation_id")
    return str(value) if value is not None else None
