"""The desk: all waiting commands of one event are decided together and committed once.

One desk per event and process. While a commit runs, commands gather; the next round takes them all (bounded). Several
processes share an event by compare-and-set on its ledger: who loses loads again and decides again. That is wasted work, so
that they take turns for as long as they get in each other's way; a process that is alone asks for none.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import takewhile

import structlog

from services.registration.commands import Answer, Command, Promote
from services.registration.domain import decide
from services.registration.metrics import COMMANDS, CONFLICTS, ROUND_COMMANDS, ROUND_SECONDS
from services.registration.schema import UNKNOWN, event_of, stream_of
from services.registration.store import Store, unsettled
from shared.clock import Clock, Ids
from shared.messaging.port import NotNow
from shared.storage.ledger import Conflict, Entry, Page
from shared.storage.mongo import UNAVAILABLE, PyMongoError
from shared.storage.turns import Turns

_log = structlog.get_logger()

ROUND = 256
"""How many commands one commit takes at the most."""


FINISHING = 3
"""How many committed rounds may be written out while further ones are decided."""

CACHED = 8
"""How many entries, not yet written out as far as the desk knows, a page in memory may carry; else it is loaded again."""

Asked = tuple[Command, "asyncio.Future[Answer]"]


class Overloaded(NotNow):
    """The desk has more waiting commands than it can answer in a reasonable time; ask again in some seconds."""


class Desk:
    """Decides the commands of one event."""

    def __init__(
        self,
        event_id: str,
        store: Store,
        clock: Clock,
        ids: Ids,
        wake_relay: Callable[[], None],
        *,
        limit: int = 20_000,
        jitter: random.Random | None = None,
    ) -> None:
        self._event_id = event_id
        self._stream = UNKNOWN if event_id == UNKNOWN else stream_of(event_id)
        self._store, self._clock, self._ids, self._wake_relay = store, clock, ids, wake_relay
        self._limit = limit
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, protects nothing
        self._turns = Turns(store.ledgers, self._stream, ids)
        self._waiting: deque[Asked] = deque()
        self._arrived = asyncio.Event()
        self._page: Page | None = None
        self._own: deque[int] = deque(maxlen=64)
        """Versions that this desk committed."""
        self._applied: deque[int] = deque(maxlen=64)
        """Versions whose entries this desk has applied."""
        self._to_forget: list[int] = []
        self._slots = asyncio.Semaphore(FINISHING)
        self._finishing: set[asyncio.Task[None]] = set()
        self._forgetting: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def ask(self, command: Command) -> Answer:
        """The answer to `command`, once it is durable. Raises Overloaded, or PyMongoError when it could not be stored."""
        if self._closing or len(self._waiting) >= self._limit:
            raise Overloaded(self._event_id)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        self._arrived.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"desk {self._event_id}")
        return await answer

    async def close(self) -> None:
        """Answers what waits, then ends."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await asyncio.gather(*self._finishing)
        await self._turns.close()
        if self._forgetting is not None:
            await asyncio.gather(self._forgetting, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            if self._turns.over or not self._waiting:
                self._turns.hand_over()
            if not self._waiting:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            self._page = await self._turns.take(self._page)  # meanwhile more commands gather
            round_ = [self._waiting.popleft() for _ in range(min(ROUND, len(self._waiting)))]
            await self._hold_round(round_)

    async def _hold_round(self, round_: list[Asked]) -> None:
        started = time.perf_counter()
        try:
            answers, entry = await self._decide([command for command, _ in round_])
        except Exception as error:  # noqa: BLE001 - each who asked is told; the desk goes on
            # Whether the commit happened is not known: forget what was cached.
            self._page = None
            if len(round_) > 1 and not isinstance(error, UNAVAILABLE):
                # One of them cannot be decided or stored; the others must not fail with it.
                for one in round_:
                    await self._hold_round([one])
                return
            _log.error("desk_round_failed", event_id=self._event_id, commands=len(round_), error=type(error).__name__)
            for _, future in round_:
                if not future.done():
                    future.set_exception(error)
            return
        ROUND_SECONDS.observe(time.perf_counter() - started)
        ROUND_COMMANDS.observe(len(round_))
        if entry is None:
            _answer(round_, answers)
            return
        # The next round is decided while this one is written out: it lays the entry over what it reads.
        await self._slots.acquire()
        finishing = asyncio.create_task(self._finish(round_, answers, entry))
        self._finishing.add(finishing)
        finishing.add_done_callback(self._finishing.discard)

    async def _decide(self, commands: list[Command]) -> tuple[tuple[Answer, ...], Entry | None]:
        """The answers, durable, and the entry that is still to be applied (None where nothing changed)."""
        attempt = 0
        while True:
            cached, self._page = self._page, None
            page = cached or await self._store.ledgers.load(self._stream)
            page = unsettled(page, self._settled(page))
            now = self._clock()
            before = await self._store.snapshot(page, self._event_id, commands)
            try:
                decision = decide(before, commands, now)
            except Exception:
                # Places and people that were read a moment apart may not fit, where another process commits meanwhile.
                if cached is None and (await self._store.ledgers.load(self._stream)).version == page.version:
                    raise
                continue
            state, writes = self._store.writes(commands, before, decision, now)
            facts = self._store.facts(commands, before, decision, page.version + 1, now)
            if not state and not writes and not facts:  # nothing new: repeated requests, revisions already known
                if cached is not None:
                    continue  # no commit will find out whether the cached page was stale: look, and decide again
                return decision.answers, None
            last = self._turns.over or not self._waiting
            leave = self._turns.ticket if last else None
            try:
                entry = await self._store.ledgers.commit(page, state, at=now, writes=writes, facts=facts, leave=leave)
            except Conflict:
                attempt += 1
                CONFLICTS.inc()
                self._turns.others_seen()
                if self._turns.ticket is None:
                    self._page = await self._turns.take(None)
                    if self._page is not None:
                        continue
                await asyncio.sleep(self._jitter.uniform(0, min(0.25, 0.002 * 2.0**attempt)))
                continue
            alone = self._turns.ticket is not None or all(other.version in self._own for other in page.entries)
            if alone and len(page.entries) < CACHED:
                # Alone so far: the next round need not load what this one wrote. A stale page only costs a conflict.
                entries = (*page.entries, entry)
                self._page = Page(page.stream, entry.version, _merged(page.state, state), entries)
            self._own.append(entry.version)
            if leave is not None:
                self._turns.handed_over()
            if decision.promotions_left:
                self._ask_itself()
            return decision.answers, entry

    async def _finish(self, round_: list[Asked], answers: tuple[Answer, ...], entry: Entry) -> None:
        """Writes a committed round out, then answers: who reads what was answered finds it."""
        try:
            await self._store.ledgers.apply(self._stream, [entry])
        except PyMongoError as error:
            # The decision is durable all the same; the relay's sweep applies the entry later.
            _log.warning("desk_round_applied_later", event_id=self._event_id, error=type(error).__name__)
            self._page = None
        else:
            self._forget(entry.version)
        finally:
            self._slots.release()
        self._wake_relay()
        _answer(round_, answers)

    def _settled(self, page: Page) -> list[int]:
        """Versions of `page` that this desk has applied, up to the first that it has not: behind an older entry, a newer
        one is still needed, to say what became of the document since."""
        versions = sorted(entry.version for entry in page.entries)
        return list(takewhile(self._applied.__contains__, versions))

    def _ask_itself(self) -> None:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_consumed)
        self._waiting.append((Promote(id=self._ids()), future))
        self._arrived.set()

    def _forget(self, version: int) -> None:
        """Removes applied entries from the ledger in the background; a crash leaves them to be applied again."""
        self._applied.append(version)
        self._to_forget.append(version)
        if self._forgetting is None or self._forgetting.done():
            self._forgetting = asyncio.create_task(self._forget_all())

    async def _forget_all(self) -> None:
        while self._to_forget:
            versions, self._to_forget = self._to_forget, []
            try:
                await self._store.ledgers.forget(self._stream, versions)
            except PyMongoError as error:  # the relay's sweep forgets them
                _log.warning("desk_entries_forgotten_later", event_id=self._event_id, error=type(error).__name__)
                return


