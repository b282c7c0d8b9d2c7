"""What follows from the answers of one mail: a seat that is given up after a while, a question, or nothing. Pure.

Nothing is freed by mistake. A declined invitation counts where the event takes it for an answer, for a session that the
person chose and has a seat in. Many at once, one from another address (a colleague to whom the mail was handed on), or an
answer that nobody gave, are unclear: the person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.notification.domain import Kind, Notice
from services.notification.invitations import Sent
from services.notification.picture import Picture, has_seat
from services.notification.replies.reading import Answer, Reading, Word
from shared.calendar.entry import is_cancelled
from shared.contracts.registration import Through
from shared.contracts.scheduling import SessionState

MOST_AT_ONCE = 3
"""More declined within the grace time look like a calendar that was emptied."""

ASKED_FOR = timedelta(days=4)
"""For how long somebody is asked about an unclear answer; as long as a mail server is given to take the mail."""


class Standing(StrEnum):
    """What became of an answer."""

    NOTED = "noted"
    """Nothing follows from it."""
    WAITING = "waiting"
    """Declined: the seat is given up when the grace time is over."""
    KEPT = "kept"
    """Declined, and then wanted after all."""
    UNCLEAR = "unclear"
    """The person was asked; nothing is given up."""
    FREED = "freed"
    SETTLED = "settled"
    """The time was over, and there was nothing left to give up."""


@dataclass(frozen=True)
class Known:
    """The newest answer about one session. Times in UTC; `frees_at` where it waits."""

    standing: Standing
    word: Word
    sequence: int
    stamped_at: datetime
    received_at: datetime
    frees_at: datetime | None = None


@dataclass(frozen=True)
class Judgement:
    """The answers that change, by session, the mail that tells the person, and what became of each answer."""

    answers: Mapping[str, Known] = field(default_factory=dict)
    notice: Notice | None = None
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situation:
    """What an answer is judged by: how everything stands, what was sent, what was answered before."""

    view: Picture
    email: str
    uids: Mapping[str, str]
    """The session of each UID of the registration."""
    sent: Mapping[str, Sent]
    known: Mapping[str, Known]


def judge(reading: Reading, situation: Situation, now: datetime, grace: timedelta) -> Judgement:
    """What follows from `reading`, received at `now` (UTC)."""
    changed: dict[str, Known] = {}
    declined: list[str] = []
    outcomes: list[str] = []
    doubtful = reading.automatic
    for answer in reading.answers:
        session_id = situation.uids.get(answer.uid)
        word = answer.word_of(situation.email)
        if session_id is None or word is None:
            outcomes.append("unknown")
            continue
        known = _newer(answer, word, session_id, situation, now)
        if known is None:
            outcomes.append("old")
            continue
        earlier = situation.known.get(session_id)
        if word is Word.DECLINED and earlier is not None and earlier.standing is Standing.WAITING:
            # Said once more: the time that the person was told stands.
            known = replace(
                known, standing=Standing.WAITING, frees_at=earlier.frees_at, received_at=earlier.received_at
            )
        elif word is Word.DECLINED and _counts(session_id, situation.view, now):
            declined.append(session_id)
            doubtful = doubtful or answer.by_another(situation.email)
        changed[session_id] = known
        outcomes.append(word.value)
    if not declined:
        return Judgement(changed, None, tuple(outcomes))
    return _declined(doubtful, situation, changed, declined, tuple(outcomes), now, grace)


def _newer(answer: Answer, word: Word, session_id: str, situation: Situation, now: datetime) -> Known | None:
    """The answer to be kept; None where it is old, a repetition, or about what was never sent."""
    sent = situation.sent.get(session_id)
    if sent is None or answer.sequence < sent.sequence:
        return None  # it answers what has been changed or withdrawn since
    # A clock that is fast must not make the next answer look older.
    stamped_at = min(answer.stamped_at or now, now)
    known = situation.known.get(session_id)
    if known is not None:
        order = (answer.sequence, stamped_at)
        earlier = (known.sequence, known.stamped_at)
        # Of two in one second the one that keeps the seat counts.
        if order < earlier or (order == earlier and word in (known.word, Word.DECLINED)):
            return None
    standing = Standing.NOTED
    if known is not None and known.standing is Standing.WAITING and word is not Word.DECLINED:
        standing = Standing.KEPT
    return Known(standing, word, answer.sequence, stamped_at, now)


def _counts(session_id: str, view: Picture, now: datetime) -> bool:
    """Whether declining gives a seat up."""
    session = view.sessions.get(session_id)
    if session is None or not session.by_choice or not view.event.admission.calendar_answers:
        return False
    return has_seat(view, session_id) and not is_cancelled(session, view.event) and not _begun(session, now)


def _begun(session: SessionState, now: datetime) -> bool:
    return session.starts_at <= now if session.starts_at is not None else session.date < now.date()


def _declined(
    doubtful: bool,
    situation: Situation,
    changed: dict[str, Known],
    declined: list[str],
    outcomes: tuple[str, ...],
    now: datetime,
    grace: timedelta,
) -> Judgement:
    recent = {
        id_: known
        for id_, known in situation.known.items()
        if id_ not in declined
        and known.standing in (Standing.WAITING, Standing.UNCLEAR)
        and known.received_at > now - grace
    }
    waiting = [id_ for id_, known in recent.items() if known.standing is Standing.WAITING]
    if doubtful or len(declined) + len(recent) > MOST_AT_ONCE:
        stopped = {id_: replace(situation.known[id_], standing=Standing.UNCLEAR, frees_at=None) for id_ in waiting}
        unclear = {id_: replace(changed[id_], standing=Standing.UNCLEAR) for id_ in declined}
        asked = any(known.standing is Standing.UNCLEAR for known in recent.values())
        about = tuple(sorted([*waiting, *declined]))
        notice = Notice(Kind.ANSWER_UNCLEAR, now + ASKED_FOR, about, Through.INVITATION)
        # Somebody who empties a calendar is asked once, not once for each session.
        return Judgement(changed | stopped | unclear, None if asked else notice, (*outcomes, "unclear"))
    frees_at = now + grace
    waits = {id_: replace(changed[id_], standing=Standing.WAITING, frees_at=frees_at) for id_ in declined}
    notice = Notice(Kind.ANSWER_NOTICED, frees_at, tuple(declined), Through.INVITATION)
    return Judgement(changed | waits, notice, outcomes)
