"""The agenda as schema.org data (JSON-LD) for search engines, in the reader's language: only what is known to be true.

Prices are not known here, so nothing is said of them. A side event is no part of the programme that it stands beside, so that
programme is no superEvent of it. Addresses of people are left out: they are on the page, for people.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from services.scheduling.public_view import PublicAgenda
from shared.contracts.base import Text, said_in
from shared.contracts.scheduling import (
    Admission,
    EventState,
    Link,
    Organisation,
    Place,
    Role,
    RolePerson,
    SessionKind,
    SessionState,
    Status,
)

_SCHEMA = "https://schema.org"
_Say = Callable[[Text], str]
_Data = dict[str, Any]

# A script element ends at "</script", a comment in it begins at "<!--", and old readers of JavaScript end lines at U+2028.
_IN_HTML = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def agenda_json_ld(agenda: PublicAgenda, language: str) -> bytes:
    """The event with all its sessions as one JSON document, in UTF-8."""
    return (json.dumps(event_data(agenda, language), ensure_ascii=False, indent=2) + "\n").encode()


def embedded(agenda: PublicAgenda, language: str) -> str:
    """The same on one line, for `<script type="application/ld+json">`: whatever the texts are, it cannot leave the element."""
    return json.dumps(event_data(agenda, language), ensure_ascii=False, separators=(",", ":")).translate(_IN_HTML)


def event_data(agenda: PublicAgenda, language: str) -> _Data:
    """The event as a schema.org Event, its sessions as `subEvent`. Texts fall back to the event's first language."""
    event = agenda.event

    def say(text: Text) -> str:
        return said_in(text, language, event.languages[0])

    url = f"{agenda.page}?lang={language if language in event.languages else event.languages[0]}"
    places = [event.place, *(session.place for session in agenda.sessions if session.place != event.place)]
    return {
        "@context": _SCHEMA,
        **_present(
            {
                "@type": "Event",
                "@id": agenda.page,
                "url": url,
                "identifier": event.id,
                "name": say(event.title),
                "alternateName": say(event.subtitle),
                "description": say(event.description),
                "startDate": event.starts_on.isoformat(),
                "endDate": event.ends_on.isoformat(),
                "eventStatus": _status(event.status),
                "eventAttendanceMode": _mode(places),
                "location": _location(event.place, url, say),
                "organizer": [_organisation(host, say) for host in event.hosts],
                "contributor": [_organisation(supporter, say) for supporter in event.supporters],
                "funding": _grant(event.funding, say),
                "superEvent": _around(event, say),
                "inLanguage": sorted({session.language for session in agenda.sessions if session.language}),
                "maximumAttendeeCapacity": _capacity(event.admission, event.status),
                "subEvent": [_session(session, event, agenda.page, url, say) for session in agenda.sessions],
            }
        ),
    }


def _session(session: SessionState, event: EventState, page: str, url: str, say: _Say) -> _Data:
    status = Status.CANCELLED if Status.CANCELLED in (session.status, event.status) else Status.SCHEDULED
    recordings = [link for link in session.outcome if link.kind == "recording"]
    others = [link for link in session.outcome if link.kind != "recording"]
    return _present(
        {
            "@type": "SocialEvent" if session.kind is SessionKind.SOCIAL else "Event",
            "@id": f"{page}#{session.id}",
            "url": f"{url}#{session.id}",
            "identifier": session.id,
            "name": say(session.title),
            "description": say(session.description),
            "startDate": _moment(session.starts_local, session.starts_at, session.zone) or session.date.isoformat(),
            "endDate": _moment(session.ends_local, session.ends_at, session.zone),
            "eventStatus": _status(status),
            "eventAttendanceMode": _mode([session.place]),
            "location": _location(session.place, url, say),
            "performer": _performers(session.people, page, say),
            "keywords": [say(track) for track in session.tracks],
            "funding": _grant(session.funding, say),
            "inLanguage": session.language,
            "maximumAttendeeCapacity": _capacity(session.admission, status) if session.by_choice else None,
            "recordedIn": [_work(link, say) for link in recordings],
            "subjectOf": [_work(link, say) for link in others],
        }
    )


