"""Seeded mischief for tests: what at-least-once delivery allows and a friendly broker seldom does."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

OUT_OF_ORDER = 16
"""How far ahead a message may overtake others."""


@dataclass
class Mischief:
    """Doubles a share of the messages, hands them out of order, and keeps some back up to `delay` seconds.

    The same seed makes the same choices for the same calls.
    """

    seed: int
    duplicate: float = 0.1
    reorder: bool = True
    delay: float = 0.0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable is what is wanted

    def copies(self) -> int:
        """How often a message that was just published lies in the queue."""
        return 2 if self._random.random() < self.duplicate else 1

    def wait(self) -> float:
        """Seconds that this copy is kept back; every other one is not."""
        return self._random.uniform(0, self.delay) if self.delay and self._random.random() < 0.5 else 0.0

    def pick(self, waiting: int) -> int:
        """Which of the `waiting` messages is next (0: the oldest)."""
        return self._random.randrange(min(waiting, OUT_OF_ORDER)) if self.reorder else 0
