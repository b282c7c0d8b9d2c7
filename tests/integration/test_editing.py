"""Drafts, revisions and their history on a real MongoDB: what is kept, what is refused, what a change writes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of
from services.scheduling.answers import revision_line
from services.scheduling.difference import What, difference
from services.scheduling.domain import (
    MAX_STATES,
    AgendaRefused,
    NoSuchPart,
    publish,
    with_part_added,
    with_part_patched,
)
from services.scheduling.editing import EditedByHand, Editor, NoSuchEvent
from services.scheduling.history import DRAFTS, REVISIONS, WHOLE_EVERY
from services.scheduling.publication import event_state, session_states
from services.scheduling.store import COLLECTIONS, DraftMoved, Store
from services.scheduling.upgrade import upgrade
from services.scheduling.views import Views
from shared.contracts.base import json_of
from shared.contracts.scheduling import Status
from shared.storage.inbox import INBOX
from shared.storage.ledger import LEDGERS, OUTBOX, Entry, Ledgers, Page
from shared.storage.mongo import Database
from tests.support.big_agenda import big_agenda
from tests.support.other_zone_rules import other_zone_rules
from tests.unit.scheduling.samples import sample, small

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
    shown = revision_line(newest, public=True)
    assert [(f.field, f.before, f.after) for f in shown.changes[0].fields] == [
        ("ends_local", "2021-05-05T15:00:00", "2021-05-05T15:10:00"),
        ("ends_at", "2021-05-05T13:00:00Z", "2021-05-05T13:10:00Z"),
    ]


async def test_a_change_writes_as_much_in_a_large_agenda_as_in_a_small_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[tuple[int, int, int]] = []
    commit = Ledgers.commit

    async def weighed(self: Ledgers, page: Page, state: Any, **rest: Any) -> Entry:
        entry = await commit(self, page, state, **rest)
        commits.append((len(entry.writes), len(entry.facts), len(str((state, entry.writes, entry.facts)))))
        return entry

    written: dict[int, list[tuple[int, int, int]]] = {}
    for sessions in (10, 300):
        event_id = f"size-{sessions}"
        await desk.published(agenda_of(Source(big_agenda(sessions, 20, event_id))))
        with monkeypatch.context() as patch:
            patch.setattr(Ledgers, "commit", weighed)
            await desk.editor.patch_part(event_id, "sessions", f"{event_id}-session-3", {"starts": "08:30"})
            await desk.editor.publish(event_id, {})
        written[sessions], commits = commits, []
    assert [(writes, facts) for writes, facts, _ in written[10]] == [(2, 0), (3, 1)]
    assert [(writes, facts) for writes, facts, _ in written[300]] == [(2, 0), (3, 1)]
    for (_, _, few), (_, _, many) in zip(written[10], written[300], strict=True):
        assert many < few + 100, "names and numbers differ by a few characters"


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


async def test_drafts_of_the_first_form_are_told_apart_and_read(desk: Desk) -> None:
    agenda = sample(MILIPOL)
    for version, starts in ((1, "09:40"), (2, "09:41"), (3, "09:42")):
        data = with_part_patched(agenda, "sessions", W1, {"starts": starts})
        await desk.database[DRAFTS.name].insert_one(
            {"_id": f"{MILIPOL}:{version}", "agenda": data, "at": NOW, "revision": version}
        )
    ledgers = Ledgers(desk.database)
    await ledgers.commit(await ledgers.load(f"events/{MILIPOL}"), {"draft": data, "draft_version": 3}, at=NOW)
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:43"}, 3)
    with pytest.raises(DraftMoved) as refused:
        await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:44"}, 2)
    changes = refused.value.changes or []
    assert [(f.before, f.after) for c in changes for f in c.fields] == [("09:41", "09:43")]
    for version in (2, 3, 4):
        earlier = await desk.store.draft_at(MILIPOL, version)
        assert earlier is not None
        assert f"{next(s.starts for s in earlier.sessions if s.id == W1):%H:%M}" == f"09:4{version - 1}"
    with pytest.raises(EditedByHand):
        await desk.editor.put(MILIPOL, lambda _: agenda)


async def test_a_version_that_a_stopped_process_left_behind_is_no_gap_in_the_history(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    async def stopped(*_: object) -> None:
        raise Stopped

    await desk.published(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:41"})
    with monkeypatch.context() as patch:
        patch.setattr(Ledgers, "settle", stopped)
        with pytest.raises(Stopped):
            await desk.editor.publish(MILIPOL, {})
    assert await desk.database[REVISIONS.name].find_one({"_id": f"{MILIPOL}:2"}) is None, "control: it is not written"
    await desk.rescheduled(W3, "14:10")
    third = await desk.store.revision_at(MILIPOL, 3)
    assert third is not None
    starts = {session.id: f"{session.starts:%H:%M}" for session in third.sessions}
    assert (starts[W1], starts[W3]) == ("09:41", "14:10")


async def test_a_history_with_a_gap_gives_no_agenda_rather_than_a_wrong_one(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    for minute in (1, 2):
        await desk.rescheduled(W1, f"09:4{minute}")
    await desk.database[REVISIONS.name].delete_one({"_id": f"{MILIPOL}:2"})
    assert await desk.store.revision_at(MILIPOL, 1) == sample(MILIPOL)
    assert await desk.store.revision_at(MILIPOL, 3) is None


async def test_a_file_of_before_does_not_undo_a_restoration_or_a_merge_unseen(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    await desk.rescheduled(W1, "09:41")
    await desk.rescheduled(W1, "09:42")
    await desk.editor.restore(MILIPOL, 2, {})
    with pytest.raises(EditedByHand):
        await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL))
    with_link = agenda_of(Source(with_part_patched(sample(MILIPOL), "sessions", W3, {"join_url": "https://x.example"})))
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    await desk.editor.put(MILIPOL, lambda _: with_link, draft.version, merges=True)
    with pytest.raises(EditedByHand):
        await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL))


async def test_a_move_beyond_the_calendar_is_refused_and_the_event_goes_on(desk: Desk) -> None:
    await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL))
    with pytest.raises(AgendaRefused, match="1900 to 2200"):
        await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL), shift_to=date(2300, 1, 1))
    draft = await desk.store.draft(MILIPOL)
    assert draft is not None
    assert draft.agenda == sample(MILIPOL)


async def test_the_largest_agenda_can_be_published_and_changed_as_a_whole(desk: Desk) -> None:
    data = big_agenda(300, 2, "large-2021")
    for person in data["people"]:
        person["position"] = {"en": "p" * 2_600}
    await desk.published(agenda_of(Source(data)))
    for id_ in ("person-0", "person-1"):
        await desk.editor.patch_part("large-2021", "people", id_, {"position": {"en": "q" * 2_600}})
    now = await desk.editor.publish("large-2021", {})
    assert now.publication is not None
    told = sum(len(session.model_dump_json()) for session in now.publication.sessions_told)
    assert told > 0.85 * MAX_STATES, "control: it is near the limit"
    assert await desk.store.revision_at("large-2021", 2) == now.draft.agenda


async def test_a_change_that_readers_do_not_see_is_published_without_a_revision(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    await desk.editor.patch_part(MILIPOL, "people", "david-faure", {"email": "david@example.org"})
    now = await desk.editor.publish(MILIPOL, {})
    assert now.publication is None
    assert now.draft.published is not None
    assert now.draft.published.revision == 1
    line = (await desk.views.agendas(after=None, limit=1))[0]
    assert (line["published_revision"], line["unpublished"]) == (1, False)
    await desk.rescheduled(W1, "09:41")
    second = await desk.store.revision_at(MILIPOL, 2)
    assert second is not None
    assert next(person.email for person in second.people if person.id == "david-faure") == "david@example.org"


async def test_a_dry_run_is_refused_as_the_real_one_would_be(desk: Desk) -> None:
    await desk.published(sample(MILIPOL))
    with pytest.raises(DraftMoved):
        await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL), 77, dry_run=True)
    await desk.editor.patch_part(MILIPOL, "sessions", W1, {"starts": "09:45"})
    with pytest.raises(EditedByHand) as refused:
        await desk.editor.put(MILIPOL, lambda _: sample(MILIPOL), dry_run=True)
    assert [change.subject for change in refused.value.changes or []] == [f"sessions/{W1}"]


async def test_new_rules_of_a_zone_hold_no_cancellation_back(desk: Desk) -> None:
    """A session that the new rules made impossible is the organiser's question, and not everybody's."""
    day = "2021-03-14"
    agenda = small({"date": day, "starts": "02:30", "ends": "03:30"}, starts_on=day, ends_on=day)
    other = {"id": f"{MILIPOL}-other", "kind": "social", "title": "Drinks", "date": day, "starts": "18:00"}
    await desk.published(agenda_of(Source(with_part_added(agenda, "sessions", other))))
    with other_zone_rules("Europe/Paris", like="America/New_York"):  # clocks skip 02:30 on that day
        with pytest.raises(AgendaRefused):
            await desk.editor.publish(MILIPOL, {})
        now = await desk.editor.cancel_session(MILIPOL, f"{MILIPOL}-other", {})
        assert now.publication is not None
        assert [session.id for session in now.publication.sessions_told] == [f"{MILIPOL}-other"]
        await desk.editor.cancel_event(MILIPOL, {})


async def test_events_of_an_earlier_form_are_listed_with_their_series(desk: Desk) -> None:
    await desk.published(sample("efus-2021-round-3"))
    events, agendas = desk.database["events"], desk.database["agendas"]
    await events.update_one({}, {"$unset": {"series": "", "programme": ""}, "$set": {"schema": 1}})
    await agendas.delete_many({})
    assert not await desk.views.events(after=None, limit=5, series="efus-innovation"), "control: it is not found"
    for _ in range(2):
        await upgrade(desk.database, desk.store, lambda: NOW)
    found = await desk.views.events(after=None, limit=5, series="efus-innovation")
    assert [event.id for event in found] == ["efus-2021-round-3"]
    assert [line["_id"] for line in await desk.views.agendas(after=None, limit=5)] == ["efus-2021-round-3"]
