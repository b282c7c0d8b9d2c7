"""Where a URL that somebody entered may lead: the internet, what the operator allows, and nowhere else."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.outward import HTTPS_ONLY, AddressRule, NotPermitted, check_url

RULE = AddressRule()


@pytest.mark.parametrize(
    "ip",
    ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)  # fmt: skip
def test_public_addresses_are_permitted(ip: str) -> None:
    assert RULE.permitted(ipaddress.ip_address(ip))


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.3", "169.254.169.254", "168.63.129.16",
        "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:0:808:808::", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1",
        "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "::1%lo",
    ],
)  # fmt: skip
def test_all_others_are_refused(ip: str) -> None:
    assert not RULE.permitted(ipaddress.ip_address(ip))


NOT_THEMSELVES = [ipaddress.ip_network(one) for one in ("::ffff:0:0/96", "64:ff9b::/96")]
"""IPv6 addresses that lead to an IPv4 address and are judged by it."""


@given(st.ip_addresses())
def test_nothing_is_permitted_that_python_holds_for_special(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assume(not any(ip in network for network in NOT_THEMSELVES if network.version == ip.version))
    special = (
        ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_private
    )
    assert not (special and RULE.permitted(ip))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_in_the_clothes_of_ipv6(ip: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:", "64:ff9b::"):
        assert RULE.permitted(ipaddress.ip_address(f"{prefix}{ip}")) == RULE.permitted(ip)


def test_the_operator_may_allow_a_network() -> None:
    rule = AddressRule((ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd12::/16")))
    for ip, permitted in {
        "10.20.3.4": True, "::ffff:10.20.3.4": True, "64:ff9b::a14:304": True, "fd12::1": True,
        "10.21.0.1": False, "fd13::1": False, "127.0.0.1": False,
    }.items():  # fmt: skip
        assert rule.permitted(ipaddress.ip_address(ip)) is permitted
    assert rule.permitted(ipaddress.ip_address("8.8.8.8"))
    assert not rule.allowed(ipaddress.ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://calendar.example.org/dav/?a=b", "https://calendar.example.org/dav/?a=b"),
        ("HTTPS://Calendar.Example.ORG.:8443/Dav", "https://calendar.example.org:8443/Dav"),
        ("https://bücher.example/é", "https://xn--bcher-kva.example/%C3%A9"),
        ("https://[2A00:1450::1]/", "https://[2a00:1450::1]/"),
        ("https://localhost/", "https://localhost/"),
        ("http://10.0.0.1:5232/", "http://10.0.0.1:5232/"),
        ("https://my_nas.example.org", "https://my_nas.example.org"),
    ],
)
def test_an_address_is_put_in_its_plain_form(url: str, used: str) -> None:
    assert check_url(url) == used


@pytest.mark.parametrize(
    "url",
    [
        "", "calendar.example.org", "//example.org/", "https://", "https:///x", "https://a..b/", "https://-a.org/",
        "ftp://example.org/", "file:///etc/passwd", "unix:///run/docker.sock", "http+unix://%2Frun%2Fdocker.sock/x",
        "https://user@example.org/", "https://user:secret@example.org/", "https://example.org@127.0.0.1/",
        "https://example.org/#x", "https://example.org\\@127.0.0.1/", "https://exa mple.org/", "https://example.org/\r\nX: y",
        "https://example.org/\x00", "https://example.org:0/", "https://example.org:65536/", "https://example.org:x/",
        "https://127.1/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://2130706433/", "https://017700000001/",
        "https://127.0.0.01/", "https://[::1%25lo]/", "https://[fe80::1%eth0]/", "https://ex%61mple.org/", "https://[::1/",
        "https://①②⑦.⓪.⓪.①/", "https://example.org/" + "a" * 2000, "https://" + "a" * 64 + ".org/",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(NotPermitted) as caught:
        check_url(url)
    assert caught.value.words.endswith(".")
    assert "secret" not in str(caught.value)


def test_other_schemes_than_https_are_named() -> None:
    with pytest.raises(NotPermitted) as caught:
        check_url("gopher://example.org/")
    assert caught.value.words == HTTPS_ONLY
