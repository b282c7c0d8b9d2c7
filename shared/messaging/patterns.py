"""Topic patterns as AMQP has them: words between dots, `*` is one word, `#` any number of words (AMQP 0-9-1, 3.1.3.3)."""

from __future__ import annotations

from collections.abc import Sequence


def matches(pattern: str, routing_key: str) -> bool:
    """Whether a binding with `pattern` takes a message with `routing_key`."""
    return _matches(pattern.split("."), routing_key.split(".") if routing_key else [])


def _matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    # Row by row: reach[j] tells whether the pattern read so far can stand for the first j words. No recursion, so that
    # no pattern is slow.
    if pattern == [""]:
        pattern = []
    reach = [True, *(False for _ in words)]
    for part in pattern:
        if part == "#":
            first = reach.index(True) if True in reach else len(reach)
            reach = [position >= first for position in range(len(reach))]
        else:
            reach = [False, *(reach[n] and part in ("*", word) for n, word in enumerate(words))]
    return reach[-1]
