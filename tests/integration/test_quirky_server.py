"""The quirky server itself, where a mistake in it would make the tests that use it worthless."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.quirky import ALWAYS, PRESETS, Quirks, QuirkyServer, plays

BODY = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:{title}\r\nX-MINE:1\r\n"
    "BEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
SYNC = '<sync-collection xmlns="DAV:"><sync-token>{}</sync-token><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>'


def body(uid: str = "u1", title: str = "One") -> str:
    return BODY.format(uid=uid, title=title)


class Client:
    """Another client's requests, as plain as they can be."""

    def __init__(self, server: QuirkyServer, session: httpx.AsyncClient, user: str = "anna") -> None:
        self.server, self.session, self.user, self.password = server, session, user, "secret"

    async def ask(self, method: str, path: str, text: str = "", **headers: str) -> httpx.Response:
        if not path.startswith("/"):
            path = f"/calendars/{self.user}/personal/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        auth = (self.user, self.password)
        return await self.session.request(
            method, self.server.url + path, content=text.encode(), headers=named, auth=auth
        )

    async def put(self, name: str = "a.ics", text: str | None = None, **headers: str) -> httpx.Response:
        return await self.ask("PUT", name, body() if text is None else text, **headers)

    async def changes(self, token: str = "") -> tuple[int, list[str], list[str], str]:
        """Status, names changed, names removed, next token."""
        answer = await self.ask("REPORT", "", SYNC.format(token))
        text = answer.text
        parts = re.findall(r"<d:response>(.*?)</d:response>", text, re.DOTALL)
        names: dict[str, list[str]] = {"200": [], "404": [], "507": []}
        for part in parts:
            status = re.findall(r"HTTP/1.1 (\d+)", part)[0]
            names[status].append(part.partition("</d:href>")[0].rpartition("/")[2])
        found = re.search(r"sync-token>([^<]+)<", text)
        return answer.status_code, names["200"], names["404"], found[1] if found else ""


@pytest.fixture
async def server() -> AsyncIterator[QuirkyServer]:
    async with QuirkyServer() as server:
        server.add_person("anna")
        server.add_person("boris")
        yield server


@pytest.fixture
async def client(server: QuirkyServer) -> AsyncIterator[Client]:
    async with httpx.AsyncClient() as session:
        yield Client(server, session)


async def test_conditions_hold_on_a_plain_server(server: QuirkyServer, client: Client) -> None:
    made = await client.put(If_None_Match="*")
    assert (made.status_code, made.headers["ETag"]) == (201, server.held("anna", "a.ics").etag)
    assert (await client.put(If_None_Match="*")).status_code == 412
    assert (await client.put(If_Match='"x"')).status_code == 412
    assert (await client.put("b.ics", body("u2"), If_Match='"x"')).status_code == 412
    assert (await client.put(If_Match=made.headers["ETag"])).status_code == 204
    assert (await client.ask("DELETE", "a.ics", If_Match=made.headers["ETag"])).status_code == 412
    assert (await client.ask("DELETE", "a.ics", If_Match=server.held("anna", "a.ics").etag)).status_code == 204
    assert server.names("anna") == []


async def test_bytes_are_kept_by_a_plain_server(client: Client) -> None:
    await client.put()
    assert (await client.ask("GET", "a.ics")).text == body()


async def test_uid_stands_once_in_a_calendar(client: Client) -> None:
    await client.put()
    answer = await client.put("b.ics")
    assert answer.status_code == 409
    assert "no-uid-conflict" in answer.text
    await client.ask("DELETE", "a.ics")
    assert (await client.put("b.ics")).status_code == 201


async def test_uid_stands_once_in_an_account_where_the_quirk_says_so(server: QuirkyServer, client: Client) -> None:
    server.people["anna"].add("work", "Work")
    assert (await client.put()).status_code == 201
    assert (await client.put("/calendars/anna/work/a.ics")).status_code == 201
    server.delete("anna", "a.ics", "work")
    server.quirks.uid_account_wide = True
    assert (await client.put("/calendars/anna/work/a.ics")).status_code == 403
    client.user = "boris"
    assert (await client.put()).status_code == 201


async def test_counters_as_etags_come_again(server: QuirkyServer, client: Client) -> None:
    server.quirks.reuses_etags_after_delete = True
    first = (await client.put()).headers["ETag"]
    await client.ask("DELETE", "a.ics")
    assert (await client.put(text=body(title="Another"))).headers["ETag"] == first


