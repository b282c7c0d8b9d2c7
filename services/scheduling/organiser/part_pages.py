"""The forms of a session and of the event: edit in the draft, add, cancel, remove; nobody else's edit is lost unseen.

A form carries the version of the draft that it was filled from, so that what it changes is told from what it only repeats:
only the former is saved. Where somebody else has edited meanwhile, the form comes back with what they changed, keeps what was
typed, and asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from babel import Locale

from services.scheduling.agenda import Agenda
from services.scheduling.answers import told_changes
from services.scheduling.difference import Change
from services.scheduling.domain import AgendaRefused, NoSuchPart
from services.scheduling.editing import Editor, NoSuchEvent
from services.scheduling.imports.names import session_id as id_for
from services.scheduling.organiser.changes import Told, told
from services.scheduling.organiser.event_pages import (
    event_shared,
    note_in,
    part_of,
    problem_words,
    reader_of,
)
from services.scheduling.organiser.form import Sheet, Values, rows_in, with_rows
from services.scheduling.organiser.placing import input_type, label_of, names_of, placed, shown
from services.scheduling.organiser.sheets import (
    EVENT,
    SESSION,
    asked_hours,
    known_tracks,
    languages_of,
    session_sheet,
    track_of,
    values_of,
    with_ids_of_rows,
    without_needless_hours,
)
from services.scheduling.organiser.visit import HOME, Gate, Visit
from services.scheduling.organiser.warnings import hour_choices, language_name
from services.scheduling.organiser.words import audiences, field_names, kinds, outcome_kinds, policies, roles
from services.scheduling.store import Draft, DraftMoved, Store
from shared.contracts.base import said_in
from shared.contracts.scheduling import SessionKind, Status

_EVENT = f"{HOME}/events/{{event_id}}"
_SESSION = f"{_EVENT}/sessions/{{session_id}}"
MAX_ID = 80


@dataclass(frozen=True)
class Form:
    """What a form shows: the values, errors by field, errors of no field, and what somebody else changed meanwhile.

    `theirs` are the fields that both changed, with what the draft says now.
    """

    values: Values
    version: int
    errors: Mapping[str, dict[str, Any]]
    others: Sequence[dict[str, Any]] = ()
    moved: Sequence[Told] | None = None
    theirs: Mapping[str, str] | None = None


class PartPages:
    """`/organise/events/{event_id}/event` and `/organise/events/{event_id}/sessions/...`."""

    def __init__(self, store: Store, editor: Editor) -> None:
        self._store, self._editor = store, editor

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes. `new` is the id of no session: those begin with the event's."""
        return [
            web.get(f"{_EVENT}/event", gate.page(self.show_event)),
            web.post(f"{_EVENT}/event", gate.form(self.save_event)),
            web.get(f"{_EVENT}/sessions/new", gate.page(self.show_new)),
            web.post(f"{_EVENT}/sessions/new", gate.form(self.add)),
            web.get(_SESSION, gate.page(self.show_session)),
            web.post(_SESSION, gate.form(self.save_session)),
            web.get(f"{_SESSION}/cancel", gate.page(self.ask_cancel)),
            web.post(f"{_SESSION}/cancel", gate.form(self.cancel)),
            web.get(f"{_SESSION}/bring-back", gate.page(self.show_session)),
            web.post(f"{_SESSION}/bring-back", gate.form(self.bring_back)),
            web.get(f"{_SESSION}/remove", gate.page(self.ask_remove)),
            web.post(f"{_SESSION}/remove", gate.form(self.remove)),
        ]

    # The event

    async def show_event(self, visit: Visit) -> web.Response:
        """The event's own fields."""
        draft = await self._draft(visit)
        data = draft.agenda.as_data()["event"]
        values = values_of(draft.agenda, data, EVENT, languages_of(draft.agenda, data, EVENT))
        return self._event_page(visit, draft, Form(values, draft.version, {}))

    async def save_event(self, visit: Visit) -> web.Response:
        """Saves what was changed in the form."""
        draft = await self._draft(visit)
        rows = _rows_moved(visit.typed(), visit.said("act"), EVENT)
        if rows is not None:
            return self._event_page(visit, draft, Form(rows, visit.version, {}))
        saved = await self._saved(visit, draft, EVENT, "event", "")
        if isinstance(saved, Form):
            return self._event_page(visit, await self._draft(visit), saved, 409 if saved.moved is not None else 422)
        return visit.go(f"{HOME}/events/{visit.event_id}", done=saved)

    def _event_page(self, visit: Visit, draft: Draft, form: Form, status: int = 200) -> web.Response:
        agenda, reader = draft.agenda, reader_of(visit, draft.agenda)
        languages = languages_of(agenda, agenda.as_data()["event"], EVENT)
        context = {
            **self._context(visit, draft, form, languages),
            "policies": policies(visit.words).items(),
            "requirements": [(needed.id, reader.text(needed.name)) for needed in agenda.event.requirements],
            "rows": rows_in(form.values, "requirements"),
        }
        return visit.page("event_form.html", context, status)

    # A session

    async def show_session(self, visit: Visit) -> web.Response:
        """The session's fields."""
        draft = await self._draft(visit)
        return self._session_page(
            visit, draft, Form(_session_values(draft.agenda, _session_id(visit)), draft.version, {})
        )

    async def save_session(self, visit: Visit) -> web.Response:
        """Saves what was changed in the form; adding or removing a row saves nothing yet."""
        draft = await self._draft(visit)
        rows = _rows_moved(visit.typed(), visit.said("act"), SESSION)
        if rows is not None:
            return self._session_page(visit, draft, Form(rows, visit.version, {}))
        try:
            saved = await self._saved(visit, draft, session_sheet(draft.agenda), "sessions", _session_id(visit))
        except NoSuchPart:
            return await self._gone_page(visit, draft)
        if isinstance(saved, Form):
            return self._session_page(visit, await self._draft(visit), saved, 409 if saved.moved is not None else 422)
        return visit.go(f"{HOME}/events/{visit.event_id}", done=saved)

    async def _gone_page(self, visit: Visit, draft: Draft) -> web.Response:
        """What was typed, as a new session, where somebody else has removed the session meanwhile."""
        changes = await self._store.changes_since(visit.event_id, visit.version, draft)
        moved = told(told_changes(changes or []), [draft.agenda], reader_of(visit, draft.agenda))
        form = Form(SESSION.compact(visit.typed()), draft.version, {}, moved=moved)
        return self._session_page(visit, draft, form, 409, new=True)

    async def show_new(self, visit: Visit) -> web.Response:
        """An empty form, on the event's first day."""
        draft = await self._draft(visit)
        agenda = draft.agenda
        kind = {"workshops": SessionKind.WORKSHOP, "web-conferences": SessionKind.WEB_CONFERENCE}.get(
            agenda.event.kind.value, SessionKind.PRESENTATION
        )
        data = {"kind": kind.value, "date": agenda.event.starts_on.isoformat()}
        values = values_of(agenda, data, session_sheet(agenda), tuple(agenda.event.languages))
        return self._session_page(visit, draft, Form(values, draft.version, {}), new=True)

    async def add(self, visit: Visit) -> web.Response:
        """Adds the session to the draft; sent twice, it is added once."""
        draft = await self._draft(visit)
        agenda, typed = draft.agenda, visit.typed()
        rows = _rows_moved(typed, visit.said("act"), SESSION)
        if rows is not None:
            return self._session_page(visit, draft, Form(rows, visit.version, {}), new=True)
        languages = tuple(agenda.event.languages)
        sheet = session_sheet(agenda)
        values = without_needless_hours(agenda, sheet.compact(typed))
        groups, empty = sheet.groups(values, languages), sheet.groups({}, languages)
        changed = [name for name in groups if groups[name] != empty[name]]
        part = _without_nothing(sheet.patch(groups, changed, lambda lines: [track_of(agenda, one) for one in lines]))
        id_ = _new_id(agenda, said_in(part.get("title", {}), languages[0], languages[0]))
        try:
            await self._editor.add_part(visit.event_id, "sessions", {"id": id_, **part}, visit.version)
        except DraftMoved as error:
            moved = told(told_changes(error.changes or []), [agenda], reader_of(visit, agenda))
            return self._session_page(visit, draft, Form(values, error.version, {}, moved=moved), 409, new=True)
        except AgendaRefused as error:
            errors, others = placed(error, visit, sheet, f"sessions.{id_}.", values, languages)
            return self._session_page(visit, draft, Form(values, visit.version, errors, others), 422, new=True)
        return visit.go(f"{HOME}/events/{visit.event_id}", done="saved")

    # Cancel and remove

    async def ask_cancel(self, visit: Visit) -> web.Response:
        """What cancelling means, and the note that goes out with it."""
        return self._confirm_page(visit, await self._draft(visit), "cancel")

    async def cancel(self, visit: Visit) -> web.Response:
        """Cancels at once, in the draft and in what is published."""
        id_ = _session_id(visit)
        try:
            now = await self._editor.cancel_session(visit.event_id, id_, note_in(visit.typed()), visit.version)
        except DraftMoved as error:
            return self._confirm_page(visit, await self._draft(visit), "cancel", error.changes or [])
        except AgendaRefused as error:
            return self._confirm_page(visit, await self._draft(visit), "cancel", problems=error.problems)
        done = "cancelled" if now.publication is not None else "cancelled-draft"
        return visit.go(f"{HOME}/events/{visit.event_id}", done=done)

    async def bring_back(self, visit: Visit) -> web.Response:
        """Lets a cancelled session take place after all, in the draft."""
        patch = {"status": Status.SCHEDULED.value}
        try:
            await self._editor.patch_part(visit.event_id, "sessions", _session_id(visit), patch, visit.version)
        except DraftMoved as error:
            draft = await self._draft(visit)
            values = _session_values(draft.agenda, _session_id(visit))
            moved = told(told_changes(error.changes or []), [draft.agenda], reader_of(visit, draft.agenda))
            return self._session_page(visit, draft, Form(values, draft.version, {}, moved=moved), 409)
        return visit.go(f"{HOME}/events/{visit.event_id}", done="saved")

    async def ask_remove(self, visit: Visit) -> web.Response:
        """What removing means."""
        return self._confirm_page(visit, await self._draft(visit), "remove")

    async def remove(self, visit: Visit) -> web.Response:
        """Removes the session from the draft."""
        try:
            await self._editor.remove_part(visit.event_id, "sessions", _session_id(visit), visit.version)
        except DraftMoved as error:
            return self._confirm_page(visit, await self._draft(visit), "remove", error.changes or [])
        except AgendaRefused as error:
            return self._confirm_page(visit, await self._draft(visit), "remove", problems=error.problems)
        return visit.go(f"{HOME}/events/{visit.event_id}", done="removed")

    def _confirm_page(
        self,
        visit: Visit,
        draft: Draft,
        act: str,
        moved: Sequence[Change] | None = None,
        problems: Sequence[Mapping[str, str]] = (),
    ) -> web.Response:
        id_, reader = _session_id(visit), reader_of(visit, draft.agenda)
        session = part_of(draft.agenda, "sessions", id_)
        context = {
            **event_shared(visit, draft),
            "act": act,
            "session_id": id_,
            "session_title": reader.text(session["title"]),
            "is_published": draft.published is not None and id_ in draft.published.sessions,
            "moved": told(told_changes(moved), [draft.agenda], reader) if moved is not None else None,
            "problems": [problem_words(problem, visit) for problem in problems],
            "note": visit.typed(),
        }
        return visit.page("confirm.html", context, 409 if moved is not None or problems else 200)

    # What both forms need

    async def _draft(self, visit: Visit) -> Draft:
        draft = await self._store.draft(visit.event_id)
        if draft is None:
            raise NoSuchEvent(visit.event_id)
        return draft

    async def _saved(self, visit: Visit, draft: Draft, sheet: Sheet, section: str, id_: str) -> str | Form:
        """Saves what was changed, and returns what was done; a Form where it was not saved."""
        typed, version = sheet.compact(visit.typed()), visit.version
        agenda = draft.agenda
        now = _data(agenda, section, id_)
        languages = languages_of(agenda, now, sheet)
        if section == "sessions":
            typed = without_needless_hours(agenda, typed)
        else:
            typed = with_ids_of_rows(typed, "requirements", languages)
        current = values_of(agenda, now, sheet, languages)
        groups, now_groups = sheet.groups(typed, languages), sheet.groups(current, languages)
        base_groups = now_groups
        if version != draft.version:
            base = await self._store.draft_at(visit.event_id, version)
            try:
                before = _data(base, section, id_) if base is not None else {}
            except NoSuchPart:
                before = {}
            base_groups = sheet.groups(values_of(agenda, before, sheet, languages), languages)
        shown = {*typed, *visit.said("with").split()}
        mine = [name for name in groups if name in shown and groups[name] != base_groups[name]]
        values = sheet.overlaid(current, typed, mine)
        if version != draft.version:
            changes = await self._store.changes_since(visit.event_id, version, draft)
            return _moved_form(visit, draft, values, changes, mine, base_groups, now_groups, groups)
        if visit.said("act") == "keep-theirs":
            kept = set(visit.said("both").split())
            mine = [name for name in mine if name not in kept]
            values = sheet.overlaid(current, typed, mine)
        if not mine:
            return "unchanged"
        patch = sheet.patch(groups, mine, lambda lines: [track_of(agenda, one) for one in lines])
        prefix = "event." if section == "event" else f"{section}.{id_}."
        try:
            if section == "event":
                edited = await self._editor.patch_event(visit.event_id, patch, version)
            else:
                edited = await self._editor.patch_part(visit.event_id, section, id_, patch, version)
        except DraftMoved as error:  # between our reading and writing
            latest = await self._draft(visit)
            there = values_of(latest.agenda, _data(latest.agenda, section, id_), sheet, languages)
            values, latest_groups = sheet.overlaid(there, typed, mine), sheet.groups(there, languages)
            return _moved_form(visit, latest, values, error.changes, mine, now_groups, latest_groups, groups)
        except AgendaRefused as error:
            errors, others = placed(error, visit, sheet, prefix, typed, languages)
            return Form(values, version, errors, others)
        return "saved" if edited.changes else "unchanged"

    def _session_page(
        self, visit: Visit, draft: Draft, form: Form, status: int = 200, *, new: bool = False
    ) -> web.Response:
        agenda, reader = draft.agenda, reader_of(visit, draft.agenda)
        id_ = "" if new else _session_id(visit)
        data = {} if new else part_of(agenda, "sessions", id_)
        languages = languages_of(agenda, data, SESSION)
        zone = form.values.get("zone", "").strip() or agenda.event.zone
        names = Locale.parse(visit.language).languages
        spoken = sorted((str(name), code) for code, name in names.items() if len(code) == 2)
        context = {
            **self._context(visit, draft, form, languages),
            "new": new,
            "session_id": id_,
            "session_title": reader.text(data.get("title", {})),
            "is_cancelled": data.get("status") == Status.CANCELLED.value,
            "is_published": draft.published is not None and id_ in draft.published.sessions,
            "kinds": kinds(visit.words).items(),
            "roles": roles(visit.words).items(),
            "audiences": audiences(visit.words).items(),
            "outcome_kinds": outcome_kinds(visit.words).items(),
            "rooms": [(room.id, reader.text(room.name) or room.id) for room in agenda.rooms],
            "blocks": [(block.id, reader.text(block.title)) for block in agenda.blocks],
            "persons": sorted(
                ((person.id, person.name) for person in agenda.people), key=lambda item: item[1].casefold()
            ),
            "spoken": [(code, name) for name, code in spoken],
            "tracks": [said_in(track, languages[0], languages[0]) for track in known_tracks(agenda)],
            "hours": {
                name: hour_choices(instants, zone, visit.words)
                for name, instants in asked_hours(agenda, form.values).items()
            },
            "rows": {name: rows_in(form.values, name) for name in SESSION.rows},
            "quotas": [(kind.id, reader.text(kind.name)) for kind in agenda.event.audiences],
        }
        return visit.page("session_form.html", context, status)

    def _context(self, visit: Visit, draft: Draft, form: Form, languages: Sequence[str]) -> dict[str, Any]:
        labels, text = field_names(visit.words), reader_of(visit, draft.agenda).text
        labels |= {f"quotas.{k.id}": f"{labels['quotas']} ({text(k.name)})" for k in draft.agenda.event.audiences}
        return {
            **event_shared(visit, draft),
            "form": form,
            "values": form.values,
            "errors": form.errors,
            "theirs": form.theirs or {},
            "languages_here": [(code, language_name(code, visit.language)) for code in languages],
            "labels": labels,
            "label_of": lambda name: label_of(name, labels),
            "input_type": input_type,
            "version": form.version,
        }


