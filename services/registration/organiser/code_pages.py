"""Invitation codes on the desk: what became of each, new ones (one for many people, or one for each), and their end."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from services.registration.asking import Requests
from services.registration.code_making import CodesAsked, CodesRefused, Made, made, repeatable_codes
from services.registration.codes import Code
from services.registration.explained import REASONS, explained
from services.registration.organiser.list_pages import csv_answer
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, reader_of
from services.registration.organiser.words import Reader, Words
from services.registration.seats import EVENT, Seats
from services.registration.store import Store
from shared.cells import harmless
from shared.clock import Clock, Ids
from shared.web.access import SETTINGS
from shared.web.problems import Problem, validate

SHOWN = 100
"""How many codes a page shows."""

_CODES = f"{OF_EVENT}/codes"


class CodePages:
    """`/organise/attendees/{event_id}/codes`."""

    def __init__(self, requests: Requests, store: Store, clock: Clock, ids: Ids) -> None:
        self._requests, self._store, self._clock, self._ids = requests, store, clock, ids

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        return [web.get(_CODES, gate.page(self.show)), web.post(_CODES, gate.form(self.act))]

    async def show(self, visit: Visit) -> web.Response:
        """The codes, in order."""
        return await self._page(visit)

    async def act(self, visit: Visit) -> web.Response:
        """Makes codes or revokes one. Personal codes come as a table: afterwards nobody knows whose they are."""
        reader = await reader_of(visit, self._store)
        act = visit.said("act")
        try:
            if act == "revoke":
                code = visit.said("revoke")
                await self._requests.revoke_code(visit.event_id, code, visit.caller("revoke", code))
            elif act == "shared":
                await self._make(visit, {"codes": [{**_rules(visit, reader, self._clock()), **_shared(visit)}]})
            elif act == "personal":
                return await self._personal(visit, reader)
            else:
                raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        except Problem as error:
            if error.status not in (404, 409, 422) or not error.errors:
                raise
            return await self._page(visit, error)
        return visit.go(f"{visit.desk}/codes", done=act)

    async def _personal(self, visit: Visit, reader: Reader) -> web.Response:
        emails = list(
            dict.fromkeys(line.strip() for line in visit.typed().get("emails", "").split("\n") if line.strip())
        )
        if not emails:
            raise Problem(422, "invalid", "", [{"field": "emails", "code": "missing", "message": ""}])
        kept = 1 if visit.said("keep") == "yes" else 0
        rules = _rules(visit, reader, self._clock())
        asked = [{**rules, "email": email, "uses": 1, "reserved": kept} for email in emails]
        codes = await self._make(visit, {"codes": asked})
        rows = [(emails[number], code.spelled) for code, number in zip(codes.codes, codes.of, strict=True)]
        return csv_answer(f"{visit.event_id}-invitations.csv", _table(rows))

    async def _make(self, visit: Visit, said: Mapping[str, Any]) -> Made:
        """The codes of a form, the same ones where it is sent twice. Raises Problem 409 or 422."""
        asked = validate(CodesAsked, said)
        caller = visit.caller("codes", asked.model_dump_json())
        following = repeatable_codes(
            visit.request.app[SETTINGS].link_key.get_secret_value(), f"{visit.event_id}\n{caller.key}"
        )
        try:
            codes = made(visit.event_id, asked, following)
        except CodesRefused as error:
            raise Problem(422, "invalid", "Some fields are wrong.", error.problems) from error
        there = await self._store.codes_named(visit.event_id, sorted(codes.new))
        if there and there.keys() != codes.new:
            raise Problem(409, "code-taken", "", [{"field": "codes.0.code", "code": "code-taken", "message": ""}])
        await self._requests.set_codes(visit.event_id, codes.codes, caller)
        return codes

    async def _page(self, visit: Visit, error: Problem | None = None) -> web.Response:
        reader = await reader_of(visit, self._store)
        codes = await self._store.codes(visit.event_id, visit.request.query.get("cursor"), SHOWN + 1)
        seats, now = await self._store.seats(visit.event_id), self._clock()
        context = {
            "reader": reader,
            "key": self._ids(),
            "codes": [_shown(code, seats, now, reader) for code in codes[:SHOWN]],
            "next": codes[SHOWN - 1].id if len(codes) > SHOWN else "",
            "done": _done(visit.words).get(visit.request.query.get("done", ""), ""),
            "problems": list(dict.fromkeys(_problem(each, reader) for each in error.errors))
            if error is not None
            else [],
            "typed": visit.typed(),
            "ticked": visit.ticked("sessions"),
            "needed": reader.event.admission.code_needed or any(s.admission.code_needed for s in reader.sessions),
        }
        return visit.page("codes.html", context, error.status if error is not None else 200)


def _rules(visit: Visit, reader: Reader, now: datetime) -> dict[str, Any]:
    """What all codes of a form have in common. Raises Problem 422 for an end that is none, or lies before `now`."""
    rules: dict[str, Any] = {"label": visit.said("label"), "sessions": visit.ticked("sessions")}
    if expires := visit.said("expires"):
        try:
            local = datetime.fromisoformat(expires)
        except ValueError as error:
            wrong = {"field": "codes.0.expires_at", "code": "not-a-time", "message": ""}
            raise Problem(422, "invalid", "", [wrong]) from error
        expires_at = local.replace(tzinfo=ZoneInfo(reader.event.zone)).astimezone(UTC)
        if expires_at <= now:
            raise Problem(422, "invalid", "", [{"field": "codes.0.expires_at", "code": "over", "message": ""}])
        rules["expires_at"] = expires_at
    return rules


def _shared(visit: Visit) -> dict[str, Any]:
    """What one code for many people has beside that."""
    return {name: said for name in ("code", "uses", "reserved") if (said := visit.said(name))}


def _shown(code: Code, seats: Seats, now: datetime, reader: Reader) -> dict[str, Any]:
    """The code in words."""
    words = reader.words
    used = words("uses: {used} of {uses}") if code.uses is not None else words("uses: {used}")
    said = [used.format(used=code.used, uses=code.uses)]
    if code.person is not None:
        said.append(words("for one person's address"))
    if code.reserved:
        left = sorted({_left(seats, name, code) for name in (EVENT, *code.sessions)})
        said.append(
            words("seats reserved: {reserved}, of which nobody has yet: {left}").format(
                reserved=code.reserved, left="–".join(map(str, dict.fromkeys((left[0], left[-1]))))
            )
        )
    if code.expires_at is not None:
        moment = reader.moment(code.expires_at)
        over = now >= code.expires_at
        said.append((words("ended on {moment}") if over else words("until {moment}")).format(moment=moment))
    return {
        "id": code.id,
        "spelled": code.spelled,
        "label": code.label,
        "sessions": [reader.line(id_) for id_ in code.sessions],
        "said": said,
        "revoked": code.revoked,
        "ended": code.ended(now),
    }


def _left(seats: Seats, name: str, code: Code) -> int:
    """Seats of a line that are still kept for the code."""
    line = seats.event if name == EVENT else seats.sessions.get(name)
    kind = line.kinds.get(code.group or "") if line is not None else None
    return kind.own if kind is not None else 0


def _problem(error: Mapping[str, str], reader: Reader) -> str:
    """What is wrong with a field of the forms."""
    words, parts = reader.words, error["field"].split(".")
    name = next((part for part in reversed(parts) if not part.isdecimal()), "")
    label = {
        "code": words("Code"),
        "label": words("For whom"),
        "uses": words("How often it may be used"),
        "reserved": words("Seats reserved"),
        "expires_at": words("Valid until"),
        "emails": words("Addresses"),
        "email": words("Address {number}").format(
            number=int(parts[1]) + 1 if parts[1:2] and parts[1].isdecimal() else ""
        ),
        "sessions": words("Sessions"),
    }.get(name, name)
    code = error.get("code", "")
    said = _wrong(words).get(code) or (explained(code, reader.language) if code in REASONS else error["message"])
    return words("{field}: {said}").format(field=label, said=said)


def _wrong(words: Words) -> dict[str, str]:
    return {
        "too-short": words("At least four letters or digits; a shorter code is soon guessed."),
        "too-many": words("At most 500 codes at once."),
        "too_long": words("At most 500 codes at once."),
        "missing": words("This is missing; please fill it in."),
        "value_error": words("This is not an e-mail address."),
        "int_parsing": words("Write a whole number."),
        "greater_than_equal": words("This number is too small."),
        "less_than_equal": words("This number is too large."),
        "string_too_long": words("This is too long; shorten it."),
        "not-a-time": words("Give a day and a time."),
        "over": words("This moment is over; give a later one, or leave the field empty."),
        "code-taken": words("Nothing was made; please send it again."),
        "reserve-too-large": words("More seats are to be reserved than are free, or than the code has uses."),
        "unknown-code": words("There is no such code."),
    }


def _done(words: Words) -> dict[str, str]:
    return {
        "shared": words("The code is made."),
        "revoke": words("The code is revoked. Who registered with it keeps the seat."),
    }


def _table(rows: Sequence[tuple[str, str]]) -> bytes:
    """Addresses and their codes; RFC 4180, UTF-8 with a mark that spreadsheets need."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([("email", "code"), *((harmless(email), harmless(code)) for email, code in rows)])
    return text.getvalue().encode("utf-8-sig")