async def test_etags_do_not_come_again_on_a_plain_server(client: Client) -> None:
    first = (await client.put()).headers["ETag"]
    await client.ask("DELETE", "a.ics")
    assert (await client.put()).headers["ETag"] != first


async def test_stored_text_is_another_but_says_the_same(server: QuirkyServer, client: Client) -> None:
    server.quirks.reserialises = True
    await client.put()
    text = server.held("anna", "a.ics").body
    assert text != body().encode()
    assert b"\r\n" in text
    assert {"UID:u1", "SUMMARY:One", "X-MINE:1", "BEGIN:VALARM"} <= set(server.text("anna", "a.ics").split("\n"))
    server.quirks.drops_unknown = True
    await client.put()
    assert not {"X-MINE:1", "BEGIN:VALARM"} & set(server.text("anna", "a.ics").split("\n"))


@pytest.mark.parametrize("text", ["nonsense", body()[:-20], body().replace("VERSION:2.0", "METHOD:REQUEST")])
async def test_bad_bodies_are_refused(server: QuirkyServer, client: Client, text: str) -> None:
    assert (await client.put(text=text)).status_code == 403
    server.quirks.answers_412_for_everything = True
    assert (await client.put(text=text)).status_code == 412
    assert server.names("anna") == []


async def test_synchronisation_tells_changes_and_removals(server: QuirkyServer, client: Client) -> None:
    await client.put()
    await client.put("b.ics", body("u2"))
    status, changed, removed, token = await client.changes()
    assert (status, sorted(changed), removed) == (207, ["a.ics", "b.ics"], [])
    server.delete("anna", "a.ics")
    server.edit("anna", "b.ics", lambda text: text.replace("One", "Two"))
    _, changed, removed, token = await client.changes(token)
    assert (changed, removed) == (["b.ics"], ["a.ics"])
    assert (await client.changes(token))[1:3] == ([], [])


@pytest.mark.parametrize(
    ("refusal", "status", "changed"), [("403", 403, []), ("412", 412, []), ("accepted_silently", 207, ["a.ics"])]
)
async def test_unknown_sync_token(
    server: QuirkyServer, client: Client, refusal: str, status: int, changed: list[str]
) -> None:
    server.quirks.sync_token_refusal = refusal  # type: ignore[assignment]
    await client.put()
    await client.put("b.ics", body("u2"))
    token = (await client.changes())[3]
    server.forget_tokens("anna")
    server.delete("anna", "b.ics")
    assert (await client.changes(token))[:3] == (status, changed, [])


async def test_token_of_one_second_misses_what_changes_in_it(server: QuirkyServer, client: Client) -> None:
    server.quirks.sync_tokens_of_one_second = True
    server.clock = lambda: 1_574_240_000.0
    await client.put()
    token = (await client.changes())[3]
    server.delete("anna", "a.ics")
    assert (await client.changes(token))[1:3] == ([], [])


async def test_long_synchronisation_comes_in_pages(server: QuirkyServer, client: Client) -> None:
    server.quirks.sync_page_size = 2
    for number in range(5):
        server.put("anna", f"{number}.ics", body(f"u{number}"))
    found, token = [], ""
    for _ in range(3):
        _, changed, _, token = await client.changes(token)
        found += changed
    assert sorted(found) == [f"{number}.ics" for number in range(5)]


async def test_cookie_counts_more_than_the_password(server: QuirkyServer) -> None:
    server.quirks.session_cookies = True
    async with httpx.AsyncClient() as session:
        await Client(server, session).put()
        careless = Client(server, session, "boris")
        answer = await careless.ask("PUT", "/calendars/boris/personal/b.ics", body("u2"))
    assert (answer.status_code, server.requests[-1].user) == (403, "anna")


async def test_others_calendars_are_closed(server: QuirkyServer, client: Client) -> None:
    assert (await client.ask("PROPFIND", "/calendars/boris/personal/", Depth="1")).status_code == 403
    server.allow("boris", "personal", "read", to="anna")
    assert (await client.ask("PROPFIND", "/calendars/boris/personal/", Depth="1")).status_code == 207
    assert (await client.put("/calendars/boris/personal/a.ics")).status_code == 403
    server.quirks.not_found_for_forbidden = True
    assert (await client.put("/calendars/boris/personal/a.ics")).status_code == 404


async def test_password_and_expiry(server: QuirkyServer, client: Client) -> None:
    server.expire("anna")
    assert (await client.put()).status_code == 401
    server.change_password("anna", "new")
    assert (await client.put()).status_code == 401
    client.password = "new"
    assert (await client.put()).status_code == 201


