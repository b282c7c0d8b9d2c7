"""Drafts, revisions and their history on a real MongoDB: what is kept, what is refused, what a change writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.difference import What, difference
from services.scheduling.domain import AgendaRefused, NoSuchPart, publish
from services.scheduling.editing import EditedByHand, Editor, NoSuchEvent
from services.scheduling.history import DRAFTS, REVISIONS, WHOLE_EVERY
from services.scheduling.publication import event_state, session_states
from services.scheduling.store import COLLECTIONS, Store
from services.scheduling.views import Views
from shared.contracts.base import json_of
from shared.contracts.scheduling import Status
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX, Ledgers
from shared.storage.mongo import Database
from tests.support.big_agenda import big_agenda
from tests.unit.scheduling.samples import sample

MILIPOL, SRE = "milipol-2019", "sre-2019"
W1, W3 = f"{MILIPOL}-workshop-1", f"{MILIPOL}-workshop-3"
NOW = datetime(2019, 10, 1, 12, tzinfo=UTC)


class Desk:
    """An organiser's desk on a fresh database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = Store(database, lambda: NOW, lambda: None)
        self.views = Views(database)
        self.editor = Editor(self.store, lambda: NOW)

    async def published(self, agenda: Agenda) -> None:
        await self.editor.put(agenda.event.id, lambda _: agenda)
        await self.editor.publish(agenda.event.id, {"en": "First version"})

    async def rescheduled(self, session_id: str, starts: str) -> None:
        event_id = MILIPOL
        await self.editor.patch_part(event_id, "sessions", session_id, {"starts": starts})
        await self.editor.publish(event_id, {"en": f"At {starts}"})


@pytest.fixture
async def desk(database: Database) -> Desk:
    await database.declare([LEDGERS, OUTBOX, INBOX, *COLLECTIONS])
    return Desk(database)


async def test_every_earlier_revision_can_be_read(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    for number in range(5):
        await desk.rescheduled(W1, f"09:4{number}")
    for number in range(1, 6):
        agenda = await desk.store.revision_at(MILIPOL, number)
        assert agenda is not None
        starts = next(session.starts for session in agenda.sessions if session.id == W1)
        assert f"{starts:%H:%M}" == f"09:4{max(0, number - 1)}"
    assert await desk.store.revision_at(MILIPOL, 1) == sample(MILIPOL)
    assert await desk.store.revision_at(MILIPOL, 6) is None


async def test_every_earlier_draft_can_be_read_beyond_a_whole_one(desk: Desk) -> None:
    await desk.published(sample(SRE))
    room = f"{SRE}-opening-keynote"
    for number in range(1, WHOLE_EVERY + 10):
        await desk.editor.patch_part(SRE, "sessions", room, {"number": number})
    for version in (1, 2, WHOLE_EVERY, WHOLE_EVERY + 1, WHOLE_EVERY + 2, WHOLE_EVERY + 10):
        agenda = await desk.store.draft_at(SRE, version)
        assert agenda is not None
        expected = version - 1 or None
        assert next(session.number for session in agenda.sessions if session.id == room) == expected
    kept = desk.database[DRAFTS.name].find({"whole": True})
    assert [document["number"] async for document in kept] == [1, WHOLE_EVERY + 1]


async def test_a_removed_part_stays_in_the_revision_that_had_it(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    await desk.editor.remove_part(MILIPOL, "sessions", W3)
    now = await desk.editor.publish(MILIPOL, {})
    assert now.publication is not None
    assert [(s.id, s.status) for s in now.publication.sessions_told] == [(W3, Status.CANCELLED)]
    first, second = [await desk.store.revision_at(MILIPOL, number) for number in (1, 2)]
    assert first is not None
    assert second is not None
    assert W3 in {session.id for session in first.sessions}
    assert W3 not in {session.id for session in second.sessions}


async def test_restoring_is_a_new_revision_that_equals_the_old(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    await desk.rescheduled(W1, "09:45")
    await desk.editor.add_part(
        MILIPOL,
        "sessions",
        {"id": f"{MILIPOL}-extra", "kind": "social", "title": "Drinks", "date": "2019-11-20", "starts": "18:00"},
    )
    await desk.editor.publish(MILIPOL, {})
    now = await desk.editor.restore(MILIPOL, 1, {"en": "Back to the first version"})
    assert now.draft.agenda == sample(MILIPOL)
    assert now.publication is not None
    assert now.publication.published.revision == 4
    told = {session.id: session for session in now.publication.sessions_told}
    assert told.keys() == {W1, f"{MILIPOL}-extra"}
    assert told[f"{MILIPOL}-extra"].status is Status.CANCELLED, "who has it in a calendar hears of it"
    assert await desk.store.revision_at(MILIPOL, 4) == sample(MILIPOL)


async def test_restoring_does_not_overwrite_an_unpublished_edit_unseen(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    await desk.rescheduled(W1, "09:45")
    await desk.editor.patch_part(MILIPOL, "sessions", W3, {"starts": "14:10"})
    with pytest.raises(EditedByHand) as refused:
        await desk.editor.restore(MILIPOL, 1, {})
    assert [change.subject for change in refused.value.changes or []] == [f"sessions/{W3}"]
    now = await desk.editor.restore(MILIPOL, 1, {}, refused.value.version)
    assert now.draft.agenda == sample(MILIPOL)
    earlier = await desk.store.draft_at(MILIPOL, refused.value.version)
    assert earlier is not None
    assert f"{next(s.starts for s in earlier.sessions if s.id == W3):%H:%M}" == "14:10", "and yet it is not lost"


async def test_restoring_a_revision_that_never_was_is_refused(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    with pytest.raises(NoSuchPart):
        await desk.editor.restore(MILIPOL, 9, {})
    with pytest.raises(NoSuchEvent):
        await desk.editor.restore(SRE, 1, {})


async def test_a_file_does_not_replace_edits_by_hand_unseen(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    again = await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL))
    assert not again.changes, "control: a file over a file is no edit by hand"
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:45"})
    with pytest.raises(EditedByHand) as refused:
        await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL))
    changes = refused.value.changes or []
    assert [(c.subject, [f.field for f in c.fields]) for c in changes] == [(f"sessions/{W1}", ["starts"])]
    for knowing in (refused.value.version, "*"):
        edited = await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL), knowing)
        assert edited.after.agenda == sample(MILIPOL)
        await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:45"})


