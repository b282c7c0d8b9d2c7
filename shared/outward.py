"""Which addresses a URL that somebody entered may lead to: the internet, and no network of ours (CWE-918).

Everything that is not plainly a public unicast address is refused (IANA's registries of special-purpose addresses, RFC
6890), unless the operator has allowed its network. What a name leads to is decided when the connection is made
(shared/outward_aiohttp.py), for a name may lead elsewhere the next time it is asked.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from yarl import URL

from shared.config import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 2000
"""Characters."""


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


UNREACHABLE = _("This address cannot be reached from the internet. Please check how it is written.")
"""The same whether nothing is there or we may not go there: who tries addresses learns nothing about our network."""
HTTPS_ONLY = _("The address must begin with https://, so that nobody can read the password on its way.")
_NO_ADDRESS = _("This is not the address of a server; it looks like https://calendar.example.org/.")
_TOO_LONG = _("This address is too long.")
_PASSWORD_INSIDE = _("There is a user name or a password in the address; please enter them in their own fields.")
_FRAGMENT = _("Please leave out the # in the address and what follows it.")


class NotPermitted(Exception):
    """Where this leads we do not go. `words` is a sentence for people, a text of the catalogues."""

    def __init__(self, words: str = UNREACHABLE) -> None:
        super().__init__(words)
        self.words = words


_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that it leads to
_SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # of providers (RFC 6598)
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by its number, but a service of the host inside Azure
        "169.254.0.0/16",  # link local; the metadata of cloud machines too
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
        "2001::/23",  # of the IETF's protocols: Teredo (2001::/32), ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address may be in it (RFC 7526)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


@dataclass(frozen=True)
class AddressRule:
    """The internet, and beside it the networks that the operator allows (`account_networks`)."""

    allowed_networks: tuple[Network, ...] = ()

    def permitted(self, ip: Address) -> bool:
        """Whether a connection to `ip` may be made."""
        if self.allowed(ip):
            return True
        plain = _plain(ip)
        if isinstance(plain, ipaddress.IPv6Address) and plain in _NAT64:
            plain = ipaddress.IPv4Address(int(plain) & 0xFFFFFFFF)
            return self.permitted(plain)
        if any(plain in network for network in _SPECIAL if network.version == plain.version):
            return False
        return isinstance(plain, ipaddress.IPv4Address) or plain in _IPV6_UNICAST

    def allowed(self, ip: Address) -> bool:
        """Whether `ip` lies in a network that the operator allows; only there a server may do without TLS."""
        plain = _plain(ip)
        return any(plain in network for network in self.allowed_networks if network.version == plain.version)


def _plain(ip: Address) -> Address:
    """The IPv4 address where `ip` is one in the clothes of IPv6 (::ffff:0:0/96)."""
    if isinstance(ip, ipaddress.IPv6Address):
        return ip.ipv4_mapped or ipaddress.IPv6Address(int(ip))  # without its scope (%eth0)
    return ip


_URL = re.compile(r"[^\s\x00-\x20\x7f\\\"<>^`{|}]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^]:]+)(?::[0-9]*)?")
_UNQUOTED = re.compile(r"[^\x00-\x7f]+|%(?![0-9A-Fa-f]{2})")


def check_url(url: str) -> str:
    """`url` as it will be used: its host in ASCII and small letters, without a dot at its end. Raises NotPermitted.

    It is read by the parser that the connection is made with, so that the two cannot differ. Path and query stay as
    they are written: "%40" and "@" may be two resources. Plain http is for networks that the operator allows, which
    the connection decides.
    """
    if len(url) > LONGEST_URL:
        raise NotPermitted(_TOO_LONG)
    if "#" in url:
        raise NotPermitted(_FRAGMENT)
    if not _URL.fullmatch(url):
        raise NotPermitted(_NO_ADDRESS)
    try:
        written, parsed = URL(url, encoded=True), URL(url)
        authority, asked = written.raw_authority, written.raw_host or ""
    except (ValueError, IndexError):
        raise NotPermitted(_NO_ADDRESS) from None
    if "@" in authority:
        raise NotPermitted(_PASSWORD_INSIDE)
    host = check_parsed(parsed)
    if not _AUTHORITY.fullmatch(authority) or (not asked.isascii() and _is_ip(host)):  # https://①②⑦.⓪.⓪.①/
        raise NotPermitted(_NO_ADDRESS)
    return _UNQUOTED.sub(lambda match: quote(match[0], safe=""), str(written.with_host(host)))


def check_parsed(url: URL) -> str:
    """The host of an address that is asked for, as `check_url` writes it. Raises NotPermitted.

    For the moment of the request: nothing is parsed again, and nothing but scheme, host and port is looked at.
    """
    if url.scheme not in ("http", "https"):
        raise NotPermitted(HTTPS_ONLY)
    try:
        named, port = (url.raw_host or "").lower(), url.port
    except ValueError:  # so late where it was parsed as already encoded
        raise NotPermitted(_NO_ADDRESS) from None
    host = named.removesuffix(".")
    if port == 0 or not _is_host(host) or (host != named and _is_ip(host)):
        raise NotPermitted(_NO_ADDRESS)
    return host


def _is_host(host: str) -> bool:
    if _is_ip(host):
        return "%" not in host
    labels = host.split(".")
    # 127.1, 0x7f000001 and 2130706433 are addresses to some resolvers: written so, nobody means well.
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and not _NUMBER.fullmatch(labels[-1])


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
