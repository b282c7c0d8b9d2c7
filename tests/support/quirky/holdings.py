"""What the quirky server holds: people, their calendars, the objects in them, and what changed when."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from tests.support.quirky.quirks import Quirks

READ, WRITE = "read", "write"
_UID = re.compile(r"^UID[^:\r\n]*:(.*?)\r?$", re.MULTILINE)


@dataclass
class Held:
    """An object: its bytes as stored, its UID and ETag; `number` of its last change in the calendar, and the second."""

    body: bytes
    uid: str
    etag: str
    version: int
    number: int
    second: int

    @property
    def text(self) -> str:
        """Its unfolded text, lines ended by newlines."""
        return unfolded(self.body)


@dataclass
class CalendarHeld:
    """A calendar. `rights` says who may "read" and "write" (the owner: both, unless a test takes them away)."""

    owner: str
    name: str
    title: str
    rights: dict[str, frozenset[str]]
    objects: dict[str, Held] = field(default_factory=dict)
    removed: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of what was deleted: number and second of that change."""
    properties: dict[str, str] = field(default_factory=dict)
    number: int = 0
    """Of the last change."""
    oldest: int = 0
    """Sync tokens of before this change are known no more."""
    identity: str = field(default_factory=lambda: secrets.token_hex(4))
    """Another calendar made later under the same name has another one."""
    uids: dict[str, set[str]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/calendars/{self.owner}/{self.name}/"

    def named(self, uid: str) -> set[str]:
        """The names of the objects with this UID."""
        return self.uids.get(uid, set())

    def may(self, person: str, right: str) -> bool:
        return right in self.rights.get(person, frozenset())

    def store(self, name: str, body: bytes, quirks: Quirks, second: int) -> Held:
        """Keeps these bytes under this name, with a new ETag."""
        before = self.objects.get(name)
        if before is not None:
            self._forget_uid(before.uid, name)
        self.number += 1
        version = before.version + 1 if before else 0
        held = Held(body, uid_of(body), self._etag(version, body, quirks), version, self.number, second)
        self.objects[name] = held
        self.removed.pop(name, None)
        self.uids.setdefault(held.uid, set()).add(name)
        return held

    def remove(self, name: str, second: int) -> None:
        """Deletes an object, and remembers that for synchronisation."""
        held = self.objects.pop(name)
        self._forget_uid(held.uid, name)
        self.number += 1
        self.removed[name] = (self.number, second)

    def forget(self) -> None:
        """Loses all objects and their history, as if there had never been any; old sync tokens are unknown."""
        self.objects.clear()
        self.removed.clear()
        self.uids.clear()
        self.identity = secrets.token_hex(4)
        self.number = self.oldest = 0

    def _etag(self, version: int, body: bytes, quirks: Quirks) -> str:
        if quirks.reuses_etags_after_delete:
            value = f"gcs{version:08d}"
        else:
            value = f"{self.number}-{self.identity}-{hashlib.sha256(body).hexdigest()[:8]}"
        return f'W/"{value}"' if quirks.weak_etags else f'"{value}"'

    def _forget_uid(self, uid: str, name: str) -> None:
        names = self.uids[uid]
        names.discard(name)
        if not names:
            del self.uids[uid]


@dataclass
class Person:
    """An account. `expired`: its password is refused until `change_password`."""

    name: str
    password: str
    mail: str
    calendars: dict[str, CalendarHeld] = field(default_factory=dict)
    coming: list[tuple[int, CalendarHeld]] = field(default_factory=list)
    """Calendars that are there after so many further requests (Quirks.async_mkcalendar)."""
    made_at: list[float] = field(default_factory=list)
    expired: bool = False

    @property
    def home(self) -> str:
        return f"/calendars/{self.name}/"

    @property
    def principal(self) -> str:
        return f"/principals/{self.name}/"

    def add(self, name: str, title: str) -> CalendarHeld:
        """A new calendar of this person."""
        made = CalendarHeld(self.name, name, title, {self.name: frozenset({READ, WRITE})})
        self.calendars[name] = made
        return made

    def tick(self) -> None:
        """One more request: calendars being made come nearer."""
        waiting = [(left - 1, made) for left, made in self.coming]
        self.coming = [(left, made) for left, made in waiting if left > 0]
        for left, made in waiting:
            if left <= 0:
                self.calendars[made.name] = made


def unfolded(body: bytes) -> str:
    """The text of a calendar object with folded lines joined, lines ended by newlines."""
    return body.decode(errors="replace").replace("\r\n ", "").replace("\r\n\t", "").replace("\r\n", "\n")


def uid_of(body: bytes) -> str:
    """The first UID in these bytes; empty where there is none."""
    found = _UID.search(body.decode(errors="replace").replace("\r\n ", ""))
    return found[1] if found else ""
