"""An event on the organiser's desk: what to look at, what is not published yet, publish, preview, translations, the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from services.scheduling.agenda import Agenda
from services.scheduling.answers import told_changes, unpublished
from services.scheduling.difference import Change
from services.scheduling.domain import AgendaRefused, NoSuchPart, Publication, publish
from services.scheduling.editing import Editor, NoSuchEvent
from services.scheduling.exports.files import FILES
from services.scheduling.exports.own import agenda_yaml
from services.scheduling.organiser.changes import Reader, told
from services.scheduling.organiser.visit import HOME, NOT_KEPT, Gate, Visit
from services.scheduling.organiser.warnings import groups, language_name, questions
from services.scheduling.organiser.words import fault_words
from services.scheduling.pages import event_context
from services.scheduling.programme import sections
from services.scheduling.public_view import public_agenda
from services.scheduling.publication import event_state, session_states
from services.scheduling.reading import moment_in_words, sayers
from services.scheduling.store import Draft, DraftMoved, Store
from services.scheduling.translations import reports
from services.scheduling.views import Views, in_order
from shared.clock import Clock
from shared.contracts.scheduling import Audience, SessionState, Status
from shared.web.access import SETTINGS

_EVENT = f"{HOME}/events/{{event_id}}"


class EventPages:
    """`/organise/events/{event_id}` and what hangs on it."""

    def __init__(self, store: Store, views: Views, editor: Editor, clock: Clock) -> None:
        self._store, self._views, self._editor, self._clock = store, views, editor, clock

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get(_EVENT, gate.page(self.show)),
            web.get(f"{_EVENT}/publish", gate.page(self.back)),
            web.post(f"{_EVENT}/publish", gate.form(self.publish)),
            web.get(f"{_EVENT}/sessions/{{session_id}}/zone-check", gate.page(self.back)),
            web.post(f"{_EVENT}/sessions/{{session_id}}/zone-check", gate.form(self.answer_zone_check)),
            web.get(f"{_EVENT}/preview", gate.page(self.preview)),
            web.get(f"{_EVENT}/translations", gate.page(self.translations)),
            web.get(f"{_EVENT}/draft.yaml", gate.page(self.download)),
        ]

    async def show(self, visit: Visit) -> web.Response:
        """Where the draft stands."""
        return await self._page(visit, await self._draft(visit))

    async def back(self, visit: Visit) -> web.Response:
        """Whoever comes back to the address of a form that was sent is shown the event."""
        return visit.go(f"{HOME}/events/{visit.event_id}")

    async def publish(self, visit: Visit) -> web.Response:
        """Publishes the draft that was shown, and no other."""
        typed = visit.typed()
        note = note_in(typed)
        try:
            now = await self._editor.publish(visit.event_id, note, visit.version)
        except DraftMoved as error:
            return await self._page(visit, await self._draft(visit), moved=error.changes or [], typed=typed)
        except AgendaRefused as error:
            return await self._page(visit, await self._draft(visit), problems=error.problems, typed=typed)
        return visit.go(f"{HOME}/events/{visit.event_id}", **published_now(now.publication))

    async def answer_zone_check(self, visit: Visit) -> web.Response:
        """Keeps which of the two readings is meant."""
        session_id, answer = visit.request.match_info["session_id"], visit.said("answer")
        patch = {"zone_check": answer}
        try:
            await self._editor.patch_part(visit.event_id, "sessions", session_id, patch, visit.version)
        except DraftMoved as error:
            return await self._page(visit, await self._draft(visit), moved=error.changes or [])
        except AgendaRefused as error:
            return await self._page(visit, await self._draft(visit), problems=error.problems)
        return visit.go(f"{HOME}/events/{visit.event_id}", done="answered")

    async def preview(self, visit: Visit) -> web.Response:
        """The event's page, as readers would see the draft."""
        draft = await self._draft(visit)
        now, published = self._clock(), draft.published
        event = event_state(draft.agenda, (published.revision if published else 0) + 1, now)
        agenda = public_agenda(event, draft_sessions(draft, event.revision, now), self._public_url(visit))
        members = [link for link in event.links if link.audience is Audience.MEMBERS]
        seats = await self._views.seats(event.id)
        context = event_context(agenda, members, seats, [], now, visit.language)
        return visit.page("preview.html", context | {"organise": f"{HOME}/events/{event.id}"})

    async def translations(self, visit: Visit) -> web.Response:
        """Which texts are missing in which language, and where to write them."""
        draft = await self._draft(visit)
        reader = reader_of(visit, draft.agenda)
        names = {session.id: reader.text(session.title) for session in draft.agenda.sessions}
        context = {
            **self._shared(visit, draft),
            "reports": [
                (
                    report.language,
                    language_name(report.language, visit.language),
                    report.texts,
                    [_missing(field, names) for field in report.missing],
                )
                for report in reports(draft.agenda)
            ],
        }
        return visit.page("translations.html", context)

    async def download(self, visit: Visit) -> web.Response:
        """The draft as the file that can be edited and imported again."""
        draft = await self._draft(visit)
        return yaml_answer(draft.agenda, f"{draft.agenda.event.id}.yaml")

    async def _draft(self, visit: Visit) -> Draft:
        draft = await self._store.draft(visit.event_id)
        if draft is None:
            raise NoSuchEvent(visit.event_id)
        return draft

    def _public_url(self, visit: Visit) -> str:
        return visit.request.app[SETTINGS].public_url

    def _shared(self, visit: Visit, draft: Draft) -> dict[str, Any]:
        return event_shared(visit, draft)

    async def _page(
        self,
        visit: Visit,
        draft: Draft,
        *,
        moved: Sequence[Change] | None = None,
        problems: Sequence[Mapping[str, str]] = (),
        typed: Mapping[str, str] | None = None,
    ) -> web.Response:
        """The page; `moved`: what somebody else changed while a form was filled in, `typed` what was typed in it."""
        agenda, published = draft.agenda, draft.published
        refused = bool(problems) or moved is not None
        reader = reader_of(visit, agenda)
        to_tell, held_back = self._to_tell(draft)
        event = event_state(agenda, 1, self._clock())
        states = in_order(session_states(agenda, 1, self._clock()))
        agendas = [published.agenda, agenda] if published is not None else [agenda]
        context = {
            **self._shared(visit, draft),
            "done": done_words(visit),
            "moved": told(told_changes(moved), agendas, reader) if moved is not None else None,
            "problems": [problem_words(problem, visit) for problem in problems],
            "questions": questions(agenda, reader),
            "groups": groups(agenda, dict(published.sessions) if published is not None else None, reader),
            "unpublished": told(told_changes(unpublished(draft)), agendas, reader) if published is not None else [],
            "to_tell": to_tell,
            "held_back": [problem_words(problem, visit) for problem in held_back],
            "sections": sections(event, states),
            "event": event,
            "status_of": {session.id: session.status for session in agenda.sessions},
            "states_of": {session.id: _state(session, draft) for session in states},
            "note": typed or {},
            "files": FILES.values(),
            "path": f"{HOME}/events/{agenda.event.id}",
        }
        return visit.page("event.html", context, 409 if refused else 200)

    def _to_tell(self, draft: Draft) -> tuple[Publication | None, list[dict[str, str]]]:
        """What publishing would tell, and what holds it back beside zone checks, which the page asks by themselves."""
        try:
            return publish(draft.agenda, draft.published, {}, self._clock()), []
        except AgendaRefused as error:
            return None, [problem for problem in error.problems if problem.get("code") != "zone-check"]


