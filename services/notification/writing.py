"""From what a mail says to the message: the letter, its addresses, and the invitation that it carries."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address

from services.notification.attempts import Attempt
from services.notification.domain import INVITATIONS
from services.notification.letter import Letter, addresses, compose
from services.notification.mails import Mail
from services.notification.message import Enclosed, UnusableAddress, address, build, message_id
from services.notification.rendering import render
from services.notification.replies.address import ReplyAddress, reply_token
from shared.calendar.entry import entry
from shared.calendar.invitation import Method, Party, invitation
from shared.calendar.uid import personal_uid
from shared.contracts.registration import RegistrationState
from shared.links import Links
from shared.web.i18n import translations


@dataclass(frozen=True)
class Postbox:
    """Who sends, what the mails point to, and where answers to invitations go (None: there are no invitations)."""

    sender: Address
    domain: str
    public_url: str
    links: Links
    replies: ReplyAddress | None = None

    def write(self, mail: Mail, registration: RegistrationState, attempt: Attempt, now: datetime) -> tuple[str, bytes]:
        """The recipient's address and the message. Raises UnusableAddress."""
        person = registration.person
        private = addresses(self.links, self.public_url, registration.id, registration.link_generation)
        due = attempt.encloses
        own = attempt.telling.kind in INVITATIONS
        invites = due is not None and due.method is Method.REQUEST and not own
        letter = compose(attempt.telling, attempt.before, attempt.now, person, private, invites=invites)
        recipient = address(letter.name, person.email)
        message = build(
            sender=self.sender,
            recipient=recipient,
            reply_to=_reply_to(letter),
            subject=letter.subject,
            language=letter.language,
            body=render(letter),
            date=now,
            id_=message_id(mail.id, self.domain),
            correlation_id=mail.correlation_id,
            enclosed=self._enclosed(registration, letter, attempt, recipient),
        )
        return recipient.addr_spec, message

    def _enclosed(
        self, registration: RegistrationState, letter: Letter, attempt: Attempt, recipient: Address
    ) -> Enclosed | None:
        due = attempt.encloses
        if due is None or self.replies is None:
            return None
        event, session = attempt.now.event, attempt.now.sessions[due.session_id]
        token = reply_token(self.links, registration.id, due.generation or registration.link_generation)
        page = f"{self.public_url.rstrip('/')}/events/{event.id}?lang={letter.language}"
        shown = entry(
            session,
            event,
            language=letter.language,
            words=translations(letter.language).gettext,
            page=page,
            join=due.method is Method.REQUEST,
        )
        body = invitation(
            shown,
            personal_uid(session.id, registration.id, self.domain),
            method=due.method,
            organiser=Party(letter.event, self.replies.with_token(token)),
            attendee=Party(letter.name, recipient.addr_spec),
            sequence=due.sequence,
            sent_at=attempt.at,
        )
        return Enclosed(due.method.value, body)


def _reply_to(letter: Letter) -> Address | None:
    """The first contact that mail can be sent to."""
    for contact in letter.contacts:
        if contact.email:
            with contextlib.suppress(UnusableAddress):
                return address(contact.name, contact.email)
    return None
