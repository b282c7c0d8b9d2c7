"""One request at a time for each Idempotency-Key."""

from __future__ import annotations

import pytest

from services.registration.running import Running
from shared.web.problems import Problem


def test_second_request_of_a_key_is_told_that_the_first_is_running() -> None:
    running = Running()
    with running.one("key"):
        with pytest.raises(Problem) as refused, running.one("key"):
            pass
        assert (refused.value.status, refused.value.code) == (409, "request-running")
        assert int(refused.value.headers["Retry-After"]) >= 1
        with running.one("another"):
            pass
        with pytest.raises(Problem), running.one("key"):
            pass  # the refusal did not end the first


@pytest.mark.parametrize("error", [None, RuntimeError, Problem])
def test_key_is_free_again_however_the_first_ended(error: type[Exception] | None) -> None:
    running = Running()
    try:
        with running.one("key"):
            if error is not None:
                raise error(409, "refused", "")
    except (RuntimeError, Problem):
        assert error is not None
    with running.one("key"):
        pass
