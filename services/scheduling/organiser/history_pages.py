"""What was published and when, for organisers: every revision with all that it changed, and back to an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from services.scheduling.answers import revision_line, told_changes, unpublished
from services.scheduling.difference import Change, difference
from services.scheduling.domain import AgendaRefused, NoSuchPart
from services.scheduling.editing import EditedByHand, Editor, NoSuchEvent
from services.scheduling.organiser.changes import told
from services.scheduling.organiser.event_pages import (
    event_shared,
    note_in,
    problem_words,
    published_now,
    reader_of,
    yaml_answer,
)
from services.scheduling.organiser.visit import HOME, Gate, Visit
from services.scheduling.reading import moment_in_words
from services.scheduling.request_parts import cursor_to, number_in
from services.scheduling.store import Draft, DraftMoved, Store
from services.scheduling.views import Views

_REVISIONS = f"{HOME}/events/{{event_id}}/revisions"
_REVISION = f"{_REVISIONS}/{{number:[0-9]{{1,9}}}}"

SHOWN = 20
"""How many revisions a page shows."""


class HistoryPages:
    """`/organise/events/{event_id}/revisions` and each revision."""

    def __init__(self, store: Store, views: Views, editor: Editor) -> None:
        self._store, self._views, self._editor = store, views, editor

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get(_REVISIONS, gate.page(self.show_log)),
            web.get(_REVISION, gate.page(self.show_revision)),
            web.post(_REVISION, gate.form(self.restore)),
            web.get(f"{_REVISION}/agenda.yaml", gate.page(self.download)),
        ]

    async def show_log(self, visit: Visit) -> web.Response:
        """Every revision, newest first, with what is not for everybody."""
        draft = await self._draft(visit)
        agenda, reader = draft.agenda, reader_of(visit, draft.agenda)
        found = await self._views.revisions(visit.event_id, before=number_in(visit.request), limit=SHOWN + 1)
        lines = [revision_line(document, public=False) for document in found[:SHOWN]]
        agendas = [draft.published.agenda, agenda] if draft.published is not None else [agenda]
        context = {
            **event_shared(visit, draft),
            "revisions": [
                (
                    line,
                    moment_in_words(line.published_at, agenda.event.zone, visit.language),
                    told(line.changes, agendas, reader) if line.revision > 1 else [],
                )
                for line in lines
            ],
            "older": cursor_to(str(lines[-1].revision)) if len(found) > SHOWN else None,
        }
        return visit.page("revisions.html", context)

    async def show_revision(self, visit: Visit) -> web.Response:
        """What would change if this revision were published again."""
        return await self._page(visit)

    async def restore(self, visit: Visit) -> web.Response:
        """Makes the revision the draft and publishes it as a new one."""
        try:
            now = await self._editor.restore(visit.event_id, _number(visit), note_in(visit.typed()), visit.version)
        except (DraftMoved, EditedByHand) as error:
            return await self._page(visit, moved=error.changes or [])
        except AgendaRefused as error:
            return await self._page(visit, problems=error.problems)
        return visit.go(f"{HOME}/events/{visit.event_id}", **published_now(now.publication))

    async def download(self, visit: Visit) -> web.Response:
        """The revision as the file that can be imported again."""
        agenda = await self._store.revision_at(visit.event_id, _number(visit))
        if agenda is None:
            raise NoSuchPart("revisions", str(_number(visit)))
        return yaml_answer(agenda, f"{visit.event_id}-revision-{_number(visit)}.yaml")

    async def _page(
        self,
        visit: Visit,
        *,
        moved: Sequence[Change] | None = None,
        problems: Sequence[Mapping[str, str]] = (),
    ) -> web.Response:
        draft, number = await self._draft(visit), _number(visit)
        agenda = await self._store.revision_at(visit.event_id, number)
        found = await self._views.revisions(visit.event_id, before=number + 1, limit=1)
        if agenda is None or draft.published is None or not found:
            raise NoSuchPart("revisions", str(number))
        line, reader = revision_line(found[0], public=False), reader_of(visit, draft.agenda)
        back = difference(draft.published.agenda.as_data(), agenda.as_data())
        agendas = [agenda, draft.published.agenda, draft.agenda]
        context = {
            **event_shared(visit, draft),
            "number": number,
            "line": line,
            "moment": moment_in_words(line.published_at, agenda.event.zone, visit.language),
            "changes": told(line.changes, agendas, reader) if number > 1 else [],
            "back": told(told_changes(back), agendas, reader),
            "lost": told(told_changes(unpublished(draft)), agendas, reader),
            "moved": told(told_changes(moved), agendas, reader) if moved is not None else None,
            "problems": [problem_words(problem, visit) for problem in problems],
            "note": visit.typed(),
        }
        return visit.page("revision.html", context, 409 if moved is not None or problems else 200)

    async def _draft(self, visit: Visit) -> Draft:
        draft = await self._store.draft(visit.event_id)
        if draft is None:
            raise NoSuchEvent(visit.event_id)
        return draft


def _number(visit: Visit) -> int:
    return int(visit.request.match_info["number"])
