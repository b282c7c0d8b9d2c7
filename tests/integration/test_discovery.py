"""Discovery finds the account of whoever enters an address, and says in plain words why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from services.calendar_sync.dav_asking import Limits
from services.calendar_sync.discovery import Found, discover
from services.calendar_sync.discovery_failed import DiscoveryFailed, Reason
from services.calendar_sync.service_location import Target
from shared.outward import HTTPS_ONLY, UNREACHABLE, AddressRule
from shared.outward_aiohttp import guarded_connector, outward_session, shared_ssl_context
from tests.support.caldav_discovery import (
    DiscoveryServer,
    Names,
    calendar,
    homes,
    multistatus,
    principal,
    redirect,
    text,
)
from tests.support.caldav_servers import XandikosNode
from tests.support.radicale import RadicaleNode

ANNA, PASSWORD = "anna@example.org", "sésame"
SERVICE = "_caldavs._tcp.example.org"


@pytest.fixture
async def server() -> AsyncIterator[DiscoveryServer]:
    one = DiscoveryServer()
    await one.start()
    yield one
    await one.stop()


async def found(
    address: str,
    names: Names | None = None,
    *,
    user: str | None = ANNA,
    password: str = PASSWORD,
    limits: Limits | None = None,
) -> Found:
    names = names or Names()
    async with names.client() as http:
        return await discover(address, user, password, http, names, limits)


async def failure(address: str, names: Names | None = None, **rest: object) -> DiscoveryFailed:
    with pytest.raises(DiscoveryFailed) as caught:
        await found(address, names, **rest)  # type: ignore[arg-type]
    assert "{" not in caught.value.words
    return caught.value


def srv(server: DiscoveryServer, host: str = "dav.example.org", priority: int = 1) -> Target:
    return Target(priority, 1, server.port, host)


async def test_an_email_address_leads_by_srv_and_well_known_to_the_calendars(server: DiscoveryServer) -> None:
    server.account(work=calendar("Work"))
    account = await found(ANNA, Names({SERVICE: [srv(server)]}), user=None)
    assert account.username == ANNA
    assert account.principal == server.url("/dav/people/anna/", "dav.example.org")
    assert [home.address for home in account.homes] == [server.url("/dav/calendars/anna/", "dav.example.org")]
    assert account.homes[0].server == server.url("", "dav.example.org")
    assert [(one.name, one.takes_events) for one in account.calendars] == [("Work", True)]
    assert account.homes[0].can_make_calendars is True
    assert account.given is None


async def test_the_path_of_the_txt_record_comes_before_well_known(server: DiscoveryServer) -> None:
    server.account()
    await found(ANNA, Names({SERVICE: [srv(server)]}, {SERVICE: ["path=/dav/"]}))
    assert server.paths()[0] == "/dav/"


async def test_a_later_srv_target_is_tried_when_the_first_does_not_answer(server: DiscoveryServer) -> None:
    server.account()
    dead = Target(0, 1, 1, "first.example.org")
    assert (await found(ANNA, Names({SERVICE: [srv(server), dead]}))).calendars


async def test_a_domain_may_say_that_it_has_no_calendars(server: DiscoveryServer) -> None:
    failed = await failure(ANNA, Names({SERVICE: [Target(0, 0, 0, "")]}))
    assert failed.reason is Reason.NO_CALDAV


async def test_srv_to_somebody_else_is_told_and_the_password_stays(server: DiscoveryServer) -> None:
    server.account()
    failed = await failure(ANNA, Names({SERVICE: [srv(server, "other.example")]}))
    assert (failed.reason, server.asked) == (Reason.ELSEWHERE, [])
    assert failed.words == "example.org points to other.example. Enter that address yourself if this is right."
    assert (await found(server.url("/", "other.example"))).calendars


@pytest.mark.parametrize("path", ["/", "/dav/", "/dav/people/anna/", "/dav/calendars/anna/", "/nothing/"])
async def test_a_url_may_be_the_root_the_principal_the_home_or_wrong(server: DiscoveryServer, path: str) -> None:
    server.account()
    assert [one.name for one in (await found(server.url(path))).calendars] == ["Work"]


async def test_a_url_may_be_a_calendar(server: DiscoveryServer) -> None:
    server.account()
    server.pages["/dav/calendars/anna/work/"] = multistatus(
        ("/dav/calendars/anna/work/", calendar("Work") + principal("/dav/people/anna/"))
    )
    account = await found(server.url("/dav/calendars/anna/work/"))
    assert account.given is not None
    assert account.given in account.calendars
    server.pages["/alone/"] = multistatus(("/alone/", calendar("Alone")))
    account = await found(server.url("/alone/"))
    assert [one.address for one in account.calendars] == [server.url("/alone/")]


async def test_what_is_told_of_calendars(server: DiscoveryServer) -> None:
    reports = "<supported-report-set><supported-report><report><sync-collection/></report></supported-report></supported-report-set>"
    server.account(
        todo=calendar("Todo", "VTODO"),
        holidays=calendar("Holidays", privileges=["read"]),
        work=calendar(
            "Work\u202e", "VEVENT", "VTODO",
            more=f"<A:calendar-color>#FF8800FF</A:calendar-color><S:getctag>1</S:getctag>{reports}",
        ),
        inbox="<resourcetype><collection/><C:schedule-inbox/></resourcetype>",
        gone=calendar("Gone").replace("<C:calendar/>", '<C:calendar/><N:deleted-calendar xmlns:N="http://nextcloud.com/ns"/>'),
        plain="<resourcetype><collection/><C:calendar/></resourcetype>",
    )  # fmt: skip
    calendars = {one.name: one for one in (await found(server.url())).calendars}
    assert set(calendars) == {"Todo", "Holidays", "Work", "plain"}
    assert [one.name for one in calendars.values()][-2:] == ["Todo", "Holidays"]
    work, plain = calendars["Work"], calendars["plain"]
    assert (work.colour, work.components, work.writable, work.syncs, work.ctag) == (
        "#ff8800", ("VEVENT", "VTODO"), True, True, True,
    )  # fmt: skip
    assert (plain.colour, plain.components, plain.writable, plain.syncs, plain.ctag) == (None, None, None, False, False)
    assert calendars["Todo"].takes_events is calendars["Holidays"].takes_events is False


async def test_what_a_server_writes_in_an_address_is_asked_for_byte_by_byte(server: DiscoveryServer) -> None:
    person, folder = "/dav/people/anna%40example.org/", "/dav/cal%2Bendars/anna%40example.org/my%20own/"
    server.pages["/"] = redirect("/d%61v/%7Eanna/")
    server.pages["/dav/~anna/"] = multistatus(("/", principal(f"{server.url(person)}#me")))
    server.pages["/dav/people/anna@example.org/"] = multistatus(
        ("/", homes("../../cal%2Bendars/anna%40example.org/my%20own/"))
    )
    server.home("/dav/cal+endars/anna@example.org/my own/")
    server.pages["/dav/cal+endars/anna@example.org/my own/"] = multistatus(
        (folder, "<resourcetype><collection/></resourcetype>"),
        (f"{folder}w%C3%B6rk@home/", calendar("Work")),
        (f"{folder}not quoted \u00e9/", calendar("Odd")),
        ("r%40lative/", calendar("Relative")),
    )
    account = await found(server.url())
    assert [asked.target for asked in server.asked if asked.method == "PROPFIND"] == [
        "/", "/d%61v/%7Eanna/", person, folder
    ]  # fmt: skip
    assert [one.address for one in account.calendars] == [
        server.url(f"{folder}w%C3%B6rk@home/"),
        server.url(f"{folder}not%20quoted%20%C3%A9/"),
        server.url(f"{folder}r%40lative/"),
    ]


async def test_homes_may_be_several_and_on_a_host_of_the_same_site(server: DiscoveryServer) -> None:
    server.account()
    server.pages["/dav/people/anna/"] = multistatus(
        ("/dav/people/anna/", homes("/dav/calendars/anna/", server.url("/team/", "cal2.example.org"), "/refused/"))
    )
    server.home("/team/", allow="OPTIONS, PROPFIND", team=calendar("Team"))
    server.pages["/refused/"] = text("", status=403)
    account = await found(server.url())
    assert [one.name for one in account.calendars] == ["Work", "Team"]
    assert [home.can_make_calendars for home in account.homes] == [True, False]
    assert account.homes[1].address == server.url("/team/", "cal2.example.org")


async def test_a_home_of_another_site_does_not_get_the_password(server: DiscoveryServer) -> None:
    server.account()
    server.pages["/dav/people/anna/"] = multistatus(("/", homes(server.url("/x/", "other.example"))))
    failed = await failure(server.url())
    assert failed.reason is Reason.ELSEWHERE
    assert "other.example" not in {asked.host for asked in server.asked}


async def test_a_server_that_writes_http_of_itself_is_asked_by_https(server: DiscoveryServer) -> None:
    server.account()
    server.pages["/dav/people/anna/"] = multistatus(("/", homes("http://example.org/dav/calendars/anna/")))
    assert (await found(server.url())).homes[0].address == server.url("/dav/calendars/anna/")


@pytest.mark.parametrize(
    ("where", "reason", "target"),
    [
        ("https://other.example/dav/", Reason.ELSEWHERE, "other.example"),
        ("https://accounts.other.example/login?next=/", Reason.LOGIN_PAGE, ""),
        ("https://calendar.google.com/", Reason.NEEDS_OAUTH, ""),
        ("https://10.0.0.1/", Reason.ELSEWHERE, "10.0.0.1"),
        ("https://a:b@example.org/", Reason.NOT_ANSWERING, ""),
        ("https://127.1/", Reason.NOT_ANSWERING, ""),
        ("https://other.example\t/", Reason.NOT_ANSWERING, ""),
        ("https:\\\\other.example/", Reason.NOT_ANSWERING, ""),
        ("//other.example/", Reason.ELSEWHERE, "other.example"),
        ("https://OTHER.example./dav/", Reason.ELSEWHERE, "other.example"),
        ("https://xn--a/", Reason.ELSEWHERE, "xn--a"),
        ("mailto:anna@example.org", Reason.NOT_ANSWERING, ""),
        ("/", Reason.NOT_ANSWERING, ""),
        ("/sign-in", Reason.LOGIN_PAGE, ""),
    ],
)
async def test_a_redirect_goes_nowhere_else(server: DiscoveryServer, where: str, reason: Reason, target: str) -> None:
    server.pages["/"] = server.pages["/.well-known/caldav"] = redirect(where, 302)
    server.pages["/sign-in"] = text("<html>Sign in</html>", "text/html", 200)
    failed = await failure(server.url())
    assert (failed.reason, failed.values["target"]) == (reason, target)
    assert {asked.host for asked in server.asked} == {"example.org"}


async def test_a_redirect_to_plain_http_is_not_followed_even_where_plain_http_is_allowed(
    server: DiscoveryServer,
) -> None:
    plain = DiscoveryServer(tls=False)
    await plain.start()
    try:
        plain.account()
        assert (await found(plain.url())).calendars  # the control: it may be entered
        seen = len(plain.asked)
        server.pages["/"] = server.pages["/.well-known/caldav"] = redirect(plain.url("/dav/"))
        failed = await failure(server.url())
    finally:
        await plain.stop()
    assert failed.words == HTTPS_ONLY
    assert len(plain.asked) == seen


async def test_a_wrong_password_is_tried_once(server: DiscoveryServer) -> None:
    server.account()
    failed = await failure(server.url(), password="wrong")
    assert failed.reason is Reason.WRONG_PASSWORD
    assert len(server.asked) == 1


async def test_a_password_that_the_server_did_not_look_at_is_wrong(server: DiscoveryServer) -> None:
    unknown = "<current-user-principal><unauthenticated/></current-user-principal>"
    server.open_to_all.add("/")
    server.pages["/"] = multistatus(("/", unknown))
    assert (await failure(server.url(), password="wrong")).reason is Reason.WRONG_PASSWORD


async def test_a_server_that_wants_another_sign_in_is_told(server: DiscoveryServer) -> None:
    server.challenge = 'Bearer realm="x"'
    assert (await failure(server.url(), password="wrong")).reason is Reason.OTHER_SIGN_IN


_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<multistatus xmlns="DAV:"><response><href>&b;</href></response></multistatus>'
)


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0"?><multistatus xmlns="DAV:"><response><href>/da',
        _BOMB,
        _BOMB.encode("utf-16"),
        "<html xmlns='DAV:'/>",
        "",
        "<a>" * 5000,
        '<multistatus xmlns="DAV:">' + "<response/>" * 70_000 + "</multistatus>",
        b"\xff\x00",
    ],
    ids=["half", "bomb", "bomb in UTF-16", "not multistatus", "empty", "deep", "many", "bytes"],
)
async def test_xml_that_is_none_or_too_much_is_refused(server: DiscoveryServer, body: str | bytes) -> None:
    server.pages["/"] = text(body)
    assert (await failure(server.url())).reason is Reason.UNREADABLE


async def test_a_huge_body_is_not_read_to_its_end(server: DiscoveryServer) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=207)
        await response.prepare(request)
        while not (request.transport is None or request.transport.is_closing()):
            await response.write(b" " * 65536)
            await asyncio.sleep(0)  # to a connection that broke, write() would never let the loop tell so
            sent += 65536
        return response

    server.pages["/"] = endless
    failed = await failure(server.url(), limits=Limits(most_bytes=200_000))
    assert failed.reason is Reason.UNREADABLE
    assert sent < 20_000_000


async def test_a_compressed_body_that_nobody_asked_for_is_refused(server: DiscoveryServer) -> None:
    async def packed(_: web.Request) -> web.StreamResponse:
        return web.Response(status=207, body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    server.pages["/"] = packed
    assert (await failure(server.url())).reason is Reason.UNREADABLE


async def test_a_slow_server_is_given_up(server: DiscoveryServer) -> None:
    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    server.pages["/"] = slow
    failed = await failure(server.url(), limits=Limits(request_seconds=0.2))
    assert failed.reason is Reason.NOT_ANSWERING
    failed = await failure(server.url(), limits=Limits(whole_seconds=0.2))
    assert failed.words == "example.org does not answer as it should. Please try again later."


async def test_nothing_there_and_not_permitted_are_told_in_the_same_words(server: DiscoveryServer) -> None:
    async with outward_session(guarded_connector(AddressRule())) as http:
        with pytest.raises(DiscoveryFailed) as private:
            await discover(f"https://127.0.0.1:{server.port}/", ANNA, PASSWORD, http, Names())
    nothing = await failure("https://127.0.0.1:1/")
    assert (private.value.reason, private.value.words) == (nothing.reason, nothing.words)
    assert private.value.words == UNREACHABLE
    assert server.asked == []


async def test_a_certificate_that_nobody_vouches_for_ends_it(server: DiscoveryServer) -> None:
    names = Names()
    async with names.client(shared_ssl_context()) as http:
        with pytest.raises(DiscoveryFailed) as caught:
            await discover(server.url(), ANNA, PASSWORD, http, names)
    assert caught.value.reason is Reason.CERTIFICATE
    assert server.asked == []


async def test_a_server_without_caldav_is_told_from_a_wrong_address(server: DiscoveryServer) -> None:
    assert (await failure(server.url("/nothing/"))).reason is Reason.NOT_FOUND
    server.pages["/"] = text("", status=403)
    assert (await failure(server.url())).reason is Reason.FORBIDDEN
    server.pages["/"] = text("", status=405)
    assert (await failure(server.url())).reason is Reason.NO_CALDAV
    server.pages["/"] = text("<html>Welcome</html>", "text/html", 200)
    assert (await failure(server.url())).reason is Reason.LOGIN_PAGE


async def test_icloud_spreads_accounts_over_its_hosts_and_wants_a_password_of_its_own(server: DiscoveryServer) -> None:
    server.account()
    server.pages["/dav/people/anna/"] = multistatus(
        ("/", homes(server.url("/dav/calendars/anna/", "p34-caldav.icloud.com")))
    )
    account = await found(server.url("/", "caldav.icloud.com"))
    assert account.homes[0].server == server.url("", "p34-caldav.icloud.com")
    failed = await failure(server.url("/", "caldav.icloud.com"), password="of the Apple account")
    assert failed.reason is Reason.APP_PASSWORD
    assert "app-specific" in failed.words


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("someone@gmail.com", Reason.NEEDS_OAUTH),
        ("https://apidata.googleusercontent.com/caldav/v2/", Reason.NEEDS_OAUTH),
        ("someone@hotmail.fr", Reason.NO_CALDAV),
        ("outlook.office365.com", Reason.NO_CALDAV),
        ("not an address", Reason.BAD_ADDRESS),
        ("", Reason.BAD_ADDRESS),
        ("ftp://example.org/", Reason.BAD_ADDRESS),
        ("https://anna:secret@example.org/", Reason.BAD_ADDRESS),
        ("https://2130706433/", Reason.BAD_ADDRESS),
        ("anna@2130706433", Reason.BAD_ADDRESS),
    ],
)
async def test_addresses_that_are_told_by_themselves(address: str, reason: Reason) -> None:
    assert (await failure(address)).reason is reason


async def test_cookies_of_one_attendee_are_not_sent_for_another(server: DiscoveryServer) -> None:
    server.account()
    plain = server.pages["/dav/"]

    async def with_cookie(request: web.Request) -> web.StreamResponse:
        response = await plain(request)
        assert isinstance(response, web.Response)
        response.set_cookie("session", "anna")
        return response

    server.pages["/dav/"] = with_cookie
    names = Names()
    async with names.client() as http:
        for _ in range(2):
            await discover(server.url(), ANNA, PASSWORD, http, names)
        assert not list(http.cookie_jar)
    assert not any("Cookie" in asked.headers for asked in server.asked)


@pytest.mark.parametrize("path", ["", "lectern/", "lectern/talks/"])
async def test_radicale_is_found_from_any_of_its_addresses(path: str) -> None:
    node = RadicaleNode()
    try:
        await node.start()
        async with httpx.AsyncClient(auth=(node.username, node.password)) as other:
            made = await other.request("MKCALENDAR", f"{node.home}talks/")
            assert made.status_code == 201
        account = await found(node.url + path, user=node.username, password=node.password)
        wrong = await failure(node.url + path, user=node.username, password="wrong")
    finally:
        await node.stop()
    assert [home.address for home in account.homes] == [node.home]
    assert account.homes[0].can_make_calendars is True
    talks = next(one for one in account.calendars if one.address == f"{node.home}talks/")
    assert (talks.takes_events, talks.writable, talks.syncs, talks.ctag) == (True, True, True, True)
    assert (account.given == talks) == path.endswith("talks/")
    assert wrong.reason is Reason.WRONG_PASSWORD


@pytest.mark.parametrize("path", ["/", "/user/", "/user/calendars/calendar/"])
async def test_xandikos_is_found_from_any_of_its_addresses(path: str) -> None:
    node = XandikosNode()
    try:
        await node.start()
        account = await found(f"http://127.0.0.1:{node.port}{path}", user=None)
    finally:
        await node.stop()
    assert [home.address for home in account.homes] == [node.home]
    assert account.homes[0].can_make_calendars is not False
    assert [one.takes_events for one in account.calendars] == [True]
    assert account.calendars[0].syncs


async def test_plain_http_is_for_allowed_networks_only() -> None:
    server = DiscoveryServer(tls=False)
    await server.start()
    try:
        server.account()
        assert (await found(server.url())).calendars
        seen = len(server.asked)
        names = Names(addresses={"example.org": ["93.184.216.34", "127.0.0.1"]})
        failed = await failure(server.url(), names)
    finally:
        await server.stop()
    assert failed.words == HTTPS_ONLY
    assert len(server.asked) == seen
