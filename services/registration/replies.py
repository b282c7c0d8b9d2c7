"""Idempotency-Key for requests that no desk decides: the first answer is kept for a day, and given again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from services.registration.asking import Caller
from services.registration.documents import KEPT_KEYS
from services.registration.running import Running
from services.registration.schema import REPLIES
from shared.clock import Clock
from shared.storage.mongo import Database
from shared.web.problems import Problem

Body = dict[str, Any]


class Replies:
    """Answers by key. What is asked must do no harm when it is done twice: a process may stop before the answer is kept."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._running = Running()

    async def once(self, caller: Caller, operation: str, asked: object, work: Callable[[], Awaitable[Body]]) -> Body:
        """The answer of `work`, or the first one to the same key, marked `repeated`. `asked`: all that was said, as JSON
        data. Raises Problem 409 while the first request runs, 422 for the key of another request."""
        if caller.key is None:
            return await work() | {"repeated": False}
        id_ = _digest(["reply", operation, caller.key])
        fingerprint = _digest([operation, asked])
        replies = self._database[REPLIES.name]
        with self._running.one(id_):
            kept = await replies.find_one({"_id": id_})
            now = self._clock()
            if kept is not None and now < kept["expires_at"]:
                if kept["fingerprint"] != fingerprint:
                    raise Problem(422, "key-reused", "The Idempotency-Key was used for another request.")
                return {**kept["body"], "repeated": True}
            body = await work()
            reply = {"schema": 1, "fingerprint": fingerprint, "expires_at": now + KEPT_KEYS, "body": body}
            await replies.replace_one({"_id": id_}, reply, upsert=True)
            return body | {"repeated": False}


def _digest(said: object) -> str:
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
