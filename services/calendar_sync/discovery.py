"""Finds the calendars of an account from what an attendee enters: an e-mail address, a host or a URL.

RFC 6764 section 6 for the place, RFC 5397 for the principal, RFC 4791 section 6.2.1 for the calendar homes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
from yarl import URL

from services.calendar_sync.dav_asking import Asking, Limits
from services.calendar_sync.discovery_failed import DiscoveryFailed, Reason
from services.calendar_sync.multistatus import APPLE, CALDAV, CALENDARSERVER, DAV, Resource, components, is_calendar
from services.calendar_sync.service_location import DnsLookup, Entered, host_of, origin_of, places, read_entered

_MOST_HOMES = 5
_MOST_CALENDARS = 300
_LONGEST_NAME = 200


@dataclass(frozen=True)
class FoundCalendar:
    """A calendar as its server describes it; None where the server does not tell."""

    address: str
    name: str
    colour: str | None = None
    """As #rrggbb."""
    components: tuple[str, ...] | None = None
    writable: bool | None = None
    syncs: bool = False
    """Whether it tells changes by sync-collection (RFC 6578)."""
    ctag: bool = False
    """Whether a tag of the whole calendar tells that something changed."""

    @property
    def takes_events(self) -> bool:
        """Whether sessions may be written to it, as far as is known."""
        return self.writable is not False and (self.components is None or "VEVENT" in self.components)


@dataclass(frozen=True)
class Home:
    """A collection in which calendars of the account lie. `can_make_calendars`: None where the server does not tell."""

    address: str
    calendars: tuple[FoundCalendar, ...]
    can_make_calendars: bool | None = None

    @property
    def server(self) -> str:
        """Scheme, host and port."""
        return origin_of(self.address)


@dataclass(frozen=True)
class Found:
    """An account: who signs in, and where its calendars are. `given` is the calendar whose own address was entered."""

    username: str | None
    principal: str | None
    homes: tuple[Home, ...]
    given: FoundCalendar | None = None

    @property
    def calendars(self) -> tuple[FoundCalendar, ...]:
        """The calendars of all homes, those first that take events."""
        every = [calendar for home in self.homes for calendar in home.calendars]
        return tuple(sorted(every, key=lambda calendar: not calendar.takes_events))


async def discover(
    address: str,
    username: str | None,
    password: str,
    http: aiohttp.ClientSession,
    lookup: DnsLookup,
    limits: Limits | None = None,
) -> Found:
    """The account at `address`: a URL, a host or an e-mail address, which then is the user name unless one is given.

    `http` must be a session on a guarded connector (shared/outward_aiohttp.py). The password is tried until it is
    refused once: servers lock accounts after a few wrong ones. Raises DiscoveryFailed with words for the attendee.
    """
    limits = limits or Limits()
    entered = read_entered(address, username)
    try:
        async with asyncio.timeout(limits.whole_seconds):
            asking = Asking(http, entered, password, limits)
            return await _first_of(await places(entered, lookup), asking, entered)
    except TimeoutError:
        raise DiscoveryFailed(Reason.NOT_ANSWERING, host=entered.host) from None


_TELLS_MORE = [
    Reason.ELSEWHERE,
    Reason.FORBIDDEN,
    Reason.LOGIN_PAGE,
    Reason.NOT_ANSWERING,
    Reason.UNREADABLE,
    Reason.NO_CALDAV,
    Reason.NOT_FOUND,
    Reason.UNREACHABLE,
]
"""Of several failures, the one that helps most is told. After any other, such as a wrong password, no more places are tried."""


async def _first_of(addresses: Iterable[str], asking: Asking, entered: Entered) -> Found:
    failures: list[DiscoveryFailed] = []
    silent: set[str] = set()
    for address in addresses:
        if origin_of(address) in silent:
            continue
        try:
            return await _look_at(address, asking, entered)
        except DiscoveryFailed as failure:
            if failure.reason not in _TELLS_MORE:
                raise
            if failure.reason is Reason.UNREACHABLE:
                silent.add(origin_of(address))
            failures.append(failure)
    raise min(failures, key=lambda failure: _TELLS_MORE.index(failure.reason))


async def _look_at(address: str, asking: Asking, entered: Entered) -> Found:
    """What is at `address`: a principal, or what leads to one, or a calendar, or a home without a principal."""
    url, resources = await asking.properties(address, _ENTRANCE, 0)
    here = _alive(resources)
    if here is None:
        raise DiscoveryFailed(Reason.NOT_FOUND)
    _check_signed_in(here, entered, url)
    given = _calendar(here, url)
    principal, homes = await _homes(here, url, asking)
    if homes:
        return Found(entered.username, principal, await _all_of(homes, asking), given)
    if given is not None:
        parent = re.sub(r"[^/]+/?$", "", url)
        return Found(entered.username, principal, (Home(parent, (given,)),), given)
    home = await _home(url, asking)
    if not home.calendars:
        raise DiscoveryFailed(Reason.NO_CALDAV, host=host_of(url))
    return Found(entered.username, principal, (home,))


