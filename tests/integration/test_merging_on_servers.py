"""What a person added is still theirs, and what we say still ours, after real servers have stored it in their own way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from services.calendar_sync.merging import has_theirs, merged
from shared.calendar.document import calendar_object
from shared.calendar.entry import entry
from shared.calendar.fingerprint import read
from shared.calendar.lint import lint
from tests.support.caldav_servers import XandikosNode
from tests.support.calendar_readers import by_both
from tests.support.calendar_samples import efus, session
from tests.support.radicale import RadicaleNode

PAGE = "https://lectern.test/events/efus-2021-round-3?lang=fr"
UID = "efus-2021-round-3-session-1.r1@lectern.test"
THEIRS = "COLOR:tomato\r\nX-MOZ-LASTACK:20210301T080000Z\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:bientôt\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n"


def ours(revision: int, start: str) -> bytes:
    """Our object of the session in one of its revisions."""
    state = session("efus-2021-round-3-session-1", start, revision=revision, zone="Europe/Brussels",
                    title={"fr": "Usage équitable ; l’IA, l’été"}, tracks=[{"fr": "Villes, sûres"}])  # fmt: skip
    return calendar_object(entry(state, efus(), language="fr", words=str, page=PAGE), UID)


@pytest.fixture(params=["radicale", "xandikos"])
async def calendar(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """An empty calendar on a private server."""
    node: RadicaleNode | XandikosNode = RadicaleNode() if request.param == "radicale" else XandikosNode()
    try:
        await node.start()
        home = f"{node.url}{node.username}/" if isinstance(node, RadicaleNode) else node.home
        auth = (node.username, node.password) if isinstance(node, RadicaleNode) else None
        async with httpx.AsyncClient(base_url=f"{home}mine/", auth=auth, timeout=20) as client:
            answer = await client.request("MKCALENDAR", "")
            assert answer.status_code == 201, answer.text
            yield client
    finally:
        await node.stop()


async def stored(calendar: httpx.AsyncClient, body: bytes) -> bytes:
    """The object as the server shows it after it was written."""
    put = await calendar.put("one.ics", content=body, headers={"Content-Type": "text/calendar; charset=utf-8"})
    assert put.status_code in (201, 204), put.text
    return (await calendar.get("one.ics")).content


async def test_person_s_additions_survive_a_server_and_our_next_revision(calendar: httpx.AsyncClient) -> None:
    first, second = ours(1, "2021-03-28T09:00"), ours(2, "2021-10-31T09:00")
    seen = await stored(calendar, first)
    assert read(seen) == read(first)
    assert not has_theirs(seen, first)
    assert merged(second, seen, PAGE) == second

    text = seen.decode().replace("\r\n ", "").replace("END:VEVENT", f"{THEIRS}END:VEVENT")
    text = text.replace("\r\nCATEGORIES:", "\r\nCATEGORIES:Rouge,")
    front = "DESCRIPTION:Devant ; vu\\n"
    text = "\r\n".join(
        line.replace("DESCRIPTION:", front) + "\\n\\nÀ préparer" if line.startswith("DESCRIPTION:Programme") else line
        for line in text.split("\r\n")
    )
    changed = await stored(calendar, text.encode())
    assert read(changed) == read(first)
    assert has_theirs(changed, second)

    body = merged(second, changed, PAGE)
    assert lint(body, feed=False) == []
    final = await stored(calendar, body)
    assert read(final) == read(second)
    assert merged(second, final, PAGE) == merged(second, merged(second, final, PAGE), PAGE)
    found = by_both(final)[UID]
    assert (found.alarms, found.sequence) == (1, 2)
    assert found.description.startswith("Devant ; vu\n\nProgramme")
    assert found.description.endswith(f"{PAGE}\n\nÀ préparer")
    shown = final.decode().replace("\r\n ", "")
    for kept in ("COLOR:tomato", "X-MOZ-LASTACK", "Rouge", "Villes\\, sûres"):
        assert kept in shown


async def test_person_who_cancels_the_stored_entry_is_seen_to_decline(calendar: httpx.AsyncClient) -> None:
    seen = await stored(calendar, ours(1, "2021-03-28T09:00"))
    said = read(await stored(calendar, seen.replace(b"\r\nSTATUS:CONFIRMED", b"\r\nSTATUS:CANCELLED")))
    assert said is not None
    assert said.declined
