"""Mails in words: the three sample events' shapes, in both languages, with times that are right on their day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.notification.domain import tell
from services.notification.letter import Addresses, addresses, compose
from services.notification.picture import Picture, picture
from services.notification.rendering import Rendered, render
from shared.contracts.registration import RegistrationState
from shared.contracts.scheduling import EventState, SessionState
from shared.links import CALENDAR, MANAGE, Links
from shared.web.i18n import languages, translations
from shared.web.times import offset, span
from tests.support.events import PUBLISHED, milipol, workshop
from tests.support.notification import registration

PRIVATE = Addresses(
    "https://lectern.test/r/secret", "https://lectern.test/calendar/hidden", "https://lectern.test/answers/taken-back"
)


def mail(
    state: RegistrationState,
    event: EventState,
    sessions: list[SessionState],
    before: Picture | None = None,
) -> tuple[str, Rendered]:
    """The subject and body that tell `state`."""
    now = seen(state, event, sessions)
    telling = tell(before, now)
    assert telling is not None
    letter = compose(telling, before, now, state.person, PRIVATE)
    return letter.subject, render(letter)


def seen(state: RegistrationState, event: EventState, sessions: list[SessionState]) -> Picture:
    now = picture(state, event, {session.id: session for session in sessions})
    assert now is not None
    return now


def session(id_: str, event_id: str, **changes: Any) -> SessionState:
    return SessionState.model_validate(
        {"id": id_, "event_id": event_id, "revision": 1, "published_at": PUBLISHED, "kind": "panel"} | changes
    )


WORKSHOPS = [workshop(number) for number in (1, 2, 3, 4)]
FAIR = {
    "directions": {"en": "Enter by hall 4 & take the stairs on the right."},
    "venue": {"en": "Paris-Nord Villepinte"},
    "level": {"en": "Mezzanine of hall 4"},
}

CONFIRMED = """Hello Ada,

Your registration for “Practitioner workshops at Milipol” is confirmed.
3 sessions are confirmed, 1 session is on the waiting list.

Practitioner workshops at Milipol
  Wednesday, 20 November 2019
  Mezzanine of hall 4, Paris-Nord Villepinte
  How to get there: Enter by hall 4 & take the stairs on the right.

Sessions
- Workshop 1
  09:40–10:55 (Europe/Paris, UTC+1)
  Your seat: confirmed
- Workshop 2
  11:15–12:30 (Europe/Paris, UTC+1)
  Your seat: confirmed
- Workshop 3
  14:00–15:15 (Europe/Paris, UTC+1)
  Your seat: confirmed
- Workshop 4
  15:45–17:00 (Europe/Paris, UTC+1)
  Your seat: on the waiting list, number 4 in line

You also need a registration with Milipol Paris.
  Your code there: H2020MP2019

Your ticket for the entrance is on your private page:
  https://lectern.test/r/secret

See, change or cancel your registration:
  https://lectern.test/r/secret

Your sessions in your calendar:
  https://lectern.test/calendar/hidden
Please keep these addresses to yourself: they are yours alone.

