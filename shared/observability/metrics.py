"""The metrics of every process, in Prometheus' form. Labels are few and bounded: no ids, no paths with ids."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

HTTP_SECONDS = Histogram(
    "lectern_http_request_seconds", "HTTP requests", ["route", "method", "status"], buckets=_SECONDS
)
MESSAGE_SECONDS = Histogram(
    "lectern_message_seconds", "Messages handled", ["service", "type", "outcome"], buckets=_SECONDS
)
OUTBOX_DEPTH = Gauge("lectern_outbox_depth", "Messages that wait to be published", ["service"])
OUTBOX_LAG = Gauge("lectern_outbox_lag_seconds", "Age of the oldest message that waits to be published", ["service"])
TASK_FAILURES = Counter("lectern_task_failures_total", "Background tasks that failed and were started again", ["task"])