async def test_a_person_who_speaks_cannot_be_removed(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    with pytest.raises(AgendaRefused) as refused:
        await desk.editor.remove_part(MILIPOL, "people", "renaud-vedel")
    assert refused.value.problems[0]["field"] == f"sessions.{W1}.people.0.person"
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert draft.agenda == sample(MILIPOL)


async def test_the_public_change_log_hides_what_is_not_for_everybody(desk: Desk) -> None:
    event_id = "efus-2021-round-3"
    session = f"{event_id}-session-2"
    await desk.published(sample(event_id))
    secret = {"title": {"en": "Notes"}, "url": "https://members.example.org/notes", "audience": "members"}
    await desk.editor.patch_part(
        event_id,
        "sessions",
        session,
        {"join_url": "https://meet.example.org/other", "outcome": [secret], "ends": "15:10"},
    )
    await desk.editor.publish(event_id, {})
    newest = (await desk.views.revisions(event_id, before=None, limit=1))[0]
    assert {f["field"] for f in newest["changes"][0]["fields"]} >= {"join_url", "outcome", "ends_local"}
    assert "members.example.org" not in str(newest["public"])
    assert "meet.example.org" not in str(newest["public"])
    assert {f["field"] for f in newest["public"][0]["fields"]} == {"ends_local", "ends_at"}


async def test_a_change_writes_as_much_in_a_large_agenda_as_in_a_small_one(desk: Desk) -> None:
    written: dict[int, tuple[int, int]] = {}
    for sessions in (10, 300):
        event_id = f"size-{sessions}"
        agenda = agenda_of(Source(big_agenda(sessions, 20, event_id)))
        await desk.published(agenda)
        await desk.editor.patch_part(event_id, "sessions", f"{event_id}-session-3", {"starts": "08:30"})
        now = await desk.editor.publish(event_id, {})
        assert now.publication is not None
        assert not now.publication.event_told
        assert len(now.publication.sessions_told) == 1
        documents = [
            await desk.database[DRAFTS.name].find_one({"_id": f"{event_id}:2"}),
            await desk.database[REVISIONS.name].find_one({"_id": f"{event_id}:2"}),
        ]
        written[sessions] = (len(documents), sum(len(str(document)) for document in documents))
    assert written[10][0] == written[300][0]
    assert written[300][1] < written[10][1] + 100, "names and numbers differ by a few characters"


async def test_the_organisers_list_tells_what_is_not_published(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    await desk.editor.put(SRE, lambda _: sample(SRE))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:45"})
    lines = {line["_id"]: line for line in await desk.views.agendas(after=None, limit=10)}
    assert (lines[MILIPOL]["published_revision"], lines[MILIPOL]["unpublished"]) == (1, True)
    assert (lines[SRE]["published_revision"], lines[SRE]["unpublished"]) == (None, True)
    await desk.editor.publish(MILIPOL, {})
    lines = {line["_id"]: line for line in await desk.views.agendas(after=None, limit=10)}
    assert (lines[MILIPOL]["published_revision"], lines[MILIPOL]["unpublished"]) == (2, False)


async def test_an_agenda_of_the_first_form_is_read_and_goes_on(desk: Desk) -> None:
    """Schema 1 kept the draft and the published agenda whole."""
    agenda = sample(MILIPOL)
    state: dict[str, Any] = {
        "draft": agenda.as_data(),
        "draft_version": 4,
        "published": {
            "revision": 2,
            "agenda": agenda.as_data(),
            "event": json_of(event_state(agenda, 2, NOW)),
            "sessions": [json_of(session) for session in session_states(agenda, 2, NOW)],
        },
    }
    ledgers = Ledgers(desk.database)
    stream = f"events/{MILIPOL}"
    await ledgers.settle(stream, [await ledgers.commit(await ledgers.load(stream), state, at=NOW)])
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert (draft.agenda, draft.version) == (agenda, 4)
    await desk.rescheduled(W1, "09:45")
    after = await desk.store.draft(MILIPOL)
    assert after is not None
    assert after.version == 5
    assert after.published is not None
    assert after.published.revision == 3
    assert after.agenda == after.published.agenda
    changes = difference(agenda.as_data(), after.agenda.as_data())
    assert [(c.subject, c.what) for c in changes] == [(f"sessions/{W1}", What.CHANGED)]
    assert publish(after.agenda, after.published, {}, NOW) is None