def _moment(local: datetime | None, instant: datetime | None, zone: str) -> str | None:
    """A local time with the offset that the clock there has at that very instant (ISO 8601)."""
    if local is None:
        return None
    if instant is None:
        return local.replace(tzinfo=ZoneInfo(zone)).isoformat()
    ahead: timedelta = local.replace(tzinfo=UTC) - instant
    return local.replace(tzinfo=timezone(ahead)).isoformat()


def _status(status: Status) -> str:
    return f"{_SCHEMA}/{'EventCancelled' if status is Status.CANCELLED else 'EventScheduled'}"


def _mode(places: Iterable[Place]) -> str | None:
    """On site, online or both; None where nothing is said of the place."""
    known = list(places)
    online = any(place.online for place in known)
    on_site = any(place.venue or place.address or (place.room and not place.online) for place in known)
    if not online and not on_site:
        return None
    return f"{_SCHEMA}/{'Mixed' if online and on_site else 'Online' if online else 'Offline'}EventAttendanceMode"


def _location(place: Place, url: str, say: _Say) -> _Data | list[_Data] | None:
    """The room within its venue, and the page for what is online: the link to join is not for everybody."""
    venue, room, level = say(place.venue), say(place.room), say(place.level)
    found: list[_Data] = []
    if venue or place.address or (room and not place.online):
        inside = ", ".join(part for part in (room, level) if part)
        around = _present({"@type": "Place", "name": venue, "address": place.address})
        within = around if venue or place.address else None
        directions = say(place.directions)
        found.append(
            _present({"@type": "Place", "name": inside, "description": directions, "containedInPlace": within})
            if inside
            else {**around, **({"description": directions} if directions else {})}
        )
    if place.online:
        found.append({"@type": "VirtualLocation", "url": url})
    return found[0] if len(found) == 1 else found or None


def _performers(people: Iterable[RolePerson], page: str, say: _Say) -> list[_Data]:
    """Everybody who is on stage, once."""
    found: dict[str, _Data] = {}
    for person in people:
        if person.role is Role.CONTACT:
            continue
        affiliation = say(person.affiliation)
        address = {"@type": "PostalAddress", "addressCountry": person.country} if person.country else None
        found[person.id] = _present(
            {
                "@type": "Person",
                "@id": f"{page}#person-{person.id}",
                "name": person.name,
                "jobTitle": say(person.position),
                "affiliation": _present({"@type": "Organization", "name": affiliation, "address": address})
                if affiliation
                else None,
            }
        )
    return list(found.values())


def _organisation(organisation: Organisation, say: _Say) -> _Data:
    return _present({"@type": "Organization", "name": say(organisation.name), "url": organisation.url})


def _grant(funding: Text, say: _Say) -> _Data | None:
    """What is said of the funding. It is a sentence, so it stands in a grant; a `funder` would be an organisation."""
    return {"@type": "Grant", "description": said} if (said := say(funding)) else None


def _around(event: EventState, say: _Say) -> list[_Data]:
    """The series that the event is a round of, and the programme that it is a part of."""
    around: list[_Data] = []
    if event.series is not None:
        series = {"@type": "EventSeries", "identifier": event.series.id, "name": say(event.series.name)}
        around.append(_present(series))
    if not event.side_event and (programme := say(event.programme)):
        named = {"@type": "Event", "identifier": event.programme_id, "name": programme, "url": event.programme_url}
        around.append(_present(named))
    return around


def _work(link: Link, say: _Say) -> _Data:
    return _present({"@type": "CreativeWork", "name": say(link.title), "url": link.url})


def _capacity(admission: Admission, status: Status) -> int | None:
    return admission.capacity if admission.open and status is Status.SCHEDULED else None


def _present(data: Mapping[str, Any]) -> _Data:
    """Without what is empty; a number stays, even 0."""
    return {name: value for name, value in data.items() if value not in (None, "", [], {})}
