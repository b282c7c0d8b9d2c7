"""What an organiser can do to an agenda, for the API and the pages alike: import, edit, publish, cancel, restore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import structlog

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.difference import Change, difference
from services.scheduling.domain import (
    AgendaRefused,
    NoSuchPart,
    Publication,
    cancelled,
    publish,
    with_event_cancelled,
    with_event_patched,
    with_part_added,
    with_part_patched,
    with_part_removed,
    with_session_cancelled,
)
from services.scheduling.shift import shifted, weeks_until
from services.scheduling.store import Decide, Decision, Draft, DraftMoved, Store
from services.scheduling.zone_rules import rederived
from shared.clock import Clock
from shared.contracts.cloudevent import problem

Expected = int | Literal["*"] | None
"""The version of the draft that an edit is made for; `*`: whatever it is; None: not said."""

Make = Callable[[Agenda | None], Agenda]
"""Makes a whole agenda, given the draft that is there (None: there is none)."""

_log = structlog.get_logger()


class NoSuchEvent(LookupError):
    """There is no draft of this event."""


class EditedByHand(Exception):
    """A whole agenda would replace edits that were made by hand since the last import; `changes` are those edits."""

    def __init__(self, version: int, changes: list[Change] | None) -> None:
        super().__init__(f"the draft was edited by hand; it is at version {version}")
        self.version, self.changes = version, changes


@dataclass(frozen=True)
class Edited:
    """An edit that was made (or tried): the draft before and after, and what the edit changed."""

    before: Draft | None
    after: Draft
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class PublishedNow:
    """What was published; `publication` None: there was nothing new."""

    draft: Draft
    publication: Publication | None


class Editor:
    """The acts of organisers. All raise AgendaRefused with every fault, DraftMoved where `expected` is not the version,
    NoSuchEvent, and Conflict where too many write at once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def put(
        self,
        event_id: str,
        make: Make,
        expected: Expected = None,
        *,
        shift_to: date | None = None,
        dry_run: bool = False,
        merges: bool = False,
    ) -> Edited:
        """Makes what `make` returns the draft, moved by whole weeks to begin on or after `shift_to`; `dry_run`: tells only.
        `merges`: it keeps what the draft has beside it, edits by hand too.

        Raises EditedByHand where that would replace edits by hand and `expected` does not say that they are known.
        """

        def decide(before: Draft | None) -> Decision:
            agenda = make(before.agenda if before is not None else None)
            if agenda.event.id != event_id:
                message = f"the agenda is of {agenda.event.id}, and not of {event_id}; import it there"
                raise AgendaRefused([problem("event.id", message, "other-event")])
            if shift_to is not None:
                agenda = _moved(agenda, shift_to)
            changed = before is not None and before.agenda.as_data() != agenda.as_data()
            by_hand = before is not None and before.version > before.imported_version
            if before is not None and changed and expected is None and by_hand:
                raise EditedByHand(before.version, None)
            draft = replace(before, agenda=agenda) if before else Draft(agenda, 0)
            return Decision(draft, whole=not (merges and by_hand))

        try:
            before, decision = await self._change(event_id, decide, expected, dry_run=dry_run)
        except EditedByHand as error:
            draft = _there(await self._store.draft(event_id), event_id)
            since = await self._store.changes_since(event_id, draft.imported_version, draft)
            raise EditedByHand(draft.version, since) from error
        after = decision.draft
        _log.info("agenda_imported", event_id=event_id, dry_run=dry_run, draft_version=after.version)
        return _edited(before, after)

    async def patch_event(self, event_id: str, patch: Mapping[str, Any], expected: Expected = None) -> Edited:
        """Merges `patch` into the event (RFC 7396)."""
        return await self._edit(event_id, lambda agenda: with_event_patched(agenda, patch), expected)

    async def patch_part(
        self, event_id: str, section: str, id_: str, patch: Mapping[str, Any], expected: Expected = None
    ) -> Edited:
        """Merges `patch` into a session, person, room or block (RFC 7396). Raises NoSuchPart."""
        return await self._edit(event_id, lambda agenda: with_part_patched(agenda, section, id_, patch), expected)

    async def add_part(self, event_id: str, section: str, part: Mapping[str, Any], expected: Expected = None) -> Edited:
        """Adds a session, person, room or block."""
        return await self._edit(event_id, lambda agenda: with_part_added(agenda, section, part), expected)

    async def remove_part(self, event_id: str, section: str, id_: str, expected: Expected = None) -> Edited:
        """Removes a session, person, room or block. A published session is told as cancelled. Raises NoSuchPart."""
        return await self._edit(event_id, lambda agenda: with_part_removed(agenda, section, id_), expected)

    async def publish(self, event_id: str, note: Mapping[str, str], expected: Expected = None) -> PublishedNow:
        """Publishes the draft. Nothing changed: no new revision."""

        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            return Decision(draft, publish(draft.agenda, draft.published, note, self._clock()))

        return await self._publish(event_id, decide, expected)

    async def restore(
        self,
        event_id: str,
        number: int,
        note: Mapping[str, str],
        expected: Expected = None,
        *,
        draft_only: bool = False,
    ) -> PublishedNow:
        """Makes an earlier revision the draft and, unless `draft_only`, publishes it as a new revision.

        Sessions that came later are told as cancelled. Raises NoSuchPart for a revision that there is not, EditedByHand
        where the draft holds what is not published and `expected` does not say that it is known.
        """
        agenda = await self._store.revision_at(event_id, number)

        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            if agenda is None:
                raise NoSuchPart("revisions", str(number))
            published = draft.published
            if expected is None and published is not None and draft.agenda != published.agenda:
                unpublished = difference(published.agenda.as_data(), draft.agenda.as_data())
                raise EditedByHand(draft.version, unpublished)
            told = None if draft_only else publish(agenda, published, note, self._clock())
            # Restoring is an edit by hand: a file of before must not undo it unseen.
            return Decision(replace(draft, agenda=agenda), told)

        return await self._publish(event_id, decide, expected)

    async def cancel_session(
        self, event_id: str, session_id: str, note: Mapping[str, str], expected: Expected = None
    ) -> PublishedNow:
        """Cancels a session at once: in the draft and, where it is published, in a new revision. Raises NoSuchPart."""
        return await self._cancel(event_id, session_id, note, expected)

    async def cancel_event(self, event_id: str, note: Mapping[str, str], expected: Expected = None) -> PublishedNow:
        """Cancels the event and all its sessions at once."""
        return await self._cancel(event_id, None, note, expected)

    async def set_right(self, event_id: str) -> PublishedNow:
        """Publishes the times anew that the rules of their zone read otherwise than they were told; the draft stays."""

        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            told = rederived(draft.published, self._clock()) if draft.published is not None else None
            return Decision(draft, told)

        return await self._publish(event_id, decide, None)

    async def _cancel(
        self, event_id: str, session_id: str | None, note: Mapping[str, str], expected: Expected
    ) -> PublishedNow:
        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            known = draft.published is not None and session_id in draft.published.sessions
            agenda = draft.agenda
            if session_id is None:
                agenda = with_event_cancelled(agenda)
            elif not known or any(session.id == session_id for session in agenda.sessions):
                agenda = with_session_cancelled(agenda, session_id)
            # Only the cancellation is told: what else the draft holds stays a draft.
            told = cancelled(draft.published, session_id, note, self._clock()) if draft.published is not None else None
            return Decision(replace(draft, agenda=agenda), told)

        return await self._publish(event_id, decide, expected)

    async def _edit(self, event_id: str, edit: Callable[[Agenda], dict[str, Any]], expected: Expected) -> Edited:
        def decide(before: Draft | None) -> Decision:
            draft = _there(before, event_id)
            return Decision(replace(draft, agenda=agenda_of(Source(edit(draft.agenda)))))

        before, decision = await self._change(event_id, decide, expected)
        return _edited(before, decision.draft)

    async def _publish(self, event_id: str, decide: Decide, expected: Expected) -> PublishedNow:
        _, decision = await self._change(event_id, decide, expected)
        publication = decision.publication
        published = publication.published if publication is not None else decision.draft.published
        if publication is not None and not publication.makes_revision:
            publication = None
        if publication is not None:
            _log.info(
                "revision_published",
                event_id=event_id,
                revision=publication.published.revision,
                sessions_told=len(publication.sessions_told),
            )
        return PublishedNow(replace(decision.draft, published=published), publication)

    async def _change(
        self, event_id: str, decide: Decide, expected: Expected, *, dry_run: bool = False
    ) -> tuple[Draft | None, Decision]:
        if expected == "*" and await self._store.draft(event_id) is None:
            raise DraftMoved(0, None)  # RFC 9110, section 13.1.1: nothing is there that could match
        version = expected if isinstance(expected, int) else None
        return await self._store.change(event_id, decide, version, dry_run=dry_run)


def _edited(before: Draft | None, after: Draft) -> Edited:
    changes = difference(before.agenda.as_data() if before else None, after.agenda.as_data())
    return Edited(before, after, tuple(changes))


def _there(draft: Draft | None, event_id: str) -> Draft:
    if draft is None:
        raise NoSuchEvent(event_id)
    return draft


def _moved(agenda: Agenda, day: date) -> Agenda:
    try:
        agenda = shifted(agenda, weeks_until(agenda, day))
    except OverflowError as error:
        raise AgendaRefused([problem("shift_to", "beyond the calendar; choose a nearer day")]) from error
    return agenda_of(Source(agenda.as_data()))  # days and times are checked anew
