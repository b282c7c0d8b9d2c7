"""Who takes what: every durable queue of Lectern with its bindings, in one table.

Each process declares all of it at start, so that a fact told before its consumer's first start waits for it in the queue,
and "unroutable" means for certain that nobody subscribed.
"""

from __future__ import annotations

from shared.contracts.registry import EVENTS, INTAKE
from shared.messaging.port import Binding

QUEUES: dict[str, tuple[Binding, ...]] = {
    "lectern.registration": (
        Binding(EVENTS, "lectern.scheduling.#"),
        Binding(INTAKE, "#"),
    ),
    "lectern.scheduling": (Binding(EVENTS, "lectern.registration.seats-changed.*"),),
    "lectern.notification": (
        Binding(EVENTS, "lectern.scheduling.#"),
        Binding(EVENTS, "lectern.registration.registration-changed.*"),
        Binding(EVENTS, "lectern.registration.registration-reminded.*"),
        Binding(EVENTS, "lectern.registration.registration-repeated.*"),
        Binding(EVENTS, "lectern.registration.registration-erased.*"),
        Binding(EVENTS, "lectern.calendar-sync.#"),
    ),
    "lectern.calendar-sync": (
        Binding(EVENTS, "lectern.scheduling.#"),
        Binding(EVENTS, "lectern.registration.registration-changed.*"),
        Binding(EVENTS, "lectern.registration.registration-erased.*"),
    ),
}
