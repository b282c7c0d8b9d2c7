"""How registration's things are stored, and read back. Fields that say nothing are left out.

`str(state)` is what `state.value` is, for a fraction of the time: a registration is stored with ten of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.registration.codes import Code
from services.registration.commands import Answer
from services.registration.consents import Consent
from services.registration.decisions.fold import Waiting
from services.registration.decisions.log import Effect, Entry
from services.registration.registrations import Held, Registration
from services.registration.requirements import Grant, number_keys
from shared.contracts.base import json_of
from shared.contracts.registration import Cause, Choice, Outcome, PersonDetails, Reason, RequirementState, SeatState
from shared.storage.mongo import Document

KEPT_KEYS = timedelta(days=1)
"""How long the answer to a request with an Idempotency-Key is kept."""

KEPT_MESSAGES = timedelta(days=30)
"""How long the answer to a message is kept: a queue may stand still for long."""


def registration_document(registration: Registration, manage_hash: str) -> Document:
    """The registration as stored. `manage_hash`: what its private address is found by."""
    r = registration
    said = {
        "answers": dict(r.answers),
        "held": r.held,
        "until": r.until,
        "cause": str(r.cause) if r.cause else None,
        "approved": r.approved,
        "code": r.code,
        "numbers": dict(r.numbers),
        "number_keys": list(number_keys(r.event_id, r.numbers).values()),
        "former_keys": list(r.former_keys),
        "requirements": {id_: str(state) for id_, state in r.requirements.items()},
        "hold_until": r.hold_until,
        "remind_at": r.remind_at,
        "reconfirm_until": r.reconfirm_until,
        "asked_at": r.asked_at,
        "rules_revision": r.rules_revision,
        "member": r.member,
        "consents": {id_: _consent_document(consent) for id_, consent in r.consents.items()},
        "attended_at": r.attended_at,
        "repeated_at": r.repeated_at,
        "erased": r.erased,
        "handed_on": r.handed_on,
        "due_at": r.due_at,
    }
    return {
        "schema": 1,
        "event_id": r.event_id,
        # An address that was made empty keeps no rule of what an address is.
        "person": {name: value for name, value in vars(r.person).items() if value is not None},
        "state": str(r.state),
        "place": r.place,
        "kind": r.kind,
        "choices": [_held_document(held) for held in r.choices],
        "link_generation": r.link_generation,
        "manage_hash": manage_hash,
        "registered_at": r.registered_at,
        "changed_at": r.changed_at,
    } | {name: value for name, value in said.items() if value}


def registration_from(id_: str, document: Mapping[str, Any]) -> Registration:
    """The registration from what is stored."""
    get = document.get
    # Checked when it came in; building it unchecked keeps the desk fast.
    person = PersonDetails.model_construct(**document["person"])
    return Registration(
        id=id_,
        event_id=document["event_id"],
        person=person,
        state=SeatState(document["state"]),
        place=document["place"],
        choices=tuple(_held_from(choice, person) for choice in document["choices"]),
        link_generation=document["link_generation"],
        registered_at=document["registered_at"],
        changed_at=document["changed_at"],
        answers=get("answers", {}),
        kind=_kind(document, person),
        held=get("held", False),
        until=get("until"),
        cause=Cause(document["cause"]) if get("cause") else None,
        approved=get("approved", False),
        code=get("code"),
        numbers=get("numbers", {}),
        former_keys=tuple(get("former_keys", ())),
        requirements={name: RequirementState(state) for name, state in get("requirements", {}).items()},
        hold_until=get("hold_until"),
        remind_at=get("remind_at"),
        reconfirm_until=get("reconfirm_until"),
        asked_at=get("asked_at"),
        rules_revision=get("rules_revision", 0),
        member=get("member", False),
        consents={name: _consent_from(consent) for name, consent in get("consents", {}).items()},
        attended_at=get("attended_at"),
        repeated_at=get("repeated_at"),
        erased=get("erased", False),
        handed_on=get("handed_on", False),
    )


def _consent_document(consent: Consent) -> Document:
    return {"at": consent.at} | ({"wording": consent.wording} if consent.wording else {})


def _consent_from(stored: Mapping[str, Any] | datetime) -> Consent:
    """An older form was the moment alone."""
    return Consent(stored) if isinstance(stored, datetime) else Consent(stored["at"], stored.get("wording"))


def wording_document(event_id: str, text: str) -> Document:
    """What can be agreed to, as stored."""
    return {"schema": 1, "event_id": event_id, "text": text}


def _held_document(held: Held) -> Document:
    said = {
        "held": held.held,
        "until": held.until,
        "instead_of": list(held.instead_of),
        "approved": held.approved,
        "cause": str(held.cause) if held.cause else None,
        "attended_at": held.attended_at,
    }
    document = {"session_id": held.session_id, "state": str(held.state), "place": held.place, "kind": held.kind}
    return document | {name: value for name, value in said.items() if value}


def _held_from(document: Mapping[str, Any], person: PersonDetails) -> Held:
    get = document.get
    return Held(
        document["session_id"],
        SeatState(document["state"]),
        get("place"),
        kind=_kind(document, person),
        held=get("held", False),
        until=get("until"),
        instead_of=tuple(get("instead_of", ())),
        approved=get("approved", False),
        cause=Cause(document["cause"]) if get("cause") else None,
        attended_at=get("attended_at"),
    )


def _kind(document: Mapping[str, Any], person: PersonDetails) -> str | None:
    """What it is counted as; of an earlier form, the person's kind of attendee."""
    kind: str | None = document.get("kind", person.audience)
    return kind


