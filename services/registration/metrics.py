"""What registration measures."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

COMMANDS = Counter("lectern_desk_commands_total", "Commands answered by the desk", ["command", "outcome"])
CONFLICTS = Counter("lectern_desk_conflicts_total", "Rounds decided again because another process committed first")
ROUND_SECONDS = Histogram(
    "lectern_desk_round_seconds",
    "From decide to durable",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
ROUND_COMMANDS = Histogram(
    "lectern_desk_round_commands", "Commands in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