def _moved_form(
    visit: Visit,
    draft: Draft,
    values: Values,
    changes: Sequence[Change] | None,
    mine: Sequence[str],
    base: Mapping[str, Any],
    now: Mapping[str, Any],
    typed: Mapping[str, Any],
) -> Form:
    """The form again: own changes kept, theirs shown, at the version that is there now."""
    agenda, names = draft.agenda, names_of(draft.agenda, visit)
    both = {
        name: shown(now[name], names.get(name, {})) or visit.words("nothing")
        for name in mine
        if base[name] != now[name] and now[name] != typed[name]
    }
    return Form(
        values,
        draft.version,
        {},
        moved=told(told_changes(changes or []), [agenda], reader_of(visit, agenda)),
        theirs=both,
    )


def _data(agenda: Agenda, section: str, id_: str) -> dict[str, Any]:
    return dict(agenda.as_data()["event"]) if section == "event" else part_of(agenda, section, id_)


def _session_values(agenda: Agenda, id_: str) -> Values:
    data, sheet = part_of(agenda, "sessions", id_), session_sheet(agenda)
    return values_of(agenda, data, sheet, languages_of(agenda, data, sheet))


def _session_id(visit: Visit) -> str:
    return visit.request.match_info["session_id"]


def _rows_moved(typed: Values, act: str, sheet: Sheet) -> Values | None:
    """The values with a row added or taken away; None where the form asks for something else."""
    what, _, rest = act.partition(":")
    name, _, number = rest.partition(".")
    rows = sheet.rows.get(name)
    if rows is None or what not in ("add", "remove"):
        return None
    there = rows_in(typed, name)
    if what == "add":
        there.append(dict(rows.defaults))
    elif number.isdecimal() and int(number) < len(there):
        del there[int(number)]
    return with_rows(typed, name, there)


def _without_nothing(patch: Mapping[str, Any]) -> dict[str, Any]:
    """Data of a new part: what is empty is left out."""
    result: dict[str, Any] = {}
    for name, value in patch.items():
        if isinstance(value, Mapping):
            value = _without_nothing(value)
        if value not in (None, {}, []):
            result[name] = value
    return result


def _new_id(agenda: Agenda, title: str) -> str:
    """An id for a new session, from its title; with a number where there is one such already."""
    taken = {session.id for session in agenda.sessions}
    base = id_for(agenda.event.id, title or "session")[: MAX_ID - 4].rstrip("-")
    return next(id_ for n in range(1, len(taken) + 2) if (id_ := base if n == 1 else f"{base}-{n}") not in taken)