def answer_document(answer: Answer, now: datetime) -> Document:
    """An answer as stored; the clock of its end runs from `now`."""
    kept = KEPT_MESSAGES if answer.fingerprint is None else KEPT_KEYS
    return {
        "schema": 1,
        "expires_at": now + kept,
        "outcome": str(answer.outcome),
        "fingerprint": answer.fingerprint,
        "reasons": [json_of(reason) for reason in answer.reasons],
        "event_id": answer.event_id,
        "registration_id": answer.registration_id,
        "state": str(answer.state) if answer.state else None,
        "position": answer.position,
        "choices": [json_of(choice) for choice in answer.choices],
        "held": answer.held,
        "until": answer.until,
        "cause": str(answer.cause) if answer.cause else None,
    }


def answer_from(document: Mapping[str, Any]) -> Answer:
    """The answer from what is stored."""
    return Answer(
        outcome=Outcome(document["outcome"]),
        reasons=tuple(Reason(**reason) for reason in document["reasons"]),
        event_id=document["event_id"],
        registration_id=document["registration_id"],
        state=SeatState(document["state"]) if document["state"] else None,
        position=document["position"],
        choices=tuple(Choice.model_validate(choice) for choice in document["choices"]),
        fingerprint=document.get("fingerprint"),
        held=document.get("held", False),
        until=document.get("until"),
        cause=Cause(document["cause"]) if document.get("cause") else None,
    )


def waiting_document(event_id: str, waiting: Waiting) -> Document:
    """A place in line as stored."""
    return {
        "event_id": event_id,
        "line": waiting.line,
        "place": waiting.place,
        "registration_id": waiting.registration_id,
        "left": waiting.left,
        "kind": waiting.kind,
    }


def waiting_from(document: Mapping[str, Any]) -> Waiting:
    """A place in line from what is stored."""
    return Waiting(
        document["line"], document["place"], document["registration_id"], document["left"], document.get("kind")
    )


def code_document(event_id: str, code: Code) -> Document:
    """A code as stored; `due_at` where reserved seats have to be given back at its end."""
    document = {
        "schema": 1,
        "event_id": event_id,
        "code": code.id,
        "spelled": code.spelled,
        "sessions": list(code.sessions),
        "uses": code.uses,
        "used": code.used,
        "expires_at": code.expires_at,
        "person": code.person,
        "reserved": code.reserved,
        "released": code.released,
        "revoked": code.revoked,
        "label": code.label,
    }
    if code.reserved and not code.released and code.expires_at is not None:
        document["due_at"] = code.expires_at
    return document


def code_from(document: Mapping[str, Any]) -> Code:
    """A code from what is stored."""
    return Code(
        id=document["code"],
        spelled=document["spelled"],
        sessions=tuple(document["sessions"]),
        uses=document["uses"],
        used=document["used"],
        expires_at=document["expires_at"],
        person=document["person"],
        reserved=document["reserved"],
        released=document["released"],
        revoked=document["revoked"],
        label=document["label"],
    )


def grant_document(event_id: str, grant: Grant) -> Document:
    """Another organisation's decision as stored."""
    return {
        "schema": 1,
        "event_id": event_id,
        "requirement": grant.requirement,
        "key": grant.key,
        "state": str(grant.state),
        "decided_at": grant.decided_at,
    }


def grant_from(document: Mapping[str, Any]) -> Grant:
    """Another organisation's decision from what is stored."""
    return Grant(document["requirement"], document["key"], RequirementState(document["state"]), document["decided_at"])


def log_document(event_id: str, version: int, entries: tuple[Entry, ...], now: datetime) -> Document:
    """The log of one commit as stored. `about` finds it by registration, or by the key of a person without one."""
    about = {entry.registration_id for entry in entries} | {entry.person for entry in entries}
    about |= {effect.registration_id for entry in entries for effect in entry.effects}
    return {
        "schema": 1,
        "event_id": event_id,
        "version": version,
        "at": now,
        "about": sorted(name for name in about if name is not None),
        "entries": [
            {
                "by": entry.by,
                "command": entry.command,
                "outcome": entry.outcome,
                "reasons": [list(reason) for reason in entry.reasons],
                "registration_id": entry.registration_id,
                "person": entry.person,
                "effects": [
                    [e.registration_id, e.line, e.before and str(e.before), str(e.after), e.took, e.joined, e.left]
                    for e in entry.effects
                ],
                "capacities": [list(capacity) for capacity in entry.capacities],
            }
            for entry in entries
        ],
    }


def entries_from(document: Mapping[str, Any]) -> list[Entry]:
    """The entries of one commit from what is stored."""
    return [
        Entry(
            entry["by"],
            entry["command"],
            entry["outcome"],
            tuple((code, field) for code, field in entry["reasons"]),
            entry["registration_id"],
            entry["person"],
            tuple(
                Effect(id_, line, before and SeatState(before), SeatState(after), took, joined, left)
                for id_, line, before, after, took, joined, left in entry["effects"]
            ),
            tuple((line, capacity) for line, capacity in entry["capacities"]),
        )
        for entry in document["entries"]
    ]
