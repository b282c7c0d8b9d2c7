"""Tickets: signed, void with the other private addresses, without personal data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registration.door.people import pattern_of
from services.registration.door.tickets import CHECK_IN, is_ticket_of, parts_of, ticket_of, ticket_path
from services.registration.registrations import Registration
from shared.contracts.registration import SeatState
from shared.links import MANAGE, Links
from tests.support.events import BEFORE_CLOSE, person

LINKS = Links("a-key-of-the-tests-with-32-letters!!")
ADA = Registration(
    id="0198a7b3c2d4e5f60718293a4b5c6d",
    event_id="milipol-2019",
    person=person("ada"),
    state=SeatState.CONFIRMED,
    place=None,
    choices=(),
    link_generation=1,
    registered_at=BEFORE_CLOSE,
    changed_at=BEFORE_CLOSE,
)


def valid(registration: Registration, text: str) -> bool:
    parts = parts_of(text)
    return parts is not None and parts[0] == registration.id and is_ticket_of(registration, parts[1], LINKS)


def test_ticket_is_read_however_it_was_scanned_or_typed() -> None:
    ticket = ticket_of(ADA, LINKS)
    address = "https://lectern.example.org" + ticket_path(ticket)
    for text in (
        ticket,
        f"  {ticket}\r\n",
        ticket.upper(),
        address,
        address.upper(),
        f"{address}?lang=fr",
        f"{address}/",
    ):
        assert valid(ADA, text), text


def test_ticket_says_nothing_about_the_person() -> None:
    ticket = ticket_of(ADA, LINKS)
    assert "ada" not in ticket.removeprefix(ADA.id).lower().partition(".")[0]
    assert ticket == ticket_of(replace(ADA, person=person("somebody-else")), LINKS)
    assert len(ticket) < 70, "so that the code stays coarse enough for any camera"


def test_new_private_addresses_void_the_ticket() -> None:
    before = ticket_of(ADA, LINKS)
    after = replace(ADA, link_generation=2)
    assert not valid(after, before)
    assert valid(after, ticket_of(after, LINKS))


def test_ticket_of_somebody_who_was_forgotten_is_void() -> None:
    assert not valid(replace(ADA, erased=True), ticket_of(ADA, LINKS))


def test_no_other_token_is_a_ticket() -> None:
    assert not valid(ADA, f"{ADA.id}.{LINKS.token(MANAGE, ADA.id, 1)}")
    assert not valid(ADA, f"{ADA.id}.{Links('another-key-of-at-least-32-letters').token(CHECK_IN, ADA.id, 1)}")
    other = replace(ADA, id="0198a7b3c2d4e5f60718293a4b5c6e")
    assert not valid(ADA, f"{ADA.id}.{ticket_of(other, LINKS).partition('.')[2]}")


@pytest.mark.parametrize("text", ["", ".", "ada", "a." + "a" * 31, "a b." + "a" * 32, "é." + "a" * 32, "x" * 10_000])
def test_what_is_no_ticket_by_its_form_is_not_looked_up(text: str) -> None:
    assert parts_of(text) is None


@given(st.text(max_size=600))
def test_no_text_is_too_strange(text: str) -> None:
    parts = parts_of(text)
    assert parts is None or not is_ticket_of(ADA, parts[1], LINKS)


@pytest.mark.parametrize(
    ("typed", "name", "found"),
    [
        ("zoe", "Zoë Example", True),
        ("zoë", "Zoe Example", True),
        ("ZOE", "Zoe\u0308 Example", True),
        ("lukasz", "Łukasz", False),
        ("a.b", "axb", False),
        ("(", "( ) bracket", True),
        ("bob", "Zoë", False),
    ],
)
def test_names_are_found_whatever_their_accents(typed: str, name: str, found: bool) -> None:
    import re

    assert bool(re.search(pattern_of(typed), name, re.IGNORECASE)) is found
