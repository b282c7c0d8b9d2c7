"""How often one client may ask: a bucket of tokens for each address and kind of request, in this process's memory.

Each process counts for itself: with several of a service, a client may do as many times more.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from aiohttp import web

from shared.clock import Monotonic
from shared.config import Network, Settings
from shared.web.problems import Problem

MOST_CLIENTS = 20_000
"""How many clients of one kind of request are remembered; beyond that, the one that was quiet for longest is forgotten."""


class Kind(StrEnum):
    """What is counted apart."""

    REGISTER = "register"
    PRIVATE = "private"
    """Forms of private pages."""
    SIGN_IN = "sign-in"
    """Wrong tokens of organisers."""
    DOOR = "door"
    """Wrong addresses of doors."""
    CONNECT = "connect"
    """Attendees' own calendars: requests that make us speak to a server that somebody named."""


@dataclass(frozen=True)
class Rate:
    """`burst` at once (0: no limit), and `per_second` of them come back."""

    burst: int
    per_second: float


_CONNECTING = Rate(5, 1 / 120)
"""Few: each may try a password on somebody's server."""


class Buckets:
    """A bucket for each client. Kept is only when it will be full again: a full one is the same as none."""

    def __init__(self, rate: Rate, monotonic: Monotonic, most: int = MOST_CLIENTS) -> None:
        self._rate, self._monotonic, self._most = rate, monotonic, most
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, client: str) -> float:
        """Seconds until `client` may ask; 0 for now. Takes nothing."""
        if not self._rate.burst:
            return 0.0
        missing = max(0.0, self._full_at.get(client, -math.inf) - self._monotonic()) * self._rate.per_second
        # Rounding must not keep back a token that has come.
        return max(0.0, missing + 1 - self._rate.burst - 1e-9) / self._rate.per_second

    def take(self, client: str) -> float:
        """Takes one token and returns 0; where there is none, takes nothing and returns the seconds until there is."""
        seconds = self.wait(client)
        if seconds or not self._rate.burst:
            return seconds
        now = self._monotonic()
        self._full_at[client] = max(self._full_at.get(client, now), now) + 1 / self._rate.per_second
        self._full_at.move_to_end(client)
        self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        # Each request adds one at the most, and looks at two: those that are full go, and no request pays for all.
        for _ in range(2):
            quiet = next(iter(self._full_at))
            if self._full_at[quiet] > now and len(self._full_at) <= self._most:
                return
            del self._full_at[quiet]


class Limits:
    """The limits of a process, as its settings say."""

    def __init__(self, settings: Settings, monotonic: Monotonic) -> None:
        rates = {
            Kind.REGISTER: Rate(settings.register_burst, settings.register_rate),
            Kind.PRIVATE: Rate(settings.private_burst, settings.private_rate),
            Kind.SIGN_IN: Rate(settings.wrong_sign_ins, (settings.wrong_sign_ins or 1) / 60),
            Kind.DOOR: Rate(settings.wrong_sign_ins, (settings.wrong_sign_ins or 1) / 60),
            Kind.CONNECT: _CONNECTING,
        }
        self._buckets = {kind: Buckets(rate, monotonic) for kind, rate in rates.items()}
        self._proxies = settings.proxy_networks

    def take(self, request: web.Request, kind: Kind) -> None:
        """Counts the request. Raises Problem 429 where its client asked too often."""
        self._told(kind, self._buckets[kind].take(client_of(request, self._proxies)))

    def take_of(self, subject: str, kind: Kind) -> None:
        """Counts a request about `subject`, wherever it comes from. Raises Problem 429 where there were too many."""
        self._told(kind, self._buckets[kind].take(subject))

    def check(self, request: web.Request, kind: Kind) -> None:
        """Raises Problem 429 where the request's client asked too often; counts nothing."""
        self._told(kind, self._buckets[kind].wait(client_of(request, self._proxies)))

    def _told(self, kind: Kind, seconds: float) -> None:
        if seconds:
            headers = {"Retry-After": str(math.ceil(seconds)), "Cache-Control": "private, no-store"}
            raise Problem(429, "too-many-requests", _SAID[kind], headers=headers)


LIMITS = web.AppKey("limits", Limits)


def client_of(request: web.Request, proxies: Sequence[Network]) -> str:
    """Whom the request is counted for: its address, as our own proxies tell it where it came through one of them; of an
    IPv6 address the first 64 bits, which is what one connection has.

    X-Forwarded-For is read from its end, where the nearest proxy writes, and only while proxies of ours are named: what
    stands before was said by the client and may be anything.
    """
    client = _address(request.remote or "")
    for said in reversed(list(_forwarded(request.headers.getall("X-Forwarded-For", [])))):
        if client is None or not any(client in network for network in proxies):
            break
        before = _address(said)
        if before is None:
            break
        client = before
    if client is None:
        return "unknown"
    return str(ipaddress.ip_network((int(client), 64), strict=False)) if client.version == 6 else str(client)


def _forwarded(headers: Iterable[str]) -> Iterable[str]:
    for header in headers:
        yield from header.split(",")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in `text`; None where there is none, and for what is longer than any address."""
    return _parsed(text) if len(text) <= 64 else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; of one with a port or a zone, the address alone. None for what is none."""
    bare = text.strip().partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_CROWDED = _("Many requests came from your address at once. Please wait a moment, then send this again.")
_SAID = {
    Kind.REGISTER: _CROWDED,
    Kind.PRIVATE: _CROWDED,
    Kind.SIGN_IN: _("Several wrong tokens came from your address. Please wait a minute, then try again."),
    Kind.DOOR: _("Several wrong door addresses came from where you are. Please wait a minute, then try again."),
    Kind.CONNECT: _("This was tried several times. Please wait two minutes, then try again."),
}
