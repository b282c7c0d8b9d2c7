"""The agenda of the benchmarks, told to the registration service as scheduling would."""

from __future__ import annotations

from typing import Any

from shared.config import Settings
from shared.contracts.registry import EVENTS
from shared.messaging.port import Outgoing
from shared.messaging.rabbit import RabbitTransport
from shared.messaging.topology import QUEUES
from shared.storage.mongo import Mongo
from tests.support import agenda as support
from tests.support.agenda import agenda_facts
from tests.support.events import milipol, workshop

SESSION = "milipol-2019-workshop-1"


KINDS = ("police", "research")
_KINDS: list[Any] = [{"id": id_, "name": {"en": id_}, "quota": 500} for id_ in KINDS]
_QUESTIONS: list[Any] = [
    {"id": "needs", "label": {"en": "What do you need?"}},
    {"id": "consent", "label": {"en": "I agree"}, "kind": "consent"},
]

ALL_RULES: dict[str, Any] = {
    "starts_on": "2090-11-20",
    "ends_on": "2090-11-20",
    "audiences": _KINDS,
    "requirements": [{"id": "fair", "name": {"en": "Fair"}, "policy": "hold"}],
    "members": {"domains": ["example.org"], "lists": ["efus"]},
    "questions": _QUESTIONS,
    "retention_days": 30,
    "admission": {
        "capacity": 5_000,
        "window": {"opens": "2019-01-01T00:00:00Z", "closes": "2090-01-01T00:00:00Z"},
        "members_only": True,
        "max_sessions": 3,
        "overlaps": "refuse",
        "offer_hours": 24,
        "cutoff_hours": 24,
        "reconfirmation": {"ask_days": 7, "answer_days": 2},
    },
}
"""An event with every rule that there is; `request` fulfils them."""

_SESSION_RULES: dict[str, Any] = {"quotas": {"police": 500}, "offer_hours": 24, "cutoff_hours": 12}


def request(number: int, *, all_rules: bool) -> dict[str, Any]:
    """The request of person `number`."""
    person = {"name": f"Person {number}", "email": f"person-{number}@example.org"}
    body: dict[str, Any] = {"event_id": "milipol-2019", "person": person, "sessions": [SESSION]}
    if all_rules:
        person["audience"] = KINDS[number % 2]
        body |= {"answers": {"needs": "Better data", "consent": True}, "numbers": {"fair": f"MP-{number}"}}
    return body


async def tell(settings: Settings, seats: int, *, all_rules: bool = False) -> None:
    """Publishes the agenda; it waits in the queue until registration comes."""
    rules: dict[str, Any] = ALL_RULES if all_rules else {"admission": {"window": {}}}
    event = milipol(**rules)
    session = workshop(1, capacity=seats, starts_at=None, admission=_SESSION_RULES if all_rules else {})
    transport = RabbitTransport(settings.broker_url, name="agenda")
    await transport.start()
    for queue, bindings in QUEUES.items():
        await transport.declare(queue, bindings)
    await transport.publish([Outgoing(EVENTS, one) for one in agenda_facts(event, session)])
    await transport.close()


async def taken_in(settings: Settings) -> None:
    """Waits until registration knows the agenda."""
    mongo = Mongo(settings.mongodb_uri, settings.database_prefix)
    try:
        await support.taken_in(mongo.database("registration"))
    finally:
        mongo.close()
