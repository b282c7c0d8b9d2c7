"""The sample events, and small agendas made from them for one purpose each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.scheduling.agenda import Agenda
from services.scheduling.agenda_file import Source, agenda_of, read_agenda

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


def sample_bytes(event_id: str) -> bytes:
    """The file of a sample event."""
    return (EXAMPLES / f"{event_id}.yaml").read_bytes()


def sample(event_id: str) -> Agenda:
    """A sample event as an agenda."""
    return read_agenda(sample_bytes(event_id), is_json=False)


def small(session: dict[str, Any] | None = None, **event: Any) -> Agenda:
    """An event in Paris with one workshop on 20 November 2019, changed as told. Raises AgendaRefused."""
    return agenda_of(Source(small_data(session, **event)))


def small_data(session: dict[str, Any] | None = None, **event: Any) -> dict[str, Any]:
    """The data of `small`."""
    return {
        "event": {
            "id": "milipol-2019",
            "kind": "workshops",
            "title": "Workshops",
            "zone": "Europe/Paris",
            "starts_on": "2019-11-20",
            "ends_on": "2019-11-20",
        }
        | event,
        "sessions": [
            {
                "id": "milipol-2019-workshop-1",
                "kind": "workshop",
                "title": "Datasets",
                "date": "2019-11-20",
                "starts": "09:40",
                "ends": "10:55",
            }
            | (session or {})
        ],
    }
