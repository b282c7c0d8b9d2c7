"""What commands name, so that it is loaded before they are decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.registration import codes
from services.registration import commands as asked
from services.registration.commands import Command
from services.registration.registrations import Registration
from services.registration.requirements import number_key, number_keys, person_key


class Named:
    """What some commands name: registrations by id, e-mail or number, codes, and whom other organisations decided on."""

    def __init__(self, *, ids: set[str] | None = None) -> None:
        self.ids: set[str] = set(ids or ())
        self.emails: set[str] = set()
        self.numbers: set[str] = set()
        self.codes: set[str] = set()
        self.keys: set[str] = set()
        """Keys of people under which decisions of other organisations are looked up."""
        self.decided: set[str] = set()
        """Those of `keys` that something is decided on now."""
        self.looked_at: set[str] = set()
        """Registrations whose requirements are looked at again."""

    @classmethod
    def by(cls, event_id: str, commands: Sequence[Command]) -> Named:
        """What `commands` name."""
        wanted = cls()
        for command in commands:
            wanted._add(event_id, command)
        return wanted

    def names(self, id_: str, document: Mapping[str, Any]) -> bool:
        """Whether the stored registration is one of those named."""
        return (
            id_ in self.ids
            or document["person"]["email"] in self.emails
            or not self.numbers.isdisjoint(document.get("number_keys", ()))
        )

    def keys_of(self, registrations: Iterable[Registration]) -> set[str]:
        """All keys of those of `registrations` whose requirements are looked at again."""
        keys: set[str] = set()
        for registration in registrations:
            own = registration.keys if self.looked_at or self.decided else []
            if registration.id in self.looked_at or not self.decided.isdisjoint(own):
                keys.update(own)
        return keys

    def _add(self, event_id: str, command: Command) -> None:
        match command:
            case asked.Register():
                self.emails.add(command.person.email)
                given = number_keys(event_id, command.numbers).values()
                self.keys.update(given, [person_key(event_id, command.person.email)])
                self.numbers.update(given)
                if command.code:
                    self.codes.add(codes.normal(command.code))
            case asked.Change() | asked.Cancel():
                self._one(command.registration_id, command.email)
                if isinstance(command, asked.Change) and command.code:
                    self.codes.add(codes.normal(command.code))
            case asked.Transfer():
                self.ids.add(command.registration_id)
                self.emails.add(command.person.email)
                self.keys.add(person_key(event_id, command.person.email))
            case asked.GiveNumbers():
                self.ids.add(command.registration_id)
                self.looked_at.add(command.registration_id)
                given = number_keys(event_id, command.numbers).values()
                self.keys.update(given)
                self.numbers.update(given)
            case asked.OfOne():
                self.ids.add(command.registration_id)
                if isinstance(command, asked.Approve | asked.Accept | asked.UndoCheckIn):
                    self.looked_at.add(command.registration_id)
            case asked.DecideRequirement():
                self._one(command.registration_id, command.email)
                if command.registration_id is not None:
                    self.looked_at.add(command.registration_id)
                if command.email is not None:
                    self.decided.add(person_key(event_id, command.email))
                if command.number is not None:
                    key = number_key(event_id, command.requirement, command.number)
                    self.decided.add(key)
                    self.numbers.add(key)
                self.keys.update(self.decided)
            case asked.Tick():
                self.ids.update(command.registrations)
                self.looked_at.update(command.registrations)
                self.codes.update(command.codes)
            case asked.SetCodes():
                self.codes.update(code.id for code in command.codes)
            case asked.RevokeCode():
                self.codes.add(codes.normal(command.code))

    def _one(self, id_: str | None, email: str | None) -> None:
        if id_ is not None:
            self.ids.add(id_)
        if email is not None:
            self.emails.add(email)
