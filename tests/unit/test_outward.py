"""Where a URL that somebody entered may lead: the internet, what the operator allows, and nowhere else."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from yarl import URL

from shared.outward import HTTPS_ONLY, AddressRule, NotPermitted, check_parsed, check_url

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
        ("https://EXAMPLE.org:/x", "https://example.org/x"),
        ("https://example.org:00443/", "https://example.org/"),
        ("https://example.org:80/", "https://example.org:80/"),
        ("https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"),
        ("https://example\u3002org/", "https://example.org/"),
        ("https://[0:0:0:0:0:0:0:1]:8443", "https://[::1]:8443"),
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
        "https://１２７.0.0.1/", "https://127\u30020\u30020\u30021/", "https://[::１]/", "https://e\u200bvil.com/", "https://℀.org/",
        "https://example.org／x/", "https://example.org%00.example/", "https://example.org%2f@127.0.0.1/", "https://@example.org/",
        "https://:@example.org/", "https://example.org:@127.0.0.1/", "https://user:p@ss@example.org/", "https://[::1]@example.org/",
        "https://[]@/", "https://[]/", "https://[::1]x/", "https://[v1.a]/", "https://fe80::1/", "https:\\\\example.org/", "https:example.org",
        "https://example.org:80:80/", "https://example.org:+443/", "https://example.org:4_43/", "https://example.org:٤٤٣/",
        "https://example.org:-1/", "https://example.org../", "https://1.2.3.0x10/", "https://127.0.0.1./", "https://8.8.8.8./", "https://xn--/", "https://" + "a." * 130 + "org/",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(NotPermitted) as caught:
        check_url(url)
    assert caught.value.words.endswith(".")
    assert "secret" not in str(caught.value)


@given(
    st.text(alphabet="[]@:%.\\/?#v1aéü\u3002１xn-٤", max_size=20),
    st.sampled_from(["https://", "http://", "", "https:", "//"]),
)
def test_whatever_is_entered_is_an_address_that_stays_as_it_is_or_refused(text: str, start: str) -> None:
    try:
        used = check_url(start + text)
    except NotPermitted:
        return
    assert check_url(used) == used
    for encoded in (True, False):
        asked = URL(used, encoded=encoded)  # however the connection's parser is called, it goes to the same host
        assert check_parsed(asked) == asked.raw_host == URL(used).raw_host
        assert asked.raw_user is asked.raw_password is None


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/%7Eanna%40example.org/a%2Bb%20c%2fd/@+~/", "/%7Eanna%40example.org/a%2Bb%20c%2fd/@+~/"),
        ("/a//b;c=d/(e)[f]!$&',*", "/a//b;c=d/(e)[f]!$&',*"),
        ("/?a=%2B+%40@&b=[1]?", "/?a=%2B+%40@&b=[1]?"),
        ("/é/100%/%zz", "/%C3%A9/100%25/%25zz"),
    ],
)
def test_path_and_query_are_asked_for_as_they_are_written(path: str, asked: str) -> None:
    used = check_url(f"https://Example.org{path}")
    assert used == f"https://example.org{asked}"
    assert URL(used, encoded=True).raw_path_qs == asked


@pytest.mark.parametrize(
    "url",
    [
        "https://exa mple.org/", "https://[fe80::1%25eth0]/", "https://2130706433/", "https://bücher.example/", "https://example.org:x/",
        "https://example.org:0/", "ftp://example.org/", "/x", "https://ex%61mple.org/", "https://example.org:65536/",
    ],
)  # fmt: skip
def test_an_address_that_was_parsed_without_a_look_is_looked_at_when_it_is_asked_for(url: str) -> None:
    with pytest.raises(NotPermitted):
        check_parsed(URL(url, encoded=True))


def test_other_schemes_than_https_are_named() -> None:
    with pytest.raises(NotPermitted) as caught:
        check_url("gopher://example.org/")
    assert caught.value.words == HTTPS_ONLY
