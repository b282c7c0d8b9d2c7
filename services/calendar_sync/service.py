"""The wiring of calendar-sync: facts in, feeds and status out, and a fleet of workers for the calendar servers."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from services.calendar_sync import accounts_store, store, verifications
from services.calendar_sync.accounts_store import AccountsStore
from services.calendar_sync.answering import Answering
from services.calendar_sync.api import CalendarsApi
from services.calendar_sync.clients import Clients, Credentials
from services.calendar_sync.connecting import Connecting, reseal
from services.calendar_sync.desired import Objects
from services.calendar_sync.domain import ScopeKind
from services.calendar_sync.feeds import Feeds
from services.calendar_sync.fleet import Fleet
from services.calendar_sync.intake import Intake
from services.calendar_sync.operations.private import PrivateCalendars
from services.calendar_sync.organiser_pages import OrganiserPages
from services.calendar_sync.pace import Pace
from services.calendar_sync.page.handlers import CalendarPage
from services.calendar_sync.private_access import PrivateAccess
from services.calendar_sync.reading import Agendas
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.sealing import Sealing
from services.calendar_sync.shared_calendars import SharedCalendars
from services.calendar_sync.store import Store
from services.calendar_sync.tools import Tools
from services.calendar_sync.upgrade import upgrade
from services.calendar_sync.upkeep import Upkeep
from services.calendar_sync.verifications import Verifier
from services.calendar_sync.watching import watch
from shared.calendar.entry import Words
from shared.config import Settings
from shared.messaging.consumer import dispatch
from shared.messaging.port import Subscription
from shared.messaging.topology import QUEUES
from shared.outward import AddressRule
from shared.service import Resources, Service
from shared.storage.lease import Lease
from shared.web.i18n import translations

NAME = "calendar-sync"
_QUEUE = "lectern.calendar-sync"


async def build(resources: Resources) -> Service:
    """The service. Without LECTERN_CALDAV_URL there are no shared calendars, without LECTERN_CREDENTIAL_KEYS no attendees'
    own accounts; feeds are always there."""
    settings, clock, database = resources.settings, resources.clock, resources.database
    await database.declare([*store.COLLECTIONS, *accounts_store.COLLECTIONS, *verifications.COLLECTIONS])
    await upgrade(database, resources.links)
    tools = make_tools(resources)
    shared = await _shared(settings, tools)
    fleet = Fleet(tools, database, lambda server: Lease(database, f"caldav {server}", resources.holder, clock), shared)
    answering = tools.answering
    intake = Intake(tools.store, tools.accounts, answering.forget, resources.links, clock, fleet.wake, answering.keep)
    rendering = tools.objects.rendering
    if tools.clients.sealing is not None:
        await reseal(tools.accounts, tools.clients.sealing)
    access, connecting = PrivateAccess(tools, resources.links, settings.public_url), Connecting(tools, fleet.wake)
    verifier = Verifier(
        tools,
        Upkeep(tools.accounts, tools.agendas, shared),
        Lease(database, "calendar verification", resources.holder, clock),
    )
    tasks: dict[str, Callable[[], Awaitable[None]]] = {
        "fleet": fleet.run,
        "sweep": fleet.sweep,
        "metrics": lambda: watch(tools, clock),
        "verifications": verifier.run,
    }
    return Service(
        name=NAME,
        routes=[
            *Feeds(tools.store, rendering, clock).routes(),
            *CalendarsApi(tools, shared, PrivateCalendars(tools, connecting, access).operations()).routes(),
            *CalendarPage(tools, connecting, access).routes(),
            *OrganiserPages(tools).routes(),
        ],
        subscriptions=[Subscription(_QUEUE, QUEUES[_QUEUE], dispatch(NAME, intake.handlers()))],
        templates=Path(__file__).parent / "templates",
        tasks=tasks,
        close=fleet.close,
    )


def make_tools(resources: Resources, pace: Pace | None = None) -> Tools:
    """What the workers, the pages and the API share."""
    settings, database, clock = resources.settings, resources.database, resources.clock
    rendering = Rendering(settings.public_url, settings.uid_domain, words_of)
    facts = Store(database)
    return Tools(
        store=facts,
        accounts=AccountsStore(database),
        agendas=Agendas(facts),
        objects=Objects(rendering, settings.uid_domain),
        clients=Clients(
            Credentials(
                settings.caldav_username,
                settings.caldav_password.get_secret_value() if settings.caldav_password else None,
            ),
            Sealing(settings.sealing_keys) if settings.sealing_keys else None,
            AddressRule(settings.allowed_networks),
        ),
        answering=Answering(database, clock, timedelta(minutes=settings.answer_grace_minutes), resources.wake_relay),
        clock=clock,
        ids=resources.ids,
        chance=random.random,
        pace=pace or Pace(),
    )


async def _shared(settings: Settings, tools: Tools) -> SharedCalendars | None:
    if settings.caldav_url is None:
        await SharedCalendars.undeclare(tools.accounts)
        return None
    kinds = frozenset(ScopeKind(kind) for kind in settings.shared_calendars.split())
    shared = SharedCalendars(tools.accounts, settings.caldav_url, kinds)
    await shared.declare(tools.clock())
    return shared


def words_of(language: str) -> Words:
    """The catalogue of a language."""
    return translations(language).gettext