def draft_sessions(draft: Draft, revision: int, now: Any) -> list[SessionState]:
    """The sessions as publishing the draft would tell them: those that are gone from it stay, as cancelled."""
    states = session_states(draft.agenda, revision, now)
    here = {state.id for state in states}
    gone = [state for state in (draft.published.sessions if draft.published else {}).values() if state.id not in here]
    return in_order([*states, *(state.model_copy(update={"status": Status.CANCELLED}) for state in gone)])


def event_shared(visit: Visit, draft: Draft) -> dict[str, Any]:
    """What the pages of an event have in common."""
    agenda, published = draft.agenda, draft.published
    reader = reader_of(visit, agenda)
    moments = (
        [published.event.published_at, *(s.published_at for s in published.sessions.values())] if published else []
    )
    say, _ = sayers(visit.language, event_state(agenda, 1, visit.session.ends_at))
    return {
        "agenda": agenda,
        "title": reader.text(agenda.event.title),
        "text": reader.text,
        "say": say,
        "organise": f"{HOME}/events/{agenda.event.id}",
        "version": draft.version,
        "revision": published.revision if published else None,
        "published_at": moment_in_words(max(moments), agenda.event.zone, visit.language) if moments else "",
        "has_unpublished": published is None or published.agenda != agenda,
        "note_languages": [(code, language_name(code, visit.language)) for code in agenda.event.languages],
    }


