"""Files on the desk: what another organisation decided on many people, and the lists of members."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from services.registration.asking import Requests
from services.registration.member_file import lines_of, read_addresses
from services.registration.member_lists import MemberLists
from services.registration.organiser.file_words import refusal, wrong_row
from services.registration.organiser.visit import OF_EVENT, Gate, Visit, reader_of
from services.registration.organiser.words import Reader
from services.registration.requirement_file import MAX_FILE, FileRefused, Read, read_json_list, read_table
from services.registration.store import Store
from shared.contracts.registration import Email
from shared.web.problems import Problem

SHOWN = 100
"""How many wrong lines are told."""

_FILES = f"{OF_EVENT}/files"
_ADDRESS: TypeAdapter[str] = TypeAdapter(Email)


@dataclass(frozen=True)
class Taken:
    """What became of a file: sentences, and what is wrong with which line."""

    sentences: tuple[str, ...]
    wrong: tuple[tuple[int, str], ...] = ()
    refused: bool = False
    more: int = 0
    """How many more lines are wrong."""


class FilePages:
    """`/organise/attendees/{event_id}/files`."""

    def __init__(self, requests: Requests, store: Store, members: MemberLists) -> None:
        self._requests, self._store, self._members = requests, store, members

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        """The routes."""
        # A form is somewhat larger than the file in it.
        return [web.get(_FILES, gate.page(self.show)), web.post(_FILES, gate.form(self.act, most=2 * MAX_FILE))]

    async def show(self, visit: Visit) -> web.Response:
        """The forms."""
        return await self._page(visit, await reader_of(visit, self._store))

    async def act(self, visit: Visit) -> web.Response:
        """Reads a file and does what it says, or looks an address up in a list."""
        reader = await reader_of(visit, self._store)
        acts = {"decide": self._decide, "check": self._decide, "replace": self._write, "add": self._write,
                "ask": self._ask, "remove": self._ask}  # fmt: skip
        act = acts.get(visit.said("act"))
        if act is None:
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        try:
            taken = await act(visit, reader)
        except FileRefused as error:
            said = [refusal(each, reader.words) for each in error.problems]
            taken = Taken((reader.words("The file cannot be read, so nothing was changed."), *said), refused=True)
        return await self._page(visit, reader, taken)

    async def _decide(self, visit: Visit, reader: Reader) -> Taken:
        """Each row of a file for itself; only looked at, where it is to be checked."""
        requirement = visit.said("requirement")
        if requirement not in {needed.id for needed in reader.event.requirements}:
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        name, body = _file(visit)
        reading = read_json_list if name.lower().endswith(".json") else read_table
        read = await asyncio.to_thread(reading, body, ZoneInfo(reader.event.zone))
        rows = [one.row for one in read if one.row is not None]
        wrong = list(_wrong(read, reader))
        if visit.said("act") == "check":
            said = visit.ngettext(
                "{number} row can be read; nothing was changed.",
                "{number} rows can be read; nothing was changed.",
                len(rows),
            ).format(number=len(rows))
            return Taken((said,), tuple(wrong), bool(wrong))
        answers = await self._requests.decide_requirements(visit.event_id, requirement, rows, visit.organiser())
        lines = [one.line for one in read if one.row is not None]
        for line, answer in zip(lines, answers, strict=True):
            wrong += [(line, reader.reason(reason.code, reason.field)) for reason in answer.reasons]
        done = [answer for answer in answers if not answer.reasons]
        here = sum(answer.registration_id is not None for answer in done)
        said = visit.ngettext(
            "{number} row counts from now on: {here} of people who are registered here, {later} of people who are not yet.",
            "{number} rows count from now on: {here} of people who are registered here, {later} of people who are not yet.",
            len(done),
        )
        return Taken(
            (said.format(number=len(done), here=here, later=len(done) - here),), tuple(sorted(wrong)), bool(wrong)
        )

    async def _write(self, visit: Visit, reader: Reader) -> Taken:
        """A list of members from a file: instead of what it was, or in addition. A wrong line keeps all of it."""
        words, list_ = reader.words, self._list(visit, reader)
        body = _file(visit)[1]
        read = await asyncio.to_thread(lambda: read_addresses(lines_of(body)))
        emails = read.emails
        if read.wrong or not emails:
            first = words("Nothing was changed: a list is taken whole or not at all.")
            wrong = tuple((number, words("This is not an e-mail address.")) for number in read.wrong)
            return Taken((first,), wrong or ((1, words("There is no address in the file.")),), True, read.more)
        changed = await (self._members.replace if visit.said("act") == "replace" else self._members.add)(list_, emails)
        said = visit.ngettext(
            "{number} address is on the list now.", "{number} addresses are on the list now.", changed.members
        )
        return Taken((said.format(number=changed.members),))

    async def _ask(self, visit: Visit, reader: Reader) -> Taken:
        """Whether an address is on a list; or it is taken off."""
        words, list_ = reader.words, self._list(visit, reader)
        try:
            email = _ADDRESS.validate_python(visit.said("email"))
        except ValidationError:
            return Taken((words("This is not an e-mail address."),), refused=True)
        if not await self._members.has(list_, email):
            return Taken((words("This address is not on the list."),))
        if visit.said("act") == "remove":
            await self._members.remove(list_, [email])
            return Taken((words("The address is taken off the list. Who has a seat keeps it."),))
        return Taken((words("This address is on the list."),))

    def _list(self, visit: Visit, reader: Reader) -> str:
        list_ = visit.said("list")
        if list_ not in _lists(reader):
            raise Problem(400, "bad-form", "This form is not complete; please reload the page.")
        return list_

    async def _page(self, visit: Visit, reader: Reader, taken: Taken | None = None) -> web.Response:
        lists: list[dict[str, Any]] = []
        for name in _lists(reader):
            found = await self._members.find(name)
            changed = reader.moment(found.changed_at) if found else ""
            lists.append({"id": name, "members": found.members if found else None, "changed": changed})
        needed = [(each.id, reader.text(each.name)) for each in reader.event.requirements]
        more = max(0, len(taken.wrong) - SHOWN) + taken.more if taken is not None else 0
        context = {"reader": reader, "lists": lists, "needed": needed, "taken": taken, "more": more, "most": SHOWN}
        return visit.page("files.html", context, 422 if taken is not None and taken.refused else 200)


def _lists(reader: Reader) -> Sequence[str]:
    return reader.event.members.lists if reader.event.members is not None else ()


def _file(visit: Visit) -> tuple[str, bytes]:
    """The name and the bytes of the file. Raises FileRefused where there is none, or it is too large."""
    field = visit.form.get("file")
    body = field.file.read(MAX_FILE + 1) if isinstance(field, web.FileField) else b""
    if not body or not isinstance(field, web.FileField):
        raise FileRefused({"field": "file", "message": visit.words("Choose a file that is not empty.")})
    if len(body) > MAX_FILE:
        raise FileRefused({"field": "file", "message": visit.words("The file is too large.")})
    return field.filename, body


def _wrong(read: Sequence[Read], reader: Reader) -> Iterator[tuple[int, str]]:
    for one in read:
        for told in one.problems:
            yield one.line, wrong_row(told, reader.words)
