"""From what is entered to the places where an account may be, with a name server of the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from services.calendar_sync.discovery_failed import DiscoveryFailed, Reason
from services.calendar_sync.service_location import SystemDns, Target, places, read_entered
from tests.support.caldav_discovery import Names

SERVICE = "_caldavs._tcp.example.org."


class NameServer(asyncio.DatagramProtocol):
    """Knows the records below; is silent about silent.example and has nothing else."""

    records = {
        (SERVICE, "SRV"): ["20 0 443 slow.example.org.", "10 5 8443 Dav.example.org."],
        (SERVICE, "TXT"): ['"path=/d" "av/"', '"other=1"'],
        ("_caldavs._tcp.none.example.", "SRV"): ["0 0 0 ."],
    }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        if "silent" in name:
            return
        answer = dns.message.make_response(query)
        found = self.records.get((name, kind))
        if found:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *found))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def resolver() -> AsyncIterator[dns.asyncresolver.Resolver]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    yield resolver
    transport.close()


@pytest.fixture
def names(resolver: dns.asyncresolver.Resolver) -> SystemDns:
    return SystemDns(10, resolver)


async def test_records_are_read_as_they_are(names: SystemDns) -> None:
    assert set(await names.targets(SERVICE)) == {  # a name server gives them in any order
        Target(20, 0, 443, "slow.example.org"),
        Target(10, 5, 8443, "dav.example.org"),
    }
    assert set(await names.texts(SERVICE)) == {"path=/dav/", "other=1"}
    assert await names.targets("_caldavs._tcp.none.example") == [Target(0, 0, 0, "")]


@pytest.mark.parametrize("name", ["unknown.example", "a..b", "x" * 70 + ".example"])
async def test_no_answer_is_an_empty_one(names: SystemDns, name: str) -> None:
    assert await names.targets(name) == []
    assert await names.texts(name) == []


async def test_a_name_server_that_is_silent_is_not_waited_for(resolver: dns.asyncresolver.Resolver) -> None:
    assert await SystemDns(0.1, resolver).targets("silent.example") == []


async def test_places_come_by_priority_with_the_path_that_the_domain_names(names: SystemDns) -> None:
    assert await places(read_entered("anna@example.org", None), names) == [
        "https://dav.example.org:8443/dav/",
        "https://dav.example.org:8443/.well-known/caldav",
        "https://dav.example.org:8443/",
        "https://slow.example.org/dav/",
        "https://slow.example.org/.well-known/caldav",
        "https://slow.example.org/",
    ]


async def test_a_domain_that_says_no_is_believed(names: SystemDns) -> None:
    with pytest.raises(DiscoveryFailed) as caught:
        await places(read_entered("anna@none.example", None), names)
    assert caught.value.reason is Reason.NO_CALDAV


async def test_a_domain_that_google_keeps_is_told_so() -> None:
    with pytest.raises(DiscoveryFailed) as caught:
        await places(
            read_entered("anna@example.org", None),
            Names({SERVICE.rstrip("."): [Target(1, 1, 443, "calendar.google.com")]}),
        )
    assert caught.value.reason is Reason.NEEDS_OAUTH


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("example.org", ["https://example.org/.well-known/caldav", "https://example.org/"]),
        (" Anna@Example.org ", ["https://example.org/.well-known/caldav", "https://example.org/"]),
        (
            "example.org/remote.php/dav",
            ["https://example.org/remote.php/dav", "https://example.org/.well-known/caldav", "https://example.org/"],
        ),
        ("caldavs://example.org:8443/", ["https://example.org:8443/", "https://example.org:8443/.well-known/caldav"]),
        ("someone@me.com", ["https://caldav.icloud.com/", "https://caldav.icloud.com/.well-known/caldav"]),
        ("icloud.com", ["https://caldav.icloud.com/", "https://caldav.icloud.com/.well-known/caldav"]),
    ],
)
async def test_places_without_records(address: str, expected: list[str]) -> None:
    assert await places(read_entered(address, None), Names()) == expected


@pytest.mark.parametrize(
    ("entered", "host", "trusted"),
    [
        ("example.org", "example.org", True),
        ("example.org", "dav.example.org", True),
        ("dav.example.org", "example.org", True),
        ("a.example.org", "b.example.org", False),
        ("example.org", "notexample.org", False),
        ("example.org", "org", False),
        ("https://localhost/", "a.localhost", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("10.1.2.3", "2.3", False),
        ("someone@me.com", "p34-caldav.icloud.com", True),
    ],
)
def test_the_password_is_for_the_same_site(entered: str, host: str, trusted: bool) -> None:
    assert read_entered(entered, None).trusts(host) is trusted


@pytest.mark.parametrize("word", ["hello", "localhost", "a b", "@", "hello@", "@example.org", "..."])
def test_a_word_is_no_address(word: str) -> None:
    with pytest.raises(DiscoveryFailed) as caught:
        read_entered(word, None)
    assert caught.value.reason is Reason.BAD_ADDRESS


@pytest.mark.parametrize("address", ["https://hello/", "hello:8443", "anna@hello", "127.0.0.1"])
def test_control_a_host_of_one_word_can_be_entered_as_a_url(address: str) -> None:
    assert read_entered(address, "anna").host in ("hello", "127.0.0.1")


def test_a_user_name_that_cannot_be_sent_is_wrong() -> None:
    with pytest.raises(DiscoveryFailed) as caught:
        read_entered("example.org", "anna:b")
    assert caught.value.reason is Reason.WRONG_PASSWORD
