"""From what an attendee entered to the addresses at which a calendar account may be (RFC 6764, section 6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.rdata
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.SRV import SRV
from yarl import URL

from services.calendar_sync.discovery_failed import (
    ICLOUD,
    NOT_OFFERED,
    DiscoveryFailed,
    Reason,
    is_icloud,
    refuse_known,
)
from shared.outward import NotPermitted, check_url

WELL_KNOWN = "/.well-known/caldav"
_MOST_TARGETS = 3
_DNS_SECONDS = 5.0
_EMAIL = re.compile(r"[^\s@/]+@([^\s@/:]+)")


@dataclass(frozen=True)
class Target:
    """An SRV record (RFC 2782). `host` without its last dot; empty where the service is decidedly not offered."""

    priority: int
    weight: int
    port: int
    host: str


class DnsLookup(Protocol):
    """What is asked of the domain name system. No answer, in time or at all, is an empty one."""

    async def targets(self, name: str) -> Sequence[Target]:
        """The SRV records."""
        ...

    async def texts(self, name: str) -> Sequence[str]:
        """The TXT records."""
        ...


class SystemDns:
    """Asks the name servers of this machine."""

    def __init__(self, seconds: float = _DNS_SECONDS, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._seconds, self._resolver = seconds, resolver

    async def targets(self, name: str) -> list[Target]:
        """The SRV records."""
        return [
            Target(
                int(r.priority), int(r.weight), int(r.port), r.target.to_text(omit_final_dot=True).lower().strip(".")
            )
            for r in await self._ask(name, dns.rdatatype.SRV)
            if isinstance(r, SRV)
        ]

    async def texts(self, name: str) -> list[str]:
        """The TXT records."""
        found = [r for r in await self._ask(name, dns.rdatatype.TXT) if isinstance(r, TXT)]
        return [b"".join(r.strings).decode("utf-8", "replace") for r in found]

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> list[dns.rdata.Rdata]:
        try:
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver()
            return list(await self._resolver.resolve(name, kind, lifetime=self._seconds, search=False))
        except (dns.exception.DNSException, OSError):  # discovery goes on without it (RFC 6764, section 6, step 4)
            return []


@dataclass(frozen=True)
class Entered:
    """What was entered: a URL, or a domain (`url` None), and who signs in. `site` is where the password may go."""

    host: str
    site: str
    username: str | None
    url: str | None = None

    def trusts(self, host: str) -> bool:
        """Whether `host` belongs to whom the attendee named: it is the same host, or one is below the other."""
        return _same_site(host, self.site)


def read_entered(address: str, username: str | None) -> Entered:
    """`address` is a URL, a host or an e-mail address, which then is the user name too unless `username` is given.

    Raises DiscoveryFailed where it is none of them, or of a provider that is known not to work. A single word is none: a
    host without a dot in its name is entered as a URL.
    """
    text, who = address.strip(), (username or "").strip() or None
    email = _EMAIL.fullmatch(text)
    bare = email[1] if email else text
    named = re.sub(r"^caldavs?://", "https://", bare, flags=re.IGNORECASE)
    try:
        url = check_url(named if "://" in named else f"https://{named}")
    except NotPermitted as error:
        template = None if email or "://" not in text else error.words
        raise DiscoveryFailed(Reason.BAD_ADDRESS, template) from None
    host = host_of(url)
    refuse_known(host)
    who = who or (text if email else None)
    if who is not None and ":" in who:  # cannot be sent (RFC 7617, section 2)
        raise DiscoveryFailed(Reason.WRONG_PASSWORD, host=host)
    if is_icloud(host):
        given = url if host.endswith(ICLOUD) and "://" in named else f"https://caldav.{ICLOUD}/"
        return Entered(host_of(given), ICLOUD, who, given)
    is_domain = "://" not in named and not re.search(r"[/:?]", named)
    if is_domain and not email and "." not in host:
        raise DiscoveryFailed(Reason.BAD_ADDRESS)
    return Entered(host, host, who, None if is_domain else url)


async def places(entered: Entered, lookup: DnsLookup) -> list[str]:
    """The addresses to be tried, best first. Raises DiscoveryFailed where the domain says no, or leads elsewhere."""
    if entered.url is not None:
        origin = origin_of(entered.url)
        return list(dict.fromkeys([entered.url, origin + WELL_KNOWN, origin + "/"]))
    own = f"https://{entered.host}"
    service = f"_caldavs._tcp.{entered.host}"
    targets = sorted(await lookup.targets(service), key=lambda target: (target.priority, -target.weight))
    if not targets:
        return [own + WELL_KNOWN, own + "/"]
    offered = [target for target in targets if target.host][:_MOST_TARGETS]
    if not offered:
        raise DiscoveryFailed(Reason.NO_CALDAV, NOT_OFFERED, host=entered.host)
    # Whoever forges an answer of the name system must not get the password (RFC 6764, section 8).
    own_targets = [target for target in offered if entered.trusts(target.host)]
    if not own_targets:
        refuse_known(offered[0].host)
        raise DiscoveryFailed(Reason.ELSEWHERE, host=entered.host, target=offered[0].host)
    paths = [path for text in await lookup.texts(service) if (path := _path(text))][:1]
    found: list[str] = []
    for target in own_targets:
        origin = f"https://{target.host}" + ("" if target.port == 443 else f":{target.port}")
        found.extend(_checked(origin + path) for path in (*paths, WELL_KNOWN, "/"))
    return list(dict.fromkeys(found))


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL that was checked."""
    return str(URL(url, encoded=True).origin())


def host_of(url: str) -> str:
    """The host of a URL that was checked, in ASCII: names that only look alike are seen to differ."""
    return URL(url, encoded=True).raw_host or ""


def _path(text: str) -> str | None:
    """The path in a TXT record (RFC 6764, section 4)."""
    match = re.fullmatch(r"path=(/[\x21-\x7e]{0,500})", text)
    return match[1] if match and "#" not in text else None


def _checked(url: str) -> str:
    try:
        return check_url(url)
    except NotPermitted as error:
        raise DiscoveryFailed(Reason.UNREACHABLE, error.words) from None


def _same_site(one: str, other: str) -> bool:
    if one == other:
        return True
    if any(re.fullmatch(r"[\d.]+|.*:.*", host) for host in (one, other)):
        return False  # an IP address has nothing below it
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return "." in shorter and longer.endswith(f".{shorter}")
