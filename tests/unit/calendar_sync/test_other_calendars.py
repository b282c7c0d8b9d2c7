"""Which other calendars of an account are searched for an entry that a person moved."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from services.calendar_sync.answers import Answer
from services.calendar_sync.remote_calendar import RemoteCalendar

HOME = "/dav/anna/"


class Server:
    """Tells the collections below the home."""

    def __init__(self, *collections: str, status: int = 207) -> None:
        self.answer = Answer(
            status, body=f'<D:multistatus xmlns:D="DAV:">{"".join(collections)}</D:multistatus>'.encode()
        )

    async def ask(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        assert (method, url, (headers or {})["Depth"]) == ("PROPFIND", HOME, "1")
        return self.answer


def collection(name: str, *kinds: str, takes: str = "") -> str:
    told = "".join(f'<C:comp name="{component}"/>' for component in takes.split())
    components = f"<C:supported-calendar-component-set>{told}</C:supported-calendar-component-set>" if told else ""
    return (
        f'<D:response xmlns:C="urn:ietf:params:xml:ns:caldav"><D:href>{name}</D:href><D:propstat><D:prop><D:resourcetype>'
        f"<D:collection/>{''.join(f'<{kind}/>' for kind in kinds)}</D:resourcetype>{components}</D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    )


async def searched(*collections: str) -> list[str]:
    found, whole = await RemoteCalendar(Server(*collections), f"{HOME}mine/").siblings(HOME)
    assert whole
    return [calendar.path for calendar in found]


async def test_calendars_for_events_are_searched_and_nothing_else() -> None:
    assert await searched(
        collection(HOME),
        collection(f"{HOME}mine/", "C:calendar"),
        collection(f"{HOME}family/", "C:calendar"),
        collection(f"{HOME}work%20%26%20co", "C:calendar", takes="VEVENT VTODO"),
        collection(f"https://dav.example{HOME}far/", "C:calendar", takes="vevent"),
        collection(f"{HOME}tasks/", "C:calendar", takes="VTODO"),
        collection(f"{HOME}inbox/", "C:schedule-inbox"),
        collection(f"{HOME}calendar-inbox/", "C:calendar", "C:schedule-inbox"),
        collection(f"{HOME}outbox/", "C:schedule-outbox"),
        collection(f"{HOME}holidays/", "C:calendar", 'S:subscribed xmlns:S="http://calendarserver.org/ns/"'),
        collection(f"{HOME}old/", "C:calendar", 'N:deleted-calendar xmlns:N="http://nextcloud.com/ns"'),
        collection(f"{HOME}trash/", "C:calendar", 'N:trash-bin xmlns:N="http://nextcloud.com/ns"'),
        collection(f"{HOME}contacts/", 'A:addressbook xmlns:A="urn:ietf:params:xml:ns:carddav"'),
    ) == [f"{HOME}family/", f"{HOME}work%20%26%20co/", f"{HOME}far/"]


@pytest.mark.parametrize(("calendars", "whole"), [(20, True), (21, False)])
async def test_list_that_is_cut_off_is_not_the_whole(calendars: int, whole: bool) -> None:
    server = Server(*(collection(f"{HOME}{number}/", "C:calendar") for number in range(calendars)))
    found, all_of_them = await RemoteCalendar(server, f"{HOME}mine/").siblings(HOME)
    assert (len(found), all_of_them) == (20, whole)


@pytest.mark.parametrize("server", [Server(status=403), Server(status=404), Server(status=500), Server("<broken")])
async def test_home_that_is_not_listed_is_not_the_whole(server: Server) -> None:
    assert await RemoteCalendar(server, f"{HOME}mine/").siblings(HOME) == ([], False)
