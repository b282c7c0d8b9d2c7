"""The words of organisers' pages: names of fields, kinds, roles, audiences and states in the reader's language."""

from __future__ import annotations

from collections.abc import Callable

from shared.calendar.entry import KINDS, ROLES
from shared.web.i18n import DEFAULT

Words = Callable[[str], str]
"""The catalogue's gettext."""


def field_names(words: Words) -> dict[str, str]:
    """What the fields of an agenda, and of what is published of it, are called."""
    return {
        "title": words("Title"),
        "name": words("Name"),
        "subtitle": words("Subtitle"),
        "description": words("Description"),
        "kind": words("Kind"),
        "number": words("Number"),
        "status": words("State"),
        "language": words("Language spoken"),
        "languages": words("Languages"),
        "block": words("Part of the day"),
        "blocks": words("Parts of the day"),
        "tracks": words("Tracks"),
        "date": words("Day"),
        "starts": words("Starts"),
        "starts_local": words("Starts"),
        "ends": words("Ends"),
        "ends_local": words("Ends"),
        "starts_on": words("First day"),
        "ends_on": words("Last day"),
        "zone": words("Time zone"),
        "printed_zone": words("Printed zone"),
        "zone_check": words("Which time is meant"),
        "starts_hour": words("Which hour it starts"),
        "ends_hour": words("Which hour it ends"),
        "room": words("Room"),
        "venue": words("Venue"),
        "level": words("Level"),
        "directions": words("How to get there"),
        "address": words("Address"),
        "online": words("Online"),
        "join_url": words("Link to join"),
        "people": words("People"),
        "contacts": words("Contacts"),
        "affiliation": words("Affiliation"),
        "country": words("Country"),
        "position": words("Position"),
        "email": words("E-mail"),
        "funding": words("Funding"),
        "links": words("Links"),
        "outcome": words("Outcome"),
        "by_choice": words("People choose it when they register"),
        "open": words("Registration is taken here"),
        "capacity": words("Seats"),
        "opens": words("Registration opens"),
        "closes": words("Registration closes"),
        "waiting_list": words("Waiting list"),
        "code_needed": words("By invitation: a code is needed"),
        "approval": words("An organiser decides on each registration"),
        "members_only": words("For members only"),
        "quotas": words("Seats set aside"),
        "quota": words("Seats set aside"),
        "offer_hours": words("Hours to take an offered seat"),
        "cutoff_hours": words("Hours before the start when the waiting list ends"),
        "max_sessions": words("Sessions that one person may choose"),
        "overlaps": words("Sessions at the same time"),
        "transfers": words("A seat may be given to a colleague"),
        "calendar_answers": words("Who removes a session from a calendar gives the seat up"),
        "ask_days": words("Days before the event to ask whether people still come"),
        "answer_days": words("Days to answer in"),
        "retention_days": words("Days after the event until registrations are made anonymous"),
        "members": words("Members"),
        "domains": words("Members by their e-mail address"),
        "lists": words("Lists of members"),
        "requirement": words("Members by a registration elsewhere"),
        "member_requirement": words("Members by a registration elsewhere"),
        "policy": words("While it is missing"),
        "code": words("Code that it asks for"),
        "hold_days": words("Days that a seat is held for it"),
        "remind_days": words("Days before the end of that to remind"),
        "programme": words("Programme"),
        "side_event": words("Side event"),
        "series": words("Series"),
        "round": words("Round"),
        "hosts": words("Hosts"),
        "supporters": words("With the support of"),
        "audiences": words("Kinds of attendees"),
        "requirements": words("Registrations elsewhere"),
        "questions": words("Questions at registration"),
        "url": words("Address on the web"),
        "id": words("Id"),
    }


def kinds(words: Words) -> dict[str, str]:
    """Kinds of session by their value."""
    return {kind.value: words(name) for kind, name in KINDS.items()}


def roles(words: Words) -> dict[str, str]:
    """Roles by their value."""
    return {role.value: words(name) for role, name in ROLES.items()}


def audiences(words: Words) -> dict[str, str]:
    """Who may see a link, by its value."""
    return {
        "public": words("everybody"),
        "registrants": words("registered people"),
        "members": words("members only"),
    }


