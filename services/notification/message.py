"""From rendered text to bytes on the wire: the headers and MIME form of every mail (RFC 5322, 2045-2047, 3834)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr

from email_validator import EmailNotValidError, validate_email

from services.notification.letter import one_line
from services.notification.rendering import Rendered


class UnusableAddress(ValueError):
    """An address that mail without SMTPUTF8 (RFC 6531) cannot be sent to."""


@dataclass(frozen=True)
class Enclosed:
    """The invitation that a mail carries: a calendar in UTF-8, and the METHOD that it names."""

    method: str
    calendar: bytes


class _Wire(EmailPolicy):
    """Encodes a subject as a whole. The library's own way encodes word by word, and loses or adds a space between lines."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() == "subject" and not value.isascii():
            folded = Header(value, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep=self.linesep)
            return f"{name}: {folded}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_LINE = 75
"""Characters of a line with encoded words; RFC 2047, section 2 allows one more."""

_WIRE = _Wire(linesep="\r\n")


def message_id(mail_id: str, domain: str) -> str:
    """The Message-ID of a mail: the same at every attempt, so that a reader who gets it twice sees it once."""
    return f"<{hashlib.sha256(mail_id.encode()).hexdigest()[:32]}@{domain}>"


def sender_of(mail_from: str) -> Address:
    """The From address of settings: "Name <address>" or an address alone. Raises ValueError with the remedy."""
    name, spec = parseaddr(mail_from)
    try:
        if "@" not in spec:
            raise ValueError(spec)
        return Address(display_name=name, addr_spec=spec)
    except (ValueError, HeaderParseError) as error:
        raise ValueError("should be an address, for example Lectern <lectern@example.org>") from error


def address(name: str, email: str) -> Address:
    """A person's address, its domain in ASCII (RFC 5891). Raises UnusableAddress."""
    try:
        ascii_email = validate_email(email, check_deliverability=False, test_environment=True).ascii_email
    except EmailNotValidError as error:
        raise UnusableAddress("not an address") from error
    if ascii_email is None:
        raise UnusableAddress("the part before the @ is not ASCII")
    return Address(display_name=one_line(name), addr_spec=ascii_email)


def build(
    *,
    sender: Address,
    recipient: Address,
    reply_to: Address | None,
    subject: str,
    language: str,
    body: Rendered,
    date: datetime,
    id_: str,
    correlation_id: str | None,
    enclosed: Enclosed | None = None,
) -> bytes:
    """The message: text and HTML as alternatives, 7-bit on the wire, lines ended by CRLF.

    An invitation is a third alternative, which mail programs show with buttons (RFC 6047, section 2.4), and for those that
    look for a file an attachment as well.
    """
    message = EmailMessage(policy=_WIRE)
    message["From"] = sender
    message["To"] = recipient
    if reply_to is not None:
        message["Reply-To"] = reply_to
    message["Subject"] = one_line(subject)
    message["Date"] = date
    message["Message-ID"] = id_
    if enclosed is None:
        message["Auto-Submitted"] = "auto-generated"
    else:  # some calendars pass over invitations that say so (docs/decisions/0016); this holds automatic answers off, too
        message["X-Auto-Response-Suppress"] = "All"
    if correlation_id:
        message["X-Correlation-Id"] = one_line(correlation_id)
    message.set_content(body.text, cte="quoted-printable")
    message.add_alternative(body.html, subtype="html", cte="quoted-printable")
    if enclosed is not None:
        message.add_alternative(
            enclosed.calendar.decode(),
            subtype="calendar",
            charset="utf-8",
            cte="base64",
            params={"method": enclosed.method},
        )
        message.add_attachment(enclosed.calendar, maintype="application", subtype="ics", filename="invitation.ics")
    message["Content-Language"] = language
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        name = f"{id_}{number}" if number else id_  # made from the id: what is sent again is the same bytes
        part.set_boundary(f"=_{hashlib.sha256(name.encode()).hexdigest()[:40]}")
    return message.as_bytes()