def _answer(round_: list[Asked], answers: tuple[Answer, ...]) -> None:
    outcomes = Counter((type(command), answer.outcome) for (command, _), answer in zip(round_, answers, strict=True))
    for (command_type, outcome), count in outcomes.items():
        COMMANDS.labels(command_type.__name__.lower(), str(outcome)).inc(count)
    for (_, future), answer in zip(round_, answers, strict=True):
        if not future.done():  # the one who asked may have gone away; the answer is stored all the same
            future.set_result(answer)


def _merged(state: object, changes: dict[str, object]) -> dict[str, object]:
    """The ledger's state after a commit of `changes`, dotted names applied."""
    merged = dict(state) if isinstance(state, dict) else {}
    for name, value in changes.items():
        first, _, rest = name.partition(".")
        merged[first] = _merged(merged.get(first, {}), {rest: value}) if rest else value
    return merged


def _consumed(future: asyncio.Future[Answer]) -> None:
    """Takes the result of a round that nobody awaits; a failed one was logged and is asked again by the next command."""
    if not future.cancelled():
        future.exception()


class Desks:
    """The desks of a process, one per event that has been asked for."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, wake_relay: Callable[[], None]) -> None:
        self._store, self._clock, self._ids, self._wake_relay = store, clock, ids, wake_relay
        self._desks: dict[str, Desk] = {}
        self._looks: dict[str, asyncio.Task[bool]] = {}

    async def ask(self, event_id: str, command: Command) -> Answer:
        """The answer of the desk of `event_id`; requests to an event that is not known are answered by their own desk."""
        desk = self._desks.get(event_id)
        if desk is None:
            desk = self._desks.setdefault(event_id, self._desk(event_id))
        return await desk.ask(command)

    async def known(self, event_id: str) -> bool:
        """Whether the event has a ledger. Who asks first goes on first: their requests keep their order."""
        if event_id in self._desks:
            return True
        look = self._looks.get(event_id)
        if look is None:
            look = self._looks[event_id] = asyncio.create_task(self._look(event_id))
            look.add_done_callback(lambda _: self._looks.pop(event_id, None))
        return await asyncio.shield(look)

    async def _look(self, event_id: str) -> bool:
        return (await self._store.ledgers.load(stream_of(event_id))).version > 0

    async def promote_left_over(self) -> None:
        """Goes on promoting where a process was stopped, or failed, between two rounds of promotions."""
        for stream in await self._store.ledgers.streams():
            event_id = event_of(stream)
            try:
                if event_id is not None and (await self._store.seats(event_id)).promotions_left(self._clock()):
                    await self.ask(event_id, Promote(id=self._ids()))
            except Exception as error:  # noqa: BLE001 - one event must not keep the others; the next look finds it again
                _log.error("promotions_wait", event_id=event_id, error=type(error).__name__)

    def _desk(self, event_id: str) -> Desk:
        return Desk(event_id, self._store, self._clock, self._ids, self._wake_relay)

    async def close(self) -> None:
        """Answers what waits at every desk."""
        await asyncio.gather(*(desk.close() for desk in self._desks.values()))