--\x20
You receive this mail because of your registration for “Practitioner workshops at Milipol”.
"""


def test_confirmed_workshops_in_full() -> None:
    state = registration({1: "confirmed", 2: "confirmed", 3: "confirmed", 4: "waitlisted"}, positions={4: 4})
    subject, body = mail(state, milipol(place=FAIR), WORKSHOPS)
    assert subject == "Confirmed: Practitioner workshops at Milipol"
    assert body.text == CONFIRMED


def test_a_change_shows_the_old_and_the_new() -> None:
    state = registration({1: "confirmed"})
    moved = workshop(
        1, 2, starts_local=datetime(2019, 11, 20, 9), starts_at=datetime(2019, 11, 20, 8, tzinfo=UTC),
        place={"room": {"en": "Room B"}},
    )  # fmt: skip
    subject, body = mail(state, milipol(2), [moved, *WORKSHOPS[1:]], seen(state, milipol(), WORKSHOPS))
    assert subject == "Changed: Practitioner workshops at Milipol"
    assert "A session of “Practitioner workshops at Milipol” has changed." in body.text
    assert "Time: 09:40–10:55 (Europe/Paris, UTC+1) → 09:00–10:55 (Europe/Paris, UTC+1)" in body.text
    assert "Place: Mezzanine, Paris-Nord Villepinte → Room B" in body.text
    assert "Workshop 2" not in body.text
    assert "<s>09:40–10:55 (Europe/Paris, UTC+1)</s> → <strong>09:00–10:55" in body.html


def test_a_change_to_another_day_shows_both_days() -> None:
    state = registration({1: "confirmed"})
    moved = workshop(1, 2, date=date(2019, 11, 21), starts_local=None, ends_local=None, starts_at=None, ends_at=None)
    _, body = mail(state, milipol(2), [moved, *WORKSHOPS[1:]], seen(state, milipol(), WORKSHOPS))
    assert (
        "Time: Wednesday, 20 November 2019, 09:40–10:55 (Europe/Paris, UTC+1) → "
        "Thursday, 21 November 2019, time to be announced"
    ) in body.text


def test_a_cancelled_session_is_named_in_the_subject() -> None:
    state = registration({1: "confirmed"})
    off = workshop(1, 2, status="cancelled")
    subject, body = mail(state, milipol(2), [off, *WORKSHOPS[1:]], seen(state, milipol(), WORKSHOPS))
    assert subject == "Cancelled: Workshop 1 (Practitioner workshops at Milipol)"
    assert "“Workshop 1” is cancelled and does not take place." in body.text


def test_a_cancelled_registration_needs_no_feed_and_no_directions() -> None:
    before = seen(registration({1: "confirmed"}), milipol(place=FAIR), WORKSHOPS)
    gone = registration({1: "cancelled"}, state="cancelled", version=2)
    subject, body = mail(gone, milipol(place=FAIR), WORKSHOPS, before)
    assert subject == "Registration cancelled: Practitioner workshops at Milipol"
    assert "Your registration for “Practitioner workshops at Milipol” is cancelled." in body.text
    assert "/calendar/" not in body.text
    assert "How to get there" not in body.text
    assert "H2020MP2019" not in body.text


HELSINKI = EventState.model_validate(
    {
        "id": "sre-2019",
        "revision": 1,
        "kind": "conference",
        "title": {"en": "Security Research Event 2019"},
        "zone": "Europe/Helsinki",
        "starts_on": date(2019, 11, 6),
        "ends_on": date(2019, 11, 7),
        "place": {"venue": {"en": "Helsinki"}},
        "published_at": PUBLISHED,
    }
)
PANEL = session(
    "sre-2019-panel-hybrid-threats",
    "sre-2019",
    title={"en": "Hybrid threats"},
    zone="Europe/Helsinki",
    date=date(2019, 11, 7),
    starts_local=datetime(2019, 11, 7, 9, 0),
    ends_local=datetime(2019, 11, 7, 10, 30),
    starts_at=datetime(2019, 11, 7, 7, 0, tzinfo=UTC),
    ends_at=datetime(2019, 11, 7, 8, 30, tzinfo=UTC),
)


def test_a_conference_lists_its_sessions_with_their_days() -> None:
    _, body = mail(registration(event_id="sre-2019"), HELSINKI, [PANEL])
    assert "Wednesday, 6 November 2019 – Thursday, 7 November 2019" in body.text
    assert "- Hybrid threats\n  Thursday, 7 November 2019, 09:00–10:30 (Europe/Helsinki, UTC+2)\n" in body.text
    assert "Your seat:" not in body.text


def test_a_place_on_the_waiting_list_is_told_without_the_programme() -> None:
    state = registration(event_id="sre-2019", state="waitlisted", position=7)
    subject, body = mail(state, HELSINKI, [PANEL])
    assert subject == "Waiting list: Security Research Event 2019"
    assert "is full at the moment: you are on the waiting list.\nYou are number 7 in line." in body.text
    assert "Hybrid threats" not in body.text


ROUND = EventState.model_validate(
    {
        "id": "efus-2021-round-3",
        "revision": 1,
        "kind": "web-conferences",
        "title": {"en": "Innovation in urban security", "fr": "Innovation et sécurité urbaine"},
        "languages": ["en", "fr"],
        "zone": "Europe/Paris",
        "starts_on": date(2021, 3, 31),
        "ends_on": date(2021, 6, 9),
        "place": {"online": True},
        "contacts": [{"id": "p-lesch", "name": "Pauline Lesch", "role": "contact", "email": "lesch@efus.eu"}],
        "published_at": PUBLISHED,
    }
)
WEB = session(
    "efus-2021-round-3-workshop-2",
    "efus-2021-round-3",
    kind="web-conference",
    number=2,
    title={"en": "Fair and transparent use of AI", "fr": "Un usage équitable de l’IA"},
    zone="Europe/Brussels",
    date=date(2021, 5, 5),
    starts_local=datetime(2021, 5, 5, 14, 0),
    ends_local=datetime(2021, 5, 5, 15, 0),
    starts_at=datetime(2021, 5, 5, 12, 0, tzinfo=UTC),
    ends_at=datetime(2021, 5, 5, 13, 0, tzinfo=UTC),
    by_choice=True,
    place={"online": True},
    join_url="https://join.example.org/room?a=1&b=2",
)
DATE_ONLY = session(
    "efus-2021-round-3-workshop-1",
    "efus-2021-round-3",
    kind="web-conference",
    number=1,
    title={"en": "Security by design"},
    zone="Europe/Brussels",
    date=date(2021, 3, 31),
    by_choice=True,
)


def test_a_web_conference_in_may_has_summer_time_and_a_link_for_the_confirmed() -> None:
    state = registration({2: "confirmed"}, event_id="efus-2021-round-3")
    _, body = mail(state, ROUND, [WEB])
    assert (
        "- 2. Fair and transparent use of AI\n  Wednesday, 5 May 2021, 14:00–15:00 (Europe/Brussels, UTC+2)"
        in body.text
    )
    assert "Join here: https://join.example.org/room?a=1&b=2" in body.text
    assert 'href="https://join.example.org/room?a=1&amp;b=2"' in body.html
    assert "Pauline Lesch <lesch@efus.eu>" in body.text


@pytest.mark.parametrize("state", ["waitlisted", "pending", "offered", "cancelled"])
def test_the_link_to_join_is_never_sent_to_others(state: str) -> None:
    _, body = mail(registration({2: state}, event_id="efus-2021-round-3"), ROUND, [WEB])
    assert "join.example.org" not in body.text + body.html


def test_a_session_with_a_date_only_says_so() -> None:
    _, body = mail(registration({1: "confirmed"}, event_id="efus-2021-round-3"), ROUND, [DATE_ONLY])
    assert "Wednesday, 31 March 2021, time to be announced" in body.text


def test_agenda_texts_are_in_the_persons_language_with_fall_back() -> None:
    state = registration(
        {1: "confirmed", 2: "confirmed"}, event_id="efus-2021-round-3", person={"language": "fr", "name": "Zoé"}
    )
    subject, body = mail(state, ROUND, [WEB, DATE_ONLY])
    assert "Un usage équitable de l’IA" in body.text
    assert "1. Security by design" in body.text  # not translated: English stands in
    french = translations("fr")
    assert subject == french.gettext("Confirmed: %(event)s") % {"event": "Innovation et sécurité urbaine"}
    assert french.gettext("Hello %(name)s,") % {"name": "Zoé"} in body.text
    summary = french.ngettext("%(num)d session is confirmed", "%(num)d sessions are confirmed", 2) % {"num": 2}
    assert summary in body.text
    assert f'<html lang="{"fr" if "fr" in languages() else "en"}">' in body.html


def test_names_and_titles_are_escaped_in_html_and_plain_in_text() -> None:
    state = registration({1: "confirmed"}, person={"name": "Ada <script>"})
    _, body = mail(state, milipol(title={"en": "Tom & <b>Jerry</b>"}), WORKSHOPS)
    assert "<script>" not in body.html
    assert "<b>" not in body.html
    assert "Tom &amp; &lt;b&gt;Jerry&lt;/b&gt;" in body.html
    assert "Hello Ada <script>," in body.text
    assert "%(" not in body.text + body.html


def test_a_percent_sign_in_a_title_is_only_a_sign() -> None:
    subject, body = mail(registration({1: "confirmed"}), milipol(title={"en": "100 %(name)s %s"}), WORKSHOPS)
    assert subject == "Confirmed: 100 %(name)s %s"
    assert "Your registration for “100 %(name)s %s” is confirmed." in body.text


def test_private_addresses_follow_the_generation_of_links() -> None:
    links = Links("k" * 32)
    first, second = (addresses(links, "https://lectern.test/", "r1", generation) for generation in (1, 2))
    assert first.manage == "https://lectern.test/r/" + links.token(MANAGE, "r1", 1)
    assert first.calendar == "https://lectern.test/calendar/" + links.token(CALENDAR, "r1", 1)
    assert first.keep not in (second.keep, first.manage, first.calendar)
    assert first.manage != second.manage


def test_offsets_are_those_of_the_day() -> None:
    assert offset(datetime(2019, 11, 20, 9, 40), None, "Europe/Paris") == "UTC+1"
    assert offset(datetime(2021, 5, 5, 14, 0), None, "Europe/Brussels") == "UTC+2"
    assert offset(datetime(2021, 5, 5, 14, 0), None, "America/St_Johns") == "UTC-2:30"
    assert offset(datetime(2021, 5, 5, 14, 0), None, "UTC") == "UTC"


def test_a_session_over_midnight_and_the_change_of_clocks_names_both() -> None:
    night = session(
        "night",
        "sre-2019",
        title={"en": "Night"},
        zone="Europe/Helsinki",
        date=date(2019, 10, 26),
        starts_local=datetime(2019, 10, 26, 23, 0),
        ends_local=datetime(2019, 10, 27, 5, 0),
        starts_at=datetime(2019, 10, 26, 20, 0, tzinfo=UTC),
        ends_at=datetime(2019, 10, 27, 3, 0, tzinfo=UTC),
    )
    assert span(night, "en", to_be_announced="") == (
        "23:00 – Sunday, 27 October 2019, 05:00 (Europe/Helsinki, UTC+3 → UTC+2)"
    )
