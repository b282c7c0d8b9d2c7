"""Lists of members over HTTP, for organisers: given, changed, asked. The addresses are not kept."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from services.registration.member_file import MOST, lines_of, read_addresses
from services.registration.member_lists import MemberList, MemberLists
from services.registration.operations.parameters import IDEMPOTENCY_KEY, caller_of, flag_in
from services.registration.replies import Replies
from services.registration.requirement_file import FileRefused
from shared.contracts.base import Instant
from shared.contracts.cloudevent import problem
from shared.contracts.registration import Email
from shared.web.access import require_organiser
from shared.web.openapi import JSON, Answer, Body, Operation, Parameter
from shared.web.problems import Problem, read_body, read_json, validate

MAX_FILE = 4_194_304
"""The largest body, in bytes (4 MiB): proxies take little more."""
_LIST = "/api/v1/registration/members/{list}"
_CSV = "text/csv"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_ADDRESS: TypeAdapter[str] = TypeAdapter(Email)
_EMAILS = (
    "The addresses: CSV, one a line (a first line `email` may stand above them), or JSON. At most 100,000 addresses and 4 MiB; "
    "more are added with POST"
)
LIST = Parameter("list", "path", "The list's name, as the event's rules name it: lower-case letters, digits, hyphens")
EMAIL = Parameter("email", "query", "An address: the answer says whether it is on the list")
ALL = Parameter("all", "query", "true: the whole list is removed", {"type": "boolean", "default": False})


class Emails(BaseModel):
    """Addresses; case does not matter."""

    emails: list[str] = Field(max_length=MOST)


class MembersShown(BaseModel):
    """How many are on the list, and since when."""

    list: str
    members: int
    changed_at: Instant
    member: bool | None = Field(default=None, description="Whether the address that was asked for is on the list")
    repeated: bool = Field(default=False, description="An earlier request with the same Idempotency-Key got this first")


class Members:
    """The operations about lists of members."""

    def __init__(self, lists: MemberLists, replies: Replies) -> None:
        self._lists, self._replies = lists, replies

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            self._writing("replaceMembers", "PUT", self.replace, "From now on these are on the list, and nobody else"),
            self._writing("addMembers", "POST", self.add, "These are on the list as well"),
            Operation(
                "removeMembers",
                "DELETE",
                _LIST,
                self.remove,
                "These are on the list no more; with `all`, there is no list any more. Who has a seat keeps it",
                {200: Answer("The list as it stands", MembersShown)},
                [LIST, ALL, IDEMPOTENCY_KEY],
                Body(_EMAILS, Emails, [_CSV, JSON], required=False),
                [400, 404, 409, 422],
                organiser=True,
            ),
            Operation(
                "showMembers",
                "GET",
                _LIST,
                self.show,
                "How many are on the list and when it was changed; whether one address is on it",
                {200: Answer("The list", MembersShown)},
                [LIST, EMAIL],
                problems=[400, 404],
                organiser=True,
            ),
        ]

    def _writing(
        self, id_: str, method: str, handler: Callable[[web.Request], Awaitable[web.Response]], summary: str
    ) -> Operation:
        return Operation(
            id_,
            method,
            _LIST,
            handler,
            summary,
            {200: Answer("The list as it stands", MembersShown)},
            [LIST, IDEMPOTENCY_KEY],
            Body(_EMAILS, Emails, [_CSV, JSON]),
            [404, 409, 422],
            organiser=True,
        )

    async def replace(self, request: web.Request) -> web.Response:
        """All of the file or, where an address in it is none, nothing."""
        require_organiser(request)
        list_, emails = _list_in(request), await _emails_in(request)
        return await self._once(request, "replace", emails, lambda: self._lists.replace(list_, emails))

    async def add(self, request: web.Request) -> web.Response:
        """A list that is not there yet is made."""
        require_organiser(request)
        list_, emails = _list_in(request), await _emails_in(request)
        return await self._once(request, "add", emails, lambda: self._lists.add(list_, emails))

    async def remove(self, request: web.Request) -> web.Response:
        """A whole list only where it is said: a body may be lost on the way."""
        require_organiser(request)
        list_, whole = _list_in(request), flag_in(request, "all")
        if whole == request.can_read_body:
            raise Problem(400, "nothing-named", "Send the addresses, or say ?all=true for the whole list.")
        if not whole:
            emails = await _emails_in(request)
            return await self._once(request, "remove", emails, lambda: self._lists.remove(list_, emails), must=True)

        async def remove_list() -> MemberList:
            there = await self._found(list_)
            await self._lists.remove_list(list_)
            return MemberList(list_, 0, there.changed_at, there.change)

        return await self._once(request, "remove-list", [], remove_list)

    async def show(self, request: web.Request) -> web.Response:
        """Who is on it cannot be asked: it is not known here."""
        require_organiser(request)
        list_, email = _list_in(request), request.query.get("email")
        shown = _shown(await self._found(list_))
        if email is not None:
            try:
                address = _ADDRESS.validate_python(email)
            except ValidationError as error:
                raise Problem(400, "bad-email", "email is an e-mail address.") from error
            shown["member"] = await self._lists.has(list_, address)
        return web.json_response(shown, headers={"Cache-Control": "private, no-store"})

    async def _found(self, list_: str) -> MemberList:
        found = await self._lists.find(list_)
        if found is None:
            raise Problem(404, "unknown-list", f"There is no list {list_!r}; give one with PUT.")
        return found

    async def _once(
        self,
        request: web.Request,
        what: str,
        emails: list[str],
        work: Callable[[], Awaitable[MemberList]],
        *,
        must: bool = False,
    ) -> web.Response:
        """Does it once for each key. `must`: the list has to be there."""
        list_ = request.match_info["list"]

        async def do() -> dict[str, Any]:
            if must:
                await self._found(list_)
            return _shown(await work())

        # The addresses themselves are not kept, in no fingerprint either.
        digest = hashlib.sha256("\n".join(emails).encode()).hexdigest()
        asked = [what, list_, digest]
        return web.json_response(await self._replies.once(caller_of(request), "members", asked, do))


def _list_in(request: web.Request) -> str:
    """The list of the path. Raises Problem 404 for what can be the name of none."""
    list_ = request.match_info["list"]
    if not _ID.fullmatch(list_):
        raise Problem(404, "unknown-list", "A list's name has lower-case letters, digits and hyphens, at most 80.")
    return list_


async def _emails_in(request: web.Request) -> list[str]:
    """The addresses of the body, each once. Raises Problem 413, 415 or 422 that names lines, or numbers from 0."""
    request = request.clone(client_max_size=MAX_FILE)
    if request.content_type == _CSV:
        body = await read_body(request)
        return await asyncio.to_thread(_of_lines, body)
    if request.content_type != JSON:
        raise Problem(415, "unsupported-media-type", f"Send the addresses as {_CSV} or {JSON}.")
    asked = validate(Emails, await read_json(request))
    return await asyncio.to_thread(_of_list, asked.emails)


def _of_lines(body: bytes) -> list[str]:
    return _checked(({"field": "email", "line": str(number)}, line) for number, line in lines_of(body))


def _of_list(emails: Sequence[str]) -> list[str]:
    return _checked(({"field": f"emails.{number}"}, email) for number, email in enumerate(emails))


def _checked(given: Iterable[tuple[dict[str, str], str]]) -> list[str]:
    """The addresses; each is given with where it stands."""
    try:
        found = read_addresses(given)
    except FileRefused as error:
        raise Problem(422, "file-refused", "The file cannot be read.", error.problems) from error
    if found.wrong:
        told = [problem("", "not an e-mail address; give one at a time", "email") | where for where in found.wrong]
        if found.more:
            told.append(problem("body", f"and {found.more} more", "more"))
        raise Problem(422, "invalid", "Some addresses are none; nothing was changed.", told)
    return found.emails


def _shown(one: MemberList) -> dict[str, Any]:
    changed_at = one.changed_at.isoformat().replace("+00:00", "Z")
    return {"list": one.id, "members": one.members, "changed_at": changed_at}
