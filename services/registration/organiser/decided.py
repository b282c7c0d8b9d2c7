"""What was decided about one person, in plain words: who asked for what and when, what came of it, and why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.registration.decisions.log import Effect
from services.registration.history import Decided
from services.registration.organiser.words import Reader, Words
from shared.contracts.registration import Outcome


@dataclass(frozen=True)
class Told:
    """One decision in words. `why`: the reasons of a refusal; `became`: what became of which seat."""

    at: str
    did: str
    refused: bool
    why: tuple[str, ...] = ()
    became: tuple[str, ...] = ()


def in_words(decisions: Iterable[Decided], reader: Reader) -> list[Told]:
    """Decisions in words, newest first."""
    return [_told(one, reader) for one in decisions][::-1]


def _told(decided: Decided, reader: Reader) -> Told:
    entry = decided.entry
    did = _deeds(reader.words).get(entry.command, entry.command)
    said = reader.words("{who} {did}").format(who=_who(entry.by, reader.words), did=did)
    if entry.outcome == Outcome.DUPLICATE.value:
        said = reader.words("{said}, again: the first answer stands").format(said=said)
    return Told(
        reader.moment(decided.at),
        said,
        entry.outcome == Outcome.REJECTED.value,
        tuple(reader.reason(code, field) for code, field in entry.reasons),
        tuple(_became(effect, reader) for effect in entry.effects),
    )


def _became(effect: Effect, reader: Reader) -> str:
    words, nothing = reader.words, reader.words("nothing")
    before = reader.states[effect.before.value] if effect.before else nothing
    said = words("{label}: {before} → {after}").format(
        label=reader.line(effect.line), before=before, after=reader.states[effect.after.value]
    )
    also = list(_also(effect, words))
    return f"{said} ({', '.join(also)})" if also else said


def _also(effect: Effect, words: Words) -> Iterator[str]:
    if effect.took > 0:
        yield words("a seat was taken")
    if effect.took < 0:
        yield words("a seat came free")
    if effect.joined is not None:
        yield words("number {number} in the line").format(number=effect.joined)
    elif effect.left is not None:
        yield words("left the line")


def _who(by: str, words: Words) -> str:
    kind, _, name = by.partition(":")
    told_by = {
        "message": words("Another system ({name})"),
        "calendar": words("The attendee, by calendar (told by {name}),"),
        "invitation": words("The attendee, in answer to the invitation (told by {name}),"),
    }
    if kind in told_by:
        return told_by[kind].format(name=name)
    return {
        "attendee": words("The attendee"),
        "organiser": words("An organiser"),
        "door": words("The check-in"),
        "clock": words("The clock"),
        "agenda": words("The published agenda"),
        "line": words("The waiting list"),
    }.get(by, by)


def _deeds(words: Words) -> dict[str, str]:
    """What was asked, by the command's name, so that it can follow whoever asked."""
    return {
        "register": words("asked for a registration"),
        "change": words("asked for other sessions"),
        "cancel": words("gave up seats"),
        "approve": words("said yes"),
        "decline": words("said no"),
        "accept": words("took what was offered"),
        "reconfirm": words("said that the person still comes"),
        "givenumbers": words("gave the number of a registration elsewhere"),
        "deciderequirement": words("decided on the registration elsewhere"),
        "transfer": words("handed the seats on to a colleague"),
        "checkin": words("checked the person in"),
        "undocheckin": words("took the check-in back"),
        "relink": words("made a new private address"),
        "erase": words("had the person forgotten"),
        "tick": words("had reached a time limit"),
        "promotion": words("gave free seats to those who wait"),
        "reviseevent": words("changed the rules"),
        "revisesession": words("changed the rules"),
        "setcodes": words("changed invitation codes"),
        "revokecode": words("revoked an invitation code"),
    }
