"""Lines of one turn of the loop go out together; none is kept back or lost."""

from __future__ import annotations

import asyncio
import io

from shared.observability.logs import _Lines


class Counting(io.StringIO):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


async def test_lines_of_one_turn_are_written_together_and_in_order() -> None:
    target = Counting()
    lines = _Lines(target)
    lines.info("one")
    lines.info("two")
    assert target.getvalue() == ""
    await asyncio.sleep(0)
    assert target.getvalue() == "one\ntwo\n"
    assert target.flushes == 1


async def test_warning_is_written_at_once_after_what_came_before_it() -> None:
    target = Counting()
    lines = _Lines(target)
    lines.info("one")
    lines.warning("two")
    assert target.getvalue() == "one\ntwo\n"


def test_without_a_loop_every_line_is_written_at_once() -> None:
    target = Counting()
    _Lines(target).info("one")
    assert target.getvalue() == "one\n"


def test_lines_that_a_loop_left_are_written_with_the_next_one() -> None:
    target = Counting()
    lines = _Lines(target)

    async def say(text: str) -> None:
        lines.info(text)

    for text in ("one", "two"):
        loop = asyncio.new_event_loop()
        task = loop.create_task(say(text))
        task.add_done_callback(lambda _, loop=loop: loop.stop())  # type: ignore[misc]
        loop.run_forever()
        loop.close()
    lines.info("three")
    assert target.getvalue() == "one\ntwo\nthree\n"
