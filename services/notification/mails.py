"""The life of a mail's row: waiting -> sending -> sent or failed, and how news that come meanwhile are merged into it.

A claim gives one process the row for a while. Whoever dies with a claim loses it: the row is tried again with the same
id, so the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from services.notification.domain import INVITATIONS, Former, Kind, Notice
from services.notification.invitations import Due, after, sent_of
from services.notification.store import FAILED, SENDING, SENT, WAITING, Store, invitation_id, mail_id, notice_id
from shared.contracts.calendar_sync import Lost
from shared.contracts.registration import Through
from shared.storage.mongo import Document, InsertOne, ReturnDocument, Session, UpdateOne

CLAIM = timedelta(minutes=3)
"""How long a claim lasts; longer than the longest attempt, so that only the dead lose one."""

_NO_CLAIM = {"claim": "", "claimed_until": ""}


@dataclass(frozen=True)
class Mail:
    """A claimed row. `frozen` is what an attempt with unknown outcome said: it is said again, word for word.

    `notice`: the one fact that it is about; None where it tells what is different.
    """

    id: str
    registration_id: str
    event_id: str
    telling: int
    news: int
    attempts: int
    put_off: int
    created_at: datetime
    first_tried_at: datetime | None
    frozen: Document | None
    correlation_id: str | None
    claim: str
    notice: Notice | None = None


class Mails:
    """The rows of one service. `name` makes a row's id; deterministic, so that a repeated fact finds the row it made."""

    def __init__(self, store: Store, name: Callable[[str, int], str] = mail_id) -> None:
        self._store = store
        self._mails = store.mails
        self._name = name

    async def due(
        self, registrations: Sequence[str], session: Session, now: datetime, correlation_id: str | None
    ) -> None:
        """Notes that these registrations have news: a new row each, or one more news for the row that is not sent yet.

        Call it in the transaction that writes what the news come from.
        """
        copies = {
            row["_id"]: row
            async for row in self._store.registrations.find(
                {"_id": {"$in": list(registrations)}}, {"tellings": 1, "event_id": 1}, session=session
            )
        }
        names = {id_: self._name(id_, row["tellings"] + 1) for id_, row in copies.items()}
        rows = [
            _new(names[id_], id_, copy["event_id"], copy["tellings"] + 1, now, correlation_id)
            for id_, copy in copies.items()
        ]
        await self.note(rows, session, now)

    async def invite(
        self,
        registration_id: str,
        event_id: str,
        sessions: Sequence[str],
        invited: Mapping[str, Any],
        session: Session,
        now: datetime,
        correlation_id: str | None,
    ) -> None:
        """Notes a mail for the invitation to each of `sessions`; `invited`: what was sent of each by now."""
        rows = []
        for id_ in sessions:
            number = invited[id_]["count"] + 1 if id_ in invited else 1
            name = invitation_id(registration_id, id_, number)
            row = _new(name, registration_id, event_id, 0, now, correlation_id)
            rows.append(row | {"notice": notice_document(Notice(Kind.INVITATION, None, (id_,)))})
        await self.note(rows, session, now)

    async def open_invitations(self, registration_id: str) -> set[str]:
        """Sessions with a mail about their invitation that is not sent yet."""
        wanted = {"registration_id": registration_id, "state": {"$ne": SENT}, "notice.kind": Kind.INVITATION.value}
        return {id_ async for row in self._mails.find(wanted, {"notice": 1}) for id_ in row["notice"]["sessions"]}

    async def note(self, rows: Sequence[Document], session: Session, now: datetime) -> None:
        """Adds rows; where one is there and not sent yet, it has one more news."""
        there = {
            row["_id"]: row
            async for row in self._mails.find(
                {"_id": {"$in": [row["_id"] for row in rows]}}, {"state": 1}, session=session
            )
        }
        operations: list[InsertOne[Document] | UpdateOne] = []
        for new in rows:
            row = there.get(new["_id"])
            if row is None:
                operations.append(InsertOne(new))
                continue
            update: Document = {"$inc": {"news": 1}}
            if row["state"] == FAILED:  # news for somebody who could not be reached: one more try, with all of it
                update["$set"] = {"state": WAITING, "scheduled_for": now, "attempts": 0}
                update["$unset"] = {"first_tried_at": "", "reason": ""}
            operations.append(UpdateOne({"_id": new["_id"]}, update))
        if operations:
            await self._mails.bulk_write(operations, ordered=False, session=session)

    async def notify(
        self,
        registration_id: str,
        event_id: str,
        notice: Notice,
        sequence: int,
        now: datetime,
        correlation_id: str | None,
    ) -> None:
        """Notes a mail about the fact with this sequence; a fact that comes again finds the row it made."""
        row = notice_row(registration_id, event_id, notice, sequence, now, correlation_id)
        await self._mails.update_one({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True)

    async def no_longer_put_off(self, event_id: str, session: Session, now: datetime) -> None:
        """Mails that wait for the event or its sessions to be known are tried now."""
        await self._mails.update_many(
            {"event_id": event_id, "put_off": {"$gt": 0}, "state": WAITING},
            {"$set": {"scheduled_for": now, "put_off": 0}},
            session=session,
        )

    async def recover(self, now: datetime) -> int:
        """Puts back rows whose process died with its claim; returns how many."""
        result = await self._mails.update_many(
            {"state": SENDING, "claimed_until": {"$lt": now}}, {"$set": {"state": WAITING}, "$unset": _NO_CLAIM}
        )
        return int(result.modified_count)

    async def claim(self, claim: str, now: datetime) -> Mail | None:
        """Takes the row that has waited longest; None where nothing is due."""
        row = await self._mails.find_one_and_update(
            {"state": WAITING, "scheduled_for": {"$lte": now}},
            {"$set": {"state": SENDING, "claim": claim, "claimed_until": now + CLAIM}},
            sort=[("scheduled_for", 1)],
            return_document=ReturnDocument.AFTER,
        )
        if row is None:
            return None
        return Mail(
            id=row["_id"],
            registration_id=row["registration_id"],
            event_id=row["event_id"],
            telling=row["telling"],
            news=row["news"],
            attempts=row["attempts"],
            put_off=row.get("put_off", 0),
            created_at=row["created_at"],
            first_tried_at=row.get("first_tried_at"),
            frozen=row.get("frozen"),
            correlation_id=row.get("correlation_id"),
            claim=claim,
            notice=_notice(row.get("notice")),
        )

    async def freeze(self, mail: Mail, frozen: Document, kind: str, now: datetime) -> bool:
        """Notes what the coming attempt says, before it; False where the claim was lost."""
        result = await self._mails.update_one(
            _mine(mail), {"$set": {"frozen": frozen, "kind": kind, "first_tried_at": mail.first_tried_at or now}}
        )
        return bool(result.matched_count)

    async def put_off(self, mail: Mail, until: datetime) -> None:
        """Waits for what the mail needs to be known: no attempt, and nothing is lost."""
        await self._mails.update_one(
            _mine(mail),
            {"$set": {"state": WAITING, "scheduled_for": until, "put_off": mail.put_off + 1}, "$unset": _NO_CLAIM},
        )

    async def drop(self, mail: Mail) -> None:
        """Removes a row that turned out to have no news; keeps it where news came meanwhile."""
        former = mail.notice.former if mail.notice is not None else None

        async def removed(session: Session | None = None) -> bool:
            result = await self._mails.delete_one({**_mine(mail), "news": mail.news}, session=session)
            if former is not None and session is not None and result.deleted_count:
                await self._forget_former(mail, former.number, session)
            return bool(result.deleted_count)

        if not await (removed() if former is None else self._store.database.atomically(removed)):
            await self.release(mail, answer_lost=False)

    async def release(self, mail: Mail, *, answer_lost: bool) -> None:
        """Puts a row back as it was, the attempt not counted. `answer_lost`: the server may have taken the mail."""
        unset = dict(_NO_CLAIM) if answer_lost else {**_NO_CLAIM, "frozen": ""}
        await self._mails.update_one(_mine(mail), {"$set": {"state": WAITING}, "$unset": unset})

    async def defer(self, mail: Mail, until: datetime, reason: str) -> None:
        """The server said "later": the next attempt says what stands then."""
        await self._mails.update_one(
            _mine(mail),
            {
                "$set": {"state": WAITING, "scheduled_for": until, "reason": reason, "attempts": mail.attempts + 1},
                "$unset": {**_NO_CLAIM, "frozen": ""},
            },
        )

    async def fail(self, mail: Mail, reason: str, now: datetime) -> None:
        """Gives the mail up until an organiser asks for it again, or there are more news for the person; for good where it
        is for an address that the person left."""
        if mail.notice is not None and mail.notice.former is not None:
            await self.drop(mail)
            return
        await self._mails.update_one(
            _mine(mail),
            {
                "$set": {"state": FAILED, "reason": reason, "failed_at": now, "attempts": mail.attempts + 1},
                "$unset": {**_NO_CLAIM, "frozen": ""},
            },
        )

    async def accepted(
        self, mail: Mail, told: Document, now: datetime, encloses: Due | None = None, follow: Sequence[str] = ()
    ) -> bool:
        """The server took the mail: the person was told `told`, and has the invitation that it `encloses`. News that came
        meanwhile get the next row, and each invitation that is to `follow` one of its own.

        A mail about one fact changes nothing in what the person was told. Returns False where another process has the
        row by now, or the person was forgotten meanwhile.
        """

        async def work(session: Session) -> bool:
            row = await self._mails.find_one(_mine(mail), session=session)
            copy = await self._store.registrations.find_one({"_id": mail.registration_id}, session=session)
            if row is None or copy is None:
                return False
            changes: Document = {}
            if mail.notice is None:
                earlier = copy.get("told") or {"sessions": {}}
                changes["told"] = {**told, "sessions": {**earlier["sessions"], **told["sessions"]}}
                changes["tellings"] = mail.telling
            former = mail.notice.former if mail.notice is not None else None
            invited = dict(copy.get("invited") or {})
            if encloses is not None and former is None:
                invited[encloses.session_id] = after(encloses, sent_of(invited))
                changes["invited"] = invited
            if changes:
                await self._store.registrations.update_one(
                    {"_id": mail.registration_id}, {"$set": changes}, session=session
                )
            await self._mails.update_one(
                {"_id": mail.id},
                {
                    "$set": {"state": SENT, "sent_at": now, "attempts": mail.attempts + 1},
                    "$unset": {**_NO_CLAIM, "frozen": "", "reason": "", "put_off": ""},
                },
                session=session,
            )
            # What is said word for word once more does not say what became news since it was said first.
            again = row["news"] > (mail.frozen or {}).get("news", mail.news)
            if again and mail.notice is None:
                await self.due([mail.registration_id], session, now, row.get("correlation_id"))
            if former is not None:
                await self._forget_former(mail, former.number, session)
                return True
            own: Sequence[str] = ()
            if mail.notice is not None and mail.notice.kind in INVITATIONS and (again or mail.frozen is not None):
                own = mail.notice.sessions  # what was said once more, word for word, may not be what stands
            named = (mail.registration_id, mail.event_id)
            await self.invite(*named, [*own, *follow], invited, session, now, mail.correlation_id)
            return True

        return await self._store.database.atomically(work)

    async def _forget_former(self, mail: Mail, number: int, session: Session) -> None:
        """Forgets an address that the person left, once nothing is to be sent to it any more."""
        name, people = f"former.{number}", self._store.registrations
        there = {"_id": mail.registration_id, name: {"$exists": True}}
        # All who look whether they are the last write here, so that of two at once one looks again.
        await people.update_one(there, {"$set": {f"{name}.done": mail.id}}, session=session)
        waits = {"registration_id": mail.registration_id, "state": {"$ne": SENT}, "notice.former.number": number}
        if await self._mails.find_one(waits, {"_id": 1}, session=session) is None:
            await people.update_one(there, {"$unset": {name: ""}}, session=session)

    async def retry(self, id_: str, now: datetime) -> str | None:
        """Tries a failed mail again; returns the state it was found in, None where there is no such mail."""
        row = await self._mails.find_one_and_update(
            {"_id": id_, "state": FAILED},
            {
                "$set": {"state": WAITING, "scheduled_for": now, "attempts": 0},
                "$unset": {"first_tried_at": "", "reason": ""},
            },
        )
        if row is None:
            row = await self._mails.find_one({"_id": id_}, {"state": 1})
        return str(row["state"]) if row is not None else None

    async def counts(self) -> dict[str, int]:
        """How many mails are in each state."""
        counts = dict.fromkeys((WAITING, SENDING, SENT, FAILED), 0)
        async for group in self._mails.aggregate([{"$group": {"_id": "$state", "count": {"$sum": 1}}}]):
            counts[group["_id"]] = group["count"]
        return counts

    async def count(self, state: str) -> int:
        """How many mails are in `state`."""
        return int(await self._mails.count_documents({"state": state}))

    async def depth(self) -> int:
        """How many mails are not sent yet."""
        return int(await self._mails.count_documents({"state": {"$in": [WAITING, SENDING]}}))

    async def lag(self, now: datetime) -> timedelta:
        """For how long the mail that is most overdue has been due; mails that wait for their agenda do not count."""
        row = await self._mails.find_one(
            {"state": WAITING, "scheduled_for": {"$lte": now}, "put_off": 0},
            {"scheduled_for": 1},
            sort=[("scheduled_for", 1)],
        )
        return max(timedelta(0), now - row["scheduled_for"]) if row else timedelta(0)

    async def rows(self, state: str | None, after: str, limit: int) -> list[Mapping[str, Any]]:
        """Rows in order of id, from `after` on; they hold no address and no name."""
        wanted: Document = {"_id": {"$gt": after}, **({"state": state} if state else {})}
        hidden = {"frozen": 0, "claim": 0, "claimed_until": 0}
        return [row async for row in self._mails.find(wanted, hidden).sort("_id", 1).limit(limit)]


def _mine(mail: Mail) -> Document:
    return {"_id": mail.id, "claim": mail.claim}


def notice_document(notice: Notice) -> Document:
    """A notice as its row holds it."""
    stored: Document = {"kind": notice.kind.value, "until": notice.until}
    if notice.sessions:
        stored |= {"sessions": list(notice.sessions), "through": notice.through.value}
    if notice.lost is not None:
        stored["lost"] = notice.lost.value
    if notice.former is not None:
        stored["former"] = asdict(notice.former)
    return stored


def notice_row(
    registration_id: str,
    event_id: str,
    notice: Notice,
    sequence: int | str,
    now: datetime,
    correlation_id: str | None,
) -> Document:
    """The row of a mail about the fact with this sequence, or whatever else it is known by."""
    id_ = notice_id(registration_id, notice.kind, sequence)
    row = _new(id_, registration_id, event_id, 0, now, correlation_id)
    return row | {"notice": notice_document(notice)}


def _notice(stored: Document | None) -> Notice | None:
    if stored is None:
        return None
    return Notice(
        Kind(stored["kind"]),
        stored["until"],
        tuple(stored.get("sessions", ())),
        Through(stored.get("through", Through.CALENDAR)),
        Lost(stored["lost"]) if "lost" in stored else None,
        Former(**stored["former"]) if "former" in stored else None,
    )


def _new(
    id_: str, registration_id: str, event_id: str, telling: int, now: datetime, correlation_id: str | None
) -> Document:
    return {
        "_id": id_,
        "schema": 1,
        "registration_id": registration_id,
        "event_id": event_id,
        "telling": telling,
        "state": WAITING,
        "scheduled_for": now,
        "created_at": now,
        "news": 1,
        "attempts": 0,
        "put_off": 0,
        "correlation_id": correlation_id,
    }
