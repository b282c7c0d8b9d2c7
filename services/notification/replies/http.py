"""Answers to invitations over HTTP: mails that another mail system pipes in, and the page on which a seat is kept."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import compat32
from email.utils import getaddresses

from aiohttp import web

from services.notification.replies.address import ReplyAddress
from services.notification.replies.answers import Answers, NotKnown, NotNow
from services.notification.replies.reading import MAX_BYTES
from services.notification.store import Store
from services.notification.wording import Wording
from shared.contracts.cloudevent import problem
from shared.web.access import require_organiser
from shared.web.limits import LIMITS, Kind
from shared.web.pages import language_of, render
from shared.web.problems import Problem

_RECIPIENTS = ("Delivered-To", "X-Original-To", "X-Envelope-To", "To", "Cc")
_MOST_ADDRESSES = 50


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated when it is said."""
    return text


_NOBODY = _("There is no registration at this private address. Please use the one in your newest mail.")


class ReplyPages:
    """The handlers. `address` None: no mails are taken, and what waits can still be kept."""

    def __init__(self, store: Store, answers: Answers, address: ReplyAddress | None) -> None:
        self._store, self._answers, self._address = store, answers, address

    def routes(self) -> list[web.AbstractRouteDef]:
        """All routes."""
        return [
            web.post("/api/v1/mail-replies", self.take),
            web.get("/answers/{token}", self.page),
            web.post("/answers/{token}", self.keep),
        ]

    async def take(self, request: web.Request) -> web.Response:
        """A mail as it came (message/rfc822), for those whose mail system pipes. `recipient` of the query names the address
        it came to, else the mail's own headers do; `sender` is the envelope's, empty for the null sender."""
        require_organiser(request)
        if request.content_type not in ("message/rfc822", "application/octet-stream"):
            raise Problem(415, "wrong-type", "Send the mail as it came, with Content-Type: message/rfc822.")
        if self._address is None:
            raise Problem(409, "no-reply-address", "No answers are taken: LECTERN_REPLY_ADDRESS is not set.")
        raw = await request.clone(client_max_size=MAX_BYTES).read()
        given = request.query.get("recipient")
        token = self._token([given] if given else list(_recipients(raw)))
        registration_id = await self._store.named_by("reply_hash", token) if token else None
        if registration_id is None:
            raise _unknown()
        try:
            outcomes = await self._answers.take(registration_id, raw, request.query.get("sender"))
        except NotKnown as error:
            raise _unknown() from error
        except NotNow as error:
            raise _not_now() from error
        return web.json_response({"answers": list(outcomes)}, status=202)

    async def page(self, request: web.Request) -> web.Response:
        """What is about to be given up, and a button to keep it."""
        return await self._shown(request, await self._registration(request), kept=False)

    async def keep(self, request: web.Request) -> web.Response:
        """Keeps it."""
        request.app[LIMITS].take(request, Kind.PRIVATE)
        registration_id = await self._registration(request)
        try:
            kept = await self._answers.keep(registration_id)
        except NotKnown as error:
            raise Problem(404, "unknown-address", _NOBODY) from error
        except NotNow as error:
            raise _not_now() from error
        return await self._shown(request, registration_id, kept=kept > 0)

    async def _registration(self, request: web.Request) -> str:
        found = await self._store.named_by("keep_hash", request.match_info["token"])
        if found is None:
            raise Problem(404, "unknown-address", _NOBODY)
        return found

    async def _shown(self, request: web.Request, registration_id: str, *, kept: bool) -> web.Response:
        copy = await self._store.registration(registration_id)
        if copy is None:
            raise Problem(404, "unknown-address", _NOBODY)
        agenda = await self._store.agenda(copy.state.event_id)
        words = Wording(language_of(request))
        try:
            waiting = await self._answers.waiting(registration_id)
        except NotKnown as error:
            raise Problem(404, "unknown-address", _NOBODY) from error
        zone = agenda.event.zone if agenda.event is not None else "UTC"
        sessions = [
            {"title": words.name_of(agenda.sessions[id_]), "until": words.moment(one.frees_at, zone)}
            for id_, one in sorted(waiting.items(), key=lambda item: (str(item[1].frees_at), item[0]))
            if id_ in agenda.sessions and one.frees_at is not None
        ]
        event = words.said(agenda.event.title) if agenda.event is not None else ""
        context = {"event": event, "sessions": sessions, "kept": kept}
        return render(request, "notification/answers.html", context, private=True)

    def _token(self, addresses: list[str]) -> str | None:
        assert self._address is not None
        found = {token for address in addresses if (token := self._address.token_in(address)) is not None}
        return found.pop() if len(found) == 1 else None


def _recipients(raw: bytes) -> Iterator[str]:
    """The addresses that the mail's headers name."""
    head = raw[:65536].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    message = message_from_bytes(head, policy=compat32)
    for name in _RECIPIENTS:
        values = [str(value) for value in message.get_all(name, [])][:_MOST_ADDRESSES]
        yield from (address for _name, address in getaddresses(values)[:_MOST_ADDRESSES])


def _unknown() -> Problem:
    message = "should be the reply address of a registration; it may be in the mail's To instead"
    return Problem(404, "unknown-recipient", "There is no such reply address.", [problem("recipient", message)])


def _not_now() -> Problem:
    return Problem(503, "not-now", "Please try again in a moment.", headers={"Retry-After": "5"})
