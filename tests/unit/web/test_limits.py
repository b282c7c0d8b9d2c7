"""How often one client may ask: buckets that fill again and are forgotten, and whose request it is behind a proxy."""

from __future__ import annotations

import random

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from shared.config import Settings, SettingsError, read_settings
from shared.web.limits import Buckets, Kind, Limits, Rate, client_of
from shared.web.problems import Problem

NEEDED = {"link_key": "the-link-key-of-the-tests-and-of-nothing-else", "organiser_token": "the-token-of-the-tests"}


class Monotonic:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def settings(**changes: object) -> Settings:
    return Settings.model_validate({**NEEDED, **changes})


def asked(*forwarded: str, remote: str = "203.0.113.7") -> object:
    class Transport:
        def get_extra_info(self, name: str, default: object = None) -> object:
            return (remote, 4711) if name == "peername" else default

        def is_closing(self) -> bool:
            return False

    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded])
    return make_mocked_request("POST", "/", headers=headers, transport=Transport())


def client(*forwarded: str, remote: str = "203.0.113.7", proxies: str = "") -> str:
    return client_of(asked(*forwarded, remote=remote), settings(trusted_proxies=proxies).proxy_networks)  # type: ignore[arg-type]


def test_burst_goes_through_and_the_next_is_told_how_long_to_wait() -> None:
    time = Monotonic()
    buckets = Buckets(Rate(3, 0.5), time)
    assert [buckets.take("ada") for _ in range(4)] == [0, 0, 0, pytest.approx(2)]
    assert buckets.take("bob") == 0, "another client has a bucket of its own"
    time.now += 1.99
    assert buckets.take("ada") > 0, "and what was refused took nothing"
    time.now += 0.01
    assert [buckets.take("ada"), buckets.take("ada")] == [0, pytest.approx(2)]


def test_pause_fills_the_bucket_and_no_more_than_that() -> None:
    time = Monotonic()
    buckets = Buckets(Rate(3, 1), time)
    for _ in range(3):
        buckets.take("ada")
    time.now += 3600
    assert [buckets.take("ada") for _ in range(4)] == [0, 0, 0, pytest.approx(1)]


def test_looking_takes_nothing() -> None:
    buckets = Buckets(Rate(1, 1), Monotonic())
    assert [buckets.wait("ada") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("ada") == 0
    assert buckets.wait("ada") == pytest.approx(1)


def test_nought_is_no_limit() -> None:
    buckets = Buckets(Rate(0, 1), Monotonic())
    assert all(buckets.take("ada") == 0 for _ in range(10_000))
    assert len(buckets) == 0


def test_in_the_long_run_nobody_gets_more_than_the_burst_and_the_rate() -> None:
    """And nobody who keeps to the rate is refused: the same as a bucket that is filled drop by drop."""
    time, chance = Monotonic(), random.Random(4)
    buckets, tokens, before = Buckets(Rate(5, 2), time), 5.0, time.now
    for _ in range(20_000):
        time.now += chance.choice([0, 0.125, 0.25, 0.5, 1, 8])
        tokens, before = min(5.0, tokens + 2 * (time.now - before)), time.now
        granted = buckets.take("ada") == 0
        assert granted == (tokens >= 1)
        tokens -= granted


def test_memory_is_bounded_and_those_who_wait_longest_are_forgotten_first() -> None:
    buckets = Buckets(Rate(1, 0.001), Monotonic(), most=100)
    for number in range(10_000):
        buckets.take(f"client {number}")
        assert len(buckets) <= 100
    assert buckets.wait("client 9999") > 0
    assert buckets.wait("client 0") == 0


def test_full_buckets_are_forgotten_by_themselves() -> None:
    time = Monotonic()
    buckets = Buckets(Rate(10, 1), time)
    for number in range(1000):
        buckets.take(f"client {number}")
    time.now += 60
    for number in range(1000):
        buckets.take(f"other {number}")
        time.now += 0.001
    assert len(buckets) == 1000, "those of before are gone; control: they were there"


def test_header_of_a_client_is_not_believed() -> None:
    assert client("198.51.100.1") == "203.0.113.7"
    assert client("198.51.100.1", proxies="172.16.0.0/12") == "203.0.113.7", "it did not come through the proxy"


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
        (["10.9.9.9", "198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1, 172.18.0.9"], "198.51.100.1"),
        (["198.51.100.1:50123"], "198.51.100.1"),
        (["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        (["[2001:db8:1:2::9]:443"], "2001:db8:1:2::/64"),
        (["::ffff:198.51.100.1"], "198.51.100.1"),
        (["172.18.0.8"], "172.18.0.8"),
        ([], "172.18.0.5"),
        (["nonsense"], "172.18.0.5"),
        (["198.51.100.1, "], "172.18.0.5"),
    ],
)
def test_proxy_tells_whose_request_it_is(forwarded: list[str], found: str) -> None:
    """The nearest proxy writes at the end; what the client said stands before."""
    assert client(*forwarded, remote="172.18.0.5", proxies="172.16.0.0/12, fd00::/8") == found


def test_one_connection_has_many_ipv6_addresses_and_counts_once() -> None:
    assert client(remote="2001:db8:1:2::1") == client(remote="2001:db8:1:2:ffff::1") != client(remote="2001:db8:1:3::1")
    assert client(remote="fe80::1%eth0") == "fe80::/64"
    assert client(remote="") == "unknown"


def test_kinds_of_requests_are_counted_apart_and_refusals_say_when_to_come_again() -> None:
    time = Monotonic()
    limits = Limits(settings(register_burst=1, register_rate=0.4, private_burst=1, wrong_sign_ins=5), time)
    limits.take(asked(), Kind.REGISTER)  # type: ignore[arg-type]
    limits.take(asked(), Kind.PRIVATE)  # type: ignore[arg-type]
    with pytest.raises(Problem) as refused:
        limits.take(asked(), Kind.REGISTER)  # type: ignore[arg-type]
    assert (refused.value.status, refused.value.code) == (429, "too-many-requests")
    assert refused.value.headers["Retry-After"] == "3", "whole seconds, and never too soon"
    for _ in range(5):
        limits.take(asked(), Kind.SIGN_IN)  # type: ignore[arg-type]
    with pytest.raises(Problem) as refused:
        limits.check(asked(), Kind.SIGN_IN)  # type: ignore[arg-type]
    assert refused.value.headers["Retry-After"] == "12"
    time.now += 12
    limits.check(asked(), Kind.SIGN_IN)  # type: ignore[arg-type]


def test_wrong_network_stops_the_process_and_is_named() -> None:
    environment = {f"LECTERN_{name.upper()}": value for name, value in NEEDED.items()}
    assert read_settings(environment | {"LECTERN_TRUSTED_PROXIES": "10.0.0.0/8 fd00::/8"}).proxy_networks
    with pytest.raises(SettingsError, match=r"LECTERN_TRUSTED_PROXIES: .*10\.0\.0\.0/8 172\.16\.0\.0/12"):
        read_settings(environment | {"LECTERN_TRUSTED_PROXIES": "the proxy"})