def reader_of(visit: Visit, agenda: Agenda) -> Reader:
    """Who reads the event."""
    return Reader(visit.language, agenda.event.languages[0], visit.words)


def note_in(typed: Mapping[str, str]) -> dict[str, str]:
    """The note of a publication, by language."""
    notes = {name.removeprefix("note."): words.strip() for name, words in typed.items() if name.startswith("note.")}
    return {language: words for language, words in notes.items() if words and len(language) == 2}


def published_now(publication: Publication | None) -> dict[str, str | int]:
    """What the page after publishing says, as parameters of its address."""
    if publication is None:
        return {"done": "nothing-new"}
    number = len(publication.sessions_told)
    return {"done": "published", "revision": publication.published.revision, "told": number}


def done_words(visit: Visit) -> str:
    """What was just done, in words; empty where nothing was."""
    words, number = visit.words, visit.number("told") or 0
    done = visit.request.query.get("done", "")
    if done == "published":
        said = words("Published as revision {number}.").format(number=visit.number("revision") or 1)
        sessions = visit.ngettext("%(number)s session is told.", "%(number)s sessions are told.", number)
        return f"{said} {sessions % {'number': number}}"
    return {
        "nothing-new": words("Nothing that readers see has changed: no new revision."),
        "answered": words("Answered. The time is clear now."),
        "saved": words("Saved in the draft. Readers see it when you publish."),
        "unchanged": words("Nothing was changed."),
        "removed": words("Removed from the draft."),
        "imported": words("Imported into the draft. Readers see it when you publish."),
        "cancelled": words("Cancelled. Whoever has a seat is told."),
        "cancelled-draft": words("Cancelled in the draft."),
    }.get(done, "")


def problem_words(problem: Mapping[str, str], visit: Visit) -> dict[str, Any]:
    """A problem as it is shown: the field, the line where there is one, words, and whether these are the reader's."""
    message = problem["message"]
    if "line" in problem:
        message = message.removeprefix(f"line {problem['line']}: ")
    said, own = fault_words(message, problem.get("code", ""), visit.words, visit.language)
    return {"field": problem["field"], "line": problem.get("line"), "said": said, "own": own}


def yaml_answer(agenda: Agenda, name: str) -> web.Response:
    """An agenda as a file to keep."""
    headers = {**NOT_KEPT, "Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return web.Response(body=agenda_yaml(agenda), content_type="application/yaml", charset="utf-8", headers=headers)


def part_of(agenda: Agenda, section: str, id_: str) -> dict[str, Any]:
    """The JSON data of one part. Raises NoSuchPart."""
    found = next((part for part in agenda.as_data().get(section, []) if part["id"] == id_), None)
    if found is None:
        raise NoSuchPart(section, id_)
    return dict(found)


def _state(session: SessionState, draft: Draft) -> str:
    """new, changed or "" (as published)."""
    published = draft.published
    if published is None:
        return ""
    before = published.sessions.get(session.id)
    if before is None:
        return "new"
    ignored = {"revision", "published_at"}
    return "" if before.model_dump(exclude=ignored) == session.model_dump(exclude=ignored) else "changed"


def _missing(field: str, names: Mapping[str, str]) -> tuple[str, str, str]:
    """A missing text: what it is of, the field, and the path under the event's page where it is written."""
    section, _, rest = field.partition(".")
    id_, _, name = rest.partition(".")
    if section == "sessions" and id_ in names:
        return names[id_], name, f"/sessions/{id_}#{name}"
    in_form = section == "event" and rest in ("title", "subtitle", "description")
    return "", field, f"/event#{rest}" if in_form else "#file"
