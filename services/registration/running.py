"""The requests that this process is working on, by the id that their Idempotency-Key makes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from shared.web.problems import Problem


class Running:
    """One request at a time for each id. In this process only: of two processes, the second answers as the first."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    @contextlib.contextmanager
    def one(self, id_: str) -> Iterator[None]:
        """While the block runs, `id_` is being worked on. Raises Problem 409 where it is already."""
        if id_ in self._ids:
            raise Problem(
                409,
                "request-running",
                "The first request with this Idempotency-Key is still being worked on; ask again in a moment.",
                headers={"Retry-After": "1"},
            )
        self._ids.add(id_)
        try:
            yield
        finally:
            self._ids.remove(id_)
