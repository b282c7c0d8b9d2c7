"""Parts of the transports that need no broker: topic patterns, what is kept of an error, the shipped policies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.failures import describe, gave_up, place
from shared.messaging.patterns import matches
from shared.messaging.rabbit_topology import DEAD, DEAD_LETTERS, RETURN, RUNGS, rung_queue
from shared.messaging.topology import QUEUES

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "rabbitmq"


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("*.b", "a.b", True),
        ("*", "", False),
        ("#", "", True),
        ("#", "a.b.c", True),
        ("a.#", "a", True),
        ("a.#", "ab", False),
        ("a.#.d", "a.b.c.d", True),
        ("a.#.d", "a.d", True),
        ("#.b.#", "a.b.c", True),
        ("#.b.#", "a.c", False),
        ("*.#.*", "a", False),
        ("a.#.#", "a", True),
    ],
)
def test_topic_pattern_takes_what_amqp_says(pattern: str, key: str, fits: bool) -> None:
    assert matches(pattern, key) is fits


words = st.lists(st.sampled_from(["a", "b", "session"]), max_size=6)


@given(pattern=st.lists(st.sampled_from(["a", "b", "session", "*", "#"]), min_size=1, max_size=6), key=words)
def test_topic_pattern_agrees_with_a_regular_expression(pattern: list[str], key: list[str]) -> None:
    parts = {"*": r"\.[^.]+", "#": r"(\.[^.]+)*"}
    expression = "".join(parts.get(word, rf"\.{word}") for word in pattern)
    expected = re.fullmatch(expression, "".join(f".{word}" for word in key)) is not None
    assert matches(".".join(pattern), ".".join(key)) is expected


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("server selection timed out", "server selection timed out"),
        ("duplicate key { email: 'ada@example.org' } in index", "duplicate key … in index"),
        ("no attendee named 'Ada Lovelace'", "no attendee named …"),
        ("mail to ada@example.org refused", "mail to … refused"),
        ("GET https://host/p/3f9a2c7d secret", "GET … secret"),
        ("token 3f9a2c7d11e04b5fa2 expired", "token … expired"),
        ("call +33 6 12 34 56 78 now", "call … now"),
        ("line\nbreak", "line break"),
    ],
)
def test_values_are_blanked_in_what_is_kept_of_an_error(message: str, kept: str) -> None:
    assert describe(ValueError(message)) == f"ValueError: {kept}"


def test_error_without_words_is_its_class() -> None:
    assert describe(TimeoutError()) == "TimeoutError"
    assert gave_up(1, TimeoutError()) == "gave up after 1 attempt; last error: TimeoutError"


def test_place_of_an_error_is_file_and_line() -> None:
    try:
        raise ValueError
    except ValueError as error:
        assert re.fullmatch(r"test_messaging_parts\.py:\d+", place(error))  # noqa: PT017


def policies(file: str) -> dict[str, dict[str, Any]]:
    """The policies of a shipped file by name."""
    return {policy["name"]: policy for policy in json.loads((SHIPPED / file).read_text())["policies"]}


def effective(queue: str, *files: str) -> dict[str, Any]:
    """What applies to a queue: RabbitMQ takes the one policy with the highest priority."""
    fitting = [p for file in files for p in policies(file).values() if re.search(p["pattern"], queue)]
    found: dict[str, Any] = max(fitting, key=lambda policy: int(policy["priority"]))["definition"]
    return found


def test_each_rung_of_the_ladder_has_its_time_and_leads_back() -> None:
    for rung, seconds in enumerate(RUNGS, 1):
        for files in (["definitions.json"], ["definitions.json", "definitions-4.3.json"]):
            policy = effective(rung_queue(rung), *files)
            assert policy["message-ttl"] == seconds * 1000
            assert policy["dead-letter-exchange"] == RETURN
            # At most once, the broker's own choice, could lose a message between the two queues.
            assert policy["dead-letter-strategy"] == "at-least-once"
            assert policy["overflow"] == "reject-publish"


@pytest.mark.parametrize("queue", [*QUEUES, "lectern.anything-else"])
def test_every_service_queue_is_limited_and_dead_lettered(queue: str) -> None:
    old, new = effective(queue, "definitions.json"), effective(queue, "definitions.json", "definitions-4.3.json")
    assert old["dead-letter-exchange"] == DEAD
    assert old["dead-letter-strategy"] == "at-least-once"
    assert not any(key.startswith("delayed-retry") for key in old), "RabbitMQ 3.10 refuses a policy with unknown keys"
    # Only one policy applies to a queue: the one of 4.3 repeats what the other says.
    assert {key: new[key] for key in old} == old
    assert new["delayed-retry-type"] == "failed", "what is given back in order at a shutdown comes again without delay"


def test_looking_at_dead_letters_never_drops_them() -> None:
    assert effective(DEAD_LETTERS, "definitions.json", "definitions-4.3.json")["delivery-limit"] >= 10**9