async def test_calendars_are_made_later_and_not_without_end(server: QuirkyServer, client: Client) -> None:
    server.quirks.async_mkcalendar, server.quirks.rate_budget_mkcalendar = 1, 2
    assert (await client.ask("MKCALENDAR", "/calendars/anna/new/")).status_code == 201
    assert (await client.ask("PROPFIND", "/calendars/anna/new/", Depth="0")).status_code == 404
    assert (await client.ask("PROPFIND", "/calendars/anna/new/", Depth="0")).status_code == 207
    assert (await client.ask("MKCALENDAR", "/calendars/anna/newer/")).status_code == 201
    assert (await client.ask("MKCALENDAR", "/calendars/anna/newest/")).status_code == 429


async def test_discovery_leads_to_the_calendars(client: Client) -> None:
    ask = '<propfind xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><prop><current-user-principal/><c:calendar-home-set/><displayname/></prop></propfind>'
    assert (await client.ask("GET", "/.well-known/caldav")).headers["Location"] == "/"
    assert "/principals/anna/" in (await client.ask("PROPFIND", "/", ask, Depth="0")).text
    assert "/calendars/anna/" in (await client.ask("PROPFIND", "/principals/anna/", ask, Depth="0")).text
    assert "Personal" in (await client.ask("PROPFIND", "/calendars/anna/", ask, Depth="1")).text
    assert "calendar-access" in (await client.ask("OPTIONS", "/")).headers["DAV"]


async def test_busy_answers_are_used_up(server: QuirkyServer, client: Client) -> None:
    server.quirks.busy_for, server.quirks.busy_status, server.quirks.busy_retry_after = 1, 429, "7"
    busy = await client.put()
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
    assert (await client.put()).status_code == 201
    server.quirks.login_redirect_for = ALWAYS
    assert [(await client.put()).status_code for _ in range(3)] == [302] * 3


async def test_lost_answer_is_carried_out_and_lost_request_is_not(server: QuirkyServer, client: Client) -> None:
    server.cut_in(plays.request_lost, method="PUT")
    with pytest.raises(httpx.HTTPError):
        await client.put()
    assert server.names("anna") == []
    server.quirks.answer_lost_times = 1
    with pytest.raises(httpx.HTTPError):
        await client.put()
    assert server.names("anna") == ["a.ics"]
    assert [one.status for one in server.asked("PUT")] == [None, None]


async def test_half_a_body_breaks_or_looks_whole(server: QuirkyServer, client: Client) -> None:
    server.put("anna", "a.ics", body())
    server.quirks.half_a_body_times = 2
    with pytest.raises(httpx.HTTPError):
        await client.ask("GET", "a.ics")
    server.quirks.half_a_body_looks_whole = True
    answer = await client.ask("GET", "a.ics")
    assert (answer.status_code, len(answer.content)) == (200, len(body()) // 2)


async def test_slow_answer_is_carried_out_at_once(server: QuirkyServer, client: Client) -> None:
    server.quirks.slow_headers = 30.0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.put()
    assert server.names("anna") == ["a.ics"]


@pytest.mark.parametrize("tls", ["self_signed", "garbage"])
async def test_broken_tls(tls: str) -> None:
    async with QuirkyServer(Quirks(tls=tls)) as server, httpx.AsyncClient() as session:  # type: ignore[arg-type]
        server.add_person("anna")
        with pytest.raises(httpx.ConnectError, match="certificate" if tls == "self_signed" else "SSL"):
            await session.get(server.calendar_url("anna"))


async def test_server_goes_on_after_a_stop_with_what_it_held(server: QuirkyServer, client: Client) -> None:
    await client.put()
    backup = server.backup()
    await server.stop()
    with pytest.raises(httpx.HTTPError):
        await client.put()
    await server.start()
    assert (await client.ask("GET", "a.ics")).status_code == 200
    server.lose_data()
    assert (await client.ask("GET", "a.ics")).status_code == 404
    server.restore(backup)
    assert (await client.ask("GET", "a.ics")).status_code == 200


@pytest.mark.parametrize("preset", PRESETS)
async def test_every_preset_stores_and_shows_an_object(preset: str) -> None:
    async with QuirkyServer(PRESETS[preset]()) as server, httpx.AsyncClient() as session:
        server.add_person("anna")
        client = Client(server, session)
        assert (await client.put()).status_code == 201
        text = (await client.ask("GET", "a.ics")).text
        assert "UID:u1\r\n" in text
        assert "SUMMARY:One\r\n" in text
        assert server.uids("anna") == ["u1"]
