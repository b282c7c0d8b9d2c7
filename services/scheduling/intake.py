"""What scheduling does on messages: it keeps a copy of how full each event is, for its pages."""

from __future__ import annotations

from services.scheduling.views import Views
from shared.contracts.cloudevent import CloudEvent
from shared.contracts.registration import SEATS_CHANGED, SeatsState
from shared.contracts.registry import payload
from shared.messaging.consumer import EventHandler
from shared.messaging.port import Delivery


def handlers(views: Views) -> dict[str, EventHandler]:
    """The handler of each type that concerns scheduling."""

    async def seats_changed(event: CloudEvent, _: Delivery) -> None:
        await views.keep_seats(event, payload(event, SeatsState))

    return {SEATS_CHANGED: seats_changed}
