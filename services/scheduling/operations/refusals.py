"""Scheduling's refusals as problems (RFC 9457): each names what is wrong, where, and what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from services.scheduling.difference import Change
from services.scheduling.domain import AgendaRefused, NoSuchPart
from services.scheduling.editing import EditedByHand, NoSuchEvent
from services.scheduling.request_parts import etag
from services.scheduling.store import DraftMoved
from shared.contracts.cloudevent import problem
from shared.storage.ledger import Conflict
from shared.web.problems import Problem

_ONE = {"sessions": "session", "people": "person", "rooms": "room", "blocks": "block", "revisions": "revision"}


@contextlib.contextmanager
def refusals(detail: str, status: int = 422, code: str = "invalid") -> Iterator[None]:
    """Turns what an edit raises into an answer. `detail`, `status` and `code` are those of an agenda that is refused."""
    try:
        yield
    except AgendaRefused as error:
        raise Problem(status, code, detail, error.problems) from error
    except NoSuchEvent as error:
        raise no_event(str(error)) from error
    except NoSuchPart as error:
        one = _ONE[error.section]
        raise Problem(
            404,
            f"no-such-{one}",
            f"There is no {one} {error.id} in this event.",
            [problem(f"{one}_id" if one != "revision" else "number", "check the id", "unknown")],
        ) from error
    except DraftMoved as error:
        raise Problem(
            412,
            "draft-moved",
            f"Somebody else changed the draft{_named(error.changes)}. It is at version {error.version} now; read it again, then repeat your change.",
            _changed(error.changes, "changed since the version you have"),
            {"ETag": etag(error.version)},
        ) from error
    except EditedByHand as error:
        raise Problem(
            428,
            "edited-by-hand",
            f"This would replace edits that were made by hand{_named(error.changes)}. To replace them, send If-Match with the draft's ETag; to keep them, read the draft and put them into your file.",
            _changed(error.changes, "edited by hand"),
            {"ETag": etag(error.version)},
        ) from error
    except Conflict as error:
        raise Problem(503, "busy", "Many changes at once; please try again.", headers={"Retry-After": "1"}) from error


def no_event(event_id: str) -> Problem:
    """There is no such event."""
    return Problem(
        404, "no-such-event", f"There is no event {event_id}.", [problem("event_id", "check the id", "unknown")]
    )


def _named(changes: Sequence[Change] | None) -> str:
    subjects = [change.subject for change in changes or []]
    return f": {', '.join(subjects[:20])}" if subjects else ""


def _changed(changes: Sequence[Change] | None, words: str) -> list[dict[str, str]]:
    told = []
    for change in (changes or [])[:100]:
        names = ", ".join(field.field for field in change.fields)
        told.append(problem(change.subject, f"{words} ({names or change.what.value})", "changed"))
    return told
