"""An e-mail address that a person left: what was invited to there is withdrawn there, and then the address is forgotten."""

from __future__ import annotations

from datetime import datetime

from services.notification.domain import Former, Kind, Notice
from services.notification.invitations import Due, Sent, is_over, sent_of
from services.notification.mails import Mails, notice_row
from services.notification.store import SENDING, SENT, WAITING, Agenda, Copy, Store
from shared.calendar.invitation import Method
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import RegistrationState, SeatState
from shared.storage.mongo import Document, Session


async def leave(
    store: Store,
    mails: Mails,
    before: Copy,
    state: RegistrationState,
    session: Session,
    now: datetime,
    event: CloudEvent,
) -> None:
    """The person's address changed with `event`, from that in `before` to that in `state`: notes the mails with which the
    invitations leave the old one, and those with which they come to the new one.

    Call it in the transaction that keeps `state`.
    """
    correlation_id = event.correlationid or event.id
    held = await _held(store, before, session)
    await _call_back(store, state.id, session)
    if not held:
        return
    number = before.moves + 1
    person = before.state.person
    # For the new address nothing stands; its REQUEST goes above the CANCEL, which may come later to the same calendar.
    invited: Document = {**(before.invited or {}), **{id_: _withdrawn(one) for id_, one in held.items()}}
    address = {"name": person.name, "email": person.email, "language": person.language}
    await store.registrations.update_one(
        {"_id": state.id},
        {"$set": {"invited": invited, f"former.{number}": address, "moves": number}},
        session=session,
    )
    rows = []
    for id_, one in sorted(held.items()):
        # The ORGANIZER must be the one that invited, whose reply address the old mailbox knows from there: calendars take an end
        # from nobody else (RFC 5546, section 3.2.5). It is void once `state` has new private addresses. Where it has not, it
        # stays alive there with the manage link: the CANCEL tells nothing more, and leaving it out would only lose the CANCEL.
        former = Former(number, one.sequence + 1, one.generation or before.state.link_generation)
        notice = Notice(Kind.WITHDRAWAL, None, (id_,), former=former)
        rows.append(notice_row(state.id, state.event_id, notice, f"{number}.{id_}", now, correlation_id))
    await mails.note(rows, session, now)
    if not _gets_letter(before, state):
        await mails.invite(state.id, state.event_id, sorted(held), invited, session, now, correlation_id)


def withdrawal(notice: Notice, copy: Copy, agenda: Agenda, at: datetime) -> Due | None:
    """The end of an invitation at an address that was left; None where the session is over, or the address is forgotten."""
    [session_id] = notice.sessions
    former, session = notice.former, agenda.sessions.get(session_id)
    if former is None or session is None or is_over(session, at) or str(former.number) not in (copy.former or {}):
        return None
    return Due(session_id, Method.CANCEL, former.sequence, "", former.generation)


def addressed(copy: Copy, notice: Notice | None) -> RegistrationState:
    """The registration with the address that the mail goes to: that of now, or one that the person left. Raises KeyError
    where that one is forgotten."""
    if notice is None or notice.former is None:
        return copy.state
    address = (copy.former or {})[str(notice.former.number)]
    person = copy.state.person.model_copy(update={name: address[name] for name in ("name", "email", "language")})
    return copy.state.model_copy(update={"person": person, "link_generation": notice.former.generation})


async def _held(store: Store, before: Copy, session: Session) -> dict[str, Sent]:
    """The invitations that the old address has, or may have: one under way counts, its answer may be lost."""
    sent = sent_of(before.invited)
    held = {id_: one for id_, one in sent.items() if one.method is Method.REQUEST}
    frozen = {**_of_now(before.state.id), "frozen.encloses": {"$exists": True}}
    async for row in store.mails.find(frozen, {"frozen.encloses": 1}, session=session):
        due = Due.of(row["frozen"]["encloses"])
        earlier = sent.get(due.session_id)
        if due.method is Method.REQUEST or due.session_id in held:
            sequence = max(due.sequence, earlier.sequence if earlier is not None else 0)
            count = earlier.count if earlier is not None else 0
            held[due.session_id] = Sent(Method.REQUEST, sequence, due.matter, count, due.generation)
    return held


async def _call_back(store: Store, registration_id: str, session: Session) -> None:
    """Attempts under way were for the old address: whatever becomes of them, what stands is said to the new one."""
    await store.mails.update_many(
        {**_of_now(registration_id), "state": {"$in": [WAITING, SENDING]}},
        {"$set": {"state": WAITING}, "$unset": {"claim": "", "claimed_until": "", "frozen": ""}},
        session=session,
    )


def _of_now(registration_id: str) -> Document:
    """Mails that are not sent yet, but for those to addresses that were left earlier."""
    return {"registration_id": registration_id, "state": {"$ne": SENT}, "notice.former": {"$exists": False}}


def _withdrawn(one: Sent) -> Document:
    return {
        "method": Method.CANCEL.value,
        "sequence": one.sequence + 1,
        "matter": one.matter,
        "count": one.count,
        "generation": one.generation,
    }


def _gets_letter(before: Copy, state: RegistrationState) -> bool:
    """Whether a mail that tells the new private addresses is due: it brings the invitations along."""
    renewed = state.link_generation > before.state.link_generation
    return renewed and before.told is not None and state.state is not SeatState.CANCELLED