async def _homes(here: Resource, url: str, asking: Asking) -> tuple[str | None, list[str]]:
    """The principal that `here` names, and the calendar homes that it or the principal names."""
    homes = [asking.link(url, href) for href in here.hrefs(f"{CALDAV}calendar-home-set")]
    named = here.hrefs(f"{DAV}current-user-principal")
    principal = asking.link(url, named[0]) if named else None
    if homes or principal is None:
        return principal or url, homes
    principal, resources = await asking.properties(principal, _ENTRANCE, 0)
    person = _alive(resources)
    hrefs = person.hrefs(f"{CALDAV}calendar-home-set") if person else []
    return principal, [asking.link(principal, href) for href in hrefs]


async def _all_of(addresses: list[str], asking: Asking) -> tuple[Home, ...]:
    """The homes that can be read; the others are left out. Raises DiscoveryFailed where none can."""
    homes: list[Home] = []
    failures: list[DiscoveryFailed] = []
    for address in dict.fromkeys(addresses[:_MOST_HOMES]):
        try:
            homes.append(await _home(address, asking))
        except DiscoveryFailed as failure:
            failures.append(failure)
    if not homes:
        raise failures[0]
    return tuple(homes)


async def _home(address: str, asking: Asking) -> Home:
    url, resources = await asking.properties(address, _CALENDARS, 1)
    url = url if url.endswith("/") else url + "/"
    calendars: dict[str, FoundCalendar] = {}
    may_add: bool | None = None
    for resource in resources:
        if resource.status >= 400 or not resource.href:
            continue
        try:
            there = asking.link(url, resource.href)
        except DiscoveryFailed:  # somebody's calendar on another server, where this password has no business
            continue
        if there.rstrip("/") == url.rstrip("/"):
            may_add = _may_add(resource)
        calendar = _calendar(resource, there)
        if calendar is not None and len(calendars) < _MOST_CALENDARS:
            calendars[there] = calendar
    makes = await _makes_calendars(url, asking) if may_add is not False else False
    return Home(url, tuple(calendars.values()), makes)


async def _makes_calendars(home: str, asking: Asking) -> bool | None:
    """Whether new calendars can be made in `home` (RFC 4791 section 5.3.1, RFC 5689), by what OPTIONS tells."""
    try:
        reply = await asking.ask("OPTIONS", home)
    except DiscoveryFailed:  # the account is there all the same
        return None
    allowed = _tokens(reply.headers.getall("Allow", []))
    offers = _tokens(reply.headers.getall("DAV", []))
    if reply.status >= 300 or not (allowed or offers):
        return None
    if "mkcalendar" in allowed or ("extended-mkcol" in offers and "mkcol" in allowed):
        return True
    if allowed:
        return False
    return True if {"calendar-access", "extended-mkcol"} & offers else None


def _calendar(resource: Resource, address: str) -> FoundCalendar | None:
    """The calendar that `resource` is; None where it is none, or a removed or a subscribed one."""
    if not is_calendar(resource):
        return None
    folder = URL(address, encoded=True).path.rstrip("/").rpartition("/")[2]
    name = resource.text(f"{DAV}displayname") or folder
    reports = resource.names(f"{DAV}supported-report-set") or set()
    return FoundCalendar(
        address=address if address.endswith("/") else address + "/",
        name="".join(sign for sign in name if sign.isprintable())[:_LONGEST_NAME],
        colour=_colour(resource.text(f"{APPLE}calendar-color")),
        components=components(resource),
        writable=_may_add(resource),
        syncs=f"{DAV}sync-collection" in reports,
        ctag=any(resource.text(tag) for tag in (f"{CALENDARSERVER}getctag", f"{DAV}sync-token")),
    )


def _may_add(resource: Resource) -> bool | None:
    """Whether the attendee may add something: DAV:bind, by itself or in a privilege that holds it (RFC 3744, section 3)."""
    told = resource.names(f"{DAV}current-user-privilege-set")
    return None if told is None else bool(told & {f"{DAV}all", f"{DAV}write", f"{DAV}bind"})


def _alive(resources: list[Resource]) -> Resource | None:
    return next((resource for resource in resources if resource.status < 400), None)


def _check_signed_in(here: Resource, entered: Entered, url: str) -> None:
    """A server may let everybody in to this place; then it says that it knows nobody (RFC 5397, section 3)."""
    told = here.names(f"{DAV}current-user-principal") or set()
    if f"{DAV}unauthenticated" in told and entered.username is not None:
        raise DiscoveryFailed(Reason.WRONG_PASSWORD, host=host_of(url))


def _colour(text: str | None) -> str | None:
    match = re.fullmatch(r"(#[0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?", text or "")
    return match[1].lower() if match else None


def _tokens(values: list[str]) -> set[str]:
    return {token.strip().lower() for value in values for token in value.split(",")} - {""}


_NAMES = (
    'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:A="http://apple.com/ns/ical/" '
    'xmlns:S="http://calendarserver.org/ns/"'
)
_ABOUT = (
    "<resourcetype/><displayname/><A:calendar-color/><C:supported-calendar-component-set/><current-user-privilege-set/>"
    "<supported-report-set/><S:getctag/><sync-token/>"
)
_ENTRANCE = (
    f'<?xml version="1.0" encoding="utf-8"?><propfind {_NAMES}><prop><current-user-principal/><C:calendar-home-set/>'
    f"{_ABOUT}</prop></propfind>"
).encode()
_CALENDARS = f'<?xml version="1.0" encoding="utf-8"?><propfind {_NAMES}><prop>{_ABOUT}</prop></propfind>'.encode()
