"""The mail catcher's folder: every mail is a file as it came, so that mails are there after a restart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as modern
from pathlib import Path

_GOOD_ID = re.compile(r"^[0-9]{8}T[0-9]{6}-[0-9a-f]{8}$")


@dataclass(frozen=True)
class CaughtMail:
    """One mail. `id` begins with the time of arrival in UTC; texts are empty where the mail has none."""

    id: str
    sender: str
    recipient: str
    subject: str
    date: str
    text: str
    html: str
    attachments: tuple[str, ...]
    source: str


class MailFolder:
    """Keeps and reads mails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, CaughtMail] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, raw: bytes, now: datetime, random: str) -> str:
        """Stores a mail that came at `now` (UTC); returns its id. `random` has eight hexadecimal digits."""
        id_ = f"{now:%Y%m%dT%H%M%S}-{random}"
        draft = self._folder / f"{id_}.part"
        draft.write_bytes(raw)
        draft.replace(self._folder / f"{id_}.eml")
        return id_

    def latest(self, limit: int = 200) -> list[CaughtMail]:
        """The mails, newest first."""
        newest = sorted((path.stem for path in self._folder.glob("*.eml")), reverse=True)[:limit]
        return [mail for id_ in newest if (mail := self.mail(id_)) is not None]

    def count(self) -> int:
        """How many mails there are."""
        return sum(1 for _ in self._folder.glob("*.eml"))

    def mail(self, id_: str) -> CaughtMail | None:
        """One mail, or None."""
        if id_ not in self._known:
            path = self._folder / f"{id_}.eml"
            if not _GOOD_ID.match(id_) or not path.exists():
                return None
            self._known[id_] = _read(id_, path.read_bytes())
        return self._known[id_]


def _read(id_: str, raw: bytes) -> CaughtMail:
    message = BytesParser(_class=EmailMessage, policy=modern).parsebytes(raw)
    return CaughtMail(
        id=id_,
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or "").strip(),
        date=str(message["Date"] or ""),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        attachments=tuple(part.get_filename() or part.get_content_type() for part in message.iter_attachments()),
        source=raw.decode("utf-8", errors="replace"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeDecodeError):  # a charset that nobody knows: shown as well as it goes
        return bytes(part.get_payload(decode=True) or b"").decode("utf-8", errors="replace")
