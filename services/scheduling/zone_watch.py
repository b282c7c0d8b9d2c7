"""At each start: whether the installed tzdata reads published times otherwise than they were told, and the revisions for it.

A process reads the rules of time zones once, so a start is when new ones arrive. Whoever finds nothing to set right writes
nothing; several processes may look at once.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from services.scheduling.editing import Editor
from services.scheduling.store import Store
from services.scheduling.views import Views
from services.scheduling.zone_rules import moved
from shared.clock import Clock
from shared.storage.ledger import Conflict

_log = structlog.get_logger()


class ZoneWatch:
    """Sets published times right where the rules of their zone changed."""

    def __init__(self, store: Store, views: Views, editor: Editor, clock: Clock) -> None:
        self._store, self._views, self._editor, self._clock = store, views, editor, clock

    async def run(self) -> None:
        """Looks at every published event that is not over, once; one that fails never stops the others."""
        # A day less: somewhere on earth it is still yesterday.
        for event_id in await self._views.published_until(self._clock().date() - timedelta(days=1)):
            try:
                await self._look(event_id)
            except (ValueError, Conflict) as error:
                _log.exception("zone_rules_not_applied", event_id=event_id, error=type(error).__name__)

    async def _look(self, event_id: str) -> None:
        draft = await self._store.draft(event_id)
        if draft is None or draft.published is None:
            return
        found = moved(draft.published, self._clock())
        for one in found:
            if one.after is None:  # nobody but the organiser can say; it also stands among the warnings of the draft
                _log.warning(
                    "zone_rules_ask", event_id=event_id, session_id=one.session_id, field=one.field, problem=one.problem
                )
        if any(one.after is not None for one in found):
            now = await self._editor.set_right(event_id)
            if now.publication is not None:
                _log.warning("zone_rules_changed", event_id=event_id, moved=len(found))