def policies(words: Words) -> dict[str, str]:
    """What a missing registration elsewhere means for a seat, by its value."""
    return {
        "told": words("people are told; the seat does not wait for it"),
        "hold": words("a seat is held for some days, and lost if it is still missing then"),
        "first": words("no seat until it is there"),
    }


def outcome_kinds(words: Words) -> dict[str, str]:
    """What a session left, by its value."""
    return {
        "article": words("Article"),
        "slides": words("Slides"),
        "recording": words("Recording"),
        "minutes": words("Minutes"),
    }


def event_kinds(words: Words) -> dict[str, str]:
    """Kinds of event by their value."""
    return {
        "conference": words("Conference"),
        "workshops": words("Workshops"),
        "web-conferences": words("Web conferences"),
    }


def fault_words(message: str, code: str, words: Words, language: str) -> tuple[str, bool]:
    """A fault in the reader's language, and whether it could be said in it: else it is in English, as it was found."""
    telling = {
        "does not exist in": words(
            "This time does not exist on that day: clocks go forward over it. Choose an earlier or later time."
        ),
        "comes twice": words(
            "This time comes twice on that day: clocks are put back. Say below which of the two is meant."
        ),
        "comes once": words("This time comes once on that day; leave open which one is meant."),
        "is not after the start": words("The end is not after the start. If it goes over midnight, give the last day."),
        "clocks are put back in between": words(
            "The end is not after the start: check which of the two hours is meant."
        ),
        "there is an end and no start": words("There is an end and no start; add the start, or clear the end."),
        "gives the day of the end": words("There is a last day and no end; add the end, or clear the last day."),
        "no single meaning": words(
            "This abbreviation has no single meaning; write it as an offset, for example UTC+1."
        ),
        "is not a place's zone": words("Name the zone after a place, for example Europe/Paris."),
        "is not in the IANA": words("There is no such time zone; write for example Europe/Paris."),
        "last day is before the first": words("The last day is before the first; change one of them."),
        "closes before it opens": words("Registration closes before it opens; change one of them."),
        "write the domain": words("Write the domain alone, what stands after the @: example.org."),
        "not a domain": words("Write the domain alone, what stands after the @: example.org."),
        "lower-case letters, digits and hyphens": words("An id has lower-case letters, digits and hyphens only."),
        "listed twice": words("One of them is listed twice; remove the second."),
        "not an address; it begins": words("This is not an address; it begins with https:// or http://."),
        "write it in at least one language": words("Write it in at least one language."),
        "the file does not say which event": words("The file does not say which event it is for; write its id below."),
    }
    by_code = {
        "person-twice": words("This person is here twice in the same role; remove one."),
        "unknown-person": words("This person is not in the agenda any more; choose another."),
        "unknown-room": words("This room is not in the agenda any more; choose another."),
        "unknown-block": words("This part of the day is not in the agenda any more; choose another."),
        "int_parsing": words("Write a whole number."),
        "int_from_float": words("Write a whole number."),
        "greater_than_equal": words("This number is too small."),
        "less_than_equal": words("This number is too large."),
        "enum": words("Choose one from the list."),
        "string_too_long": words("This is too long; shorten it."),
        "missing": words("This is missing; please fill it in."),
        "nobody-is-member": words(
            "This is for members only, and nothing says who is a member. Say it under “Members”."
        ),
        "unknown-requirement": words("This is not one of the registrations elsewhere any more; choose another."),
        "unknown-audience": words("This kind of attendee is not in the agenda any more; clear its seats."),
        "quotas-over-capacity": words("More seats are set aside than there are; lower one, or raise the seats."),
        "no-waiting-list": words("Without a waiting list there is nobody for this; clear it, or have a waiting list."),
        "offer-after-start": words(
            "The last offer would end after the start: end the waiting list earlier, or leave fewer hours to take a seat."
        ),
        "answer-after-start": words(
            "The answers would come after the event has begun: ask earlier, or leave fewer days."
        ),
        "reminder-before-hold": words(
            "The reminder would come before the seat is held: remind later, or hold it longer."
        ),
        "too-large": words("The agenda is too large; shorten its texts."),
    }
    # The later of two that fit says more: an end that is too early because of the clocks.
    found = [said for part, said in telling.items() if part in message]
    said = found[-1] if found else by_code.get(code) or words(message)
    return said, language == DEFAULT or said != message
