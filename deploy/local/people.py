"""A dozen invented people who are registered for the sample events; example.org gets no mail (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """One of them, with the sessions that were chosen where the event asks for a choice."""

    event_id: str
    name: str
    email: str
    language: str = "en"
    audience: str | None = None
    country: str | None = None
    sessions: tuple[str, ...] = ()
    at_the_fair: bool = False
    """Registered at the fair too, as the fair's own system tells."""


_SHOWCASE = ("sre-2019-project-presentations",)

PEOPLE: tuple[Person, ...] = (
    Person("sre-2019", "Aino Saarela", "aino.saarela@example.org", "en", "rescue", "FI"),
    Person("sre-2019", "Tomasz Wilk", "tomasz.wilk@example.org", "en", "police", "PL", _SHOWCASE),
    Person("sre-2019", "Inês Carvalho", "ines.carvalho@example.org", "en", "research", "PT", _SHOWCASE),
    Person("sre-2019", "Margaux Delorme", "margaux.delorme@example.org", "fr", "policy", "FR"),
    Person("sre-2019", "Jonas Lindqvist", "jonas.lindqvist@example.org", "en", "border-guard", "SE"),
    Person(
        "milipol-2019",
        "Chiara Fontanesi",
        "chiara.fontanesi@example.org",
        "en",
        None,
        "IT",
        ("milipol-2019-workshop-1", "milipol-2019-workshop-3"),
        at_the_fair=True,
    ),
    Person(
        "milipol-2019",
        "Bastien Rouvière",
        "bastien.rouviere@example.org",
        "fr",
        None,
        "FR",
        ("milipol-2019-workshop-1",),
    ),
    Person(
        "milipol-2019",
        "Katarzyna Bielak",
        "katarzyna.bielak@example.org",
        "en",
        None,
        "PL",
        ("milipol-2019-workshop-2", "milipol-2019-workshop-4"),
        at_the_fair=True,
    ),
    Person(
        "milipol-2019", "Sofie Damgaard", "sofie.damgaard@example.org", "en", None, "DK", ("milipol-2019-workshop-4",)
    ),
    Person(
        "efus-2021-round-3",
        "Élodie Marchetti",
        "elodie.marchetti@example.org",
        "fr",
        None,
        "FR",
        ("efus-2021-round-3-session-2", "efus-2021-round-3-session-3"),
    ),
    Person(
        "efus-2021-round-3",
        "Nuno Teixeira",
        "nuno.teixeira@example.org",
        "en",
        None,
        "PT",
        ("efus-2021-round-3-session-2",),
    ),
    Person(
        "efus-2021-round-3",
        "Hanneke Vos",
        "hanneke.vos@example.org",
        "en",
        None,
        "NL",
        ("efus-2021-round-3-session-3",),
    ),
)
