"""The boxes of consents in a form: which wording stands beside each, and whether it is ticked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.registration.consents import shown, wordings
from shared.contracts.scheduling import Question


@dataclass(frozen=True)
class Boxes:
    """By the `fields` of a form, for whoever reads `language` or, where that lacks, `first`. A tick counts for the words that
    it was set beside (`shown.<question>`), in whichever language."""

    fields: Mapping[str, str]
    language: str
    first: str

    def ticked(self, question: Question) -> bool:
        """Whether the box is ticked: for none but the present words."""
        return self.fields.get(f"q.{question.id}") == "yes" and bool(self._read(question))

    def wording(self, question: Question) -> str:
        """The digest of what a tick agrees to: what is shown or, where it is ticked already, what was agreed to."""
        return (self._read(question) if self.ticked(question) else "") or self._present(question)

    def _present(self, question: Question) -> str:
        return shown(wordings(question), (self.language, self.first)) or ""

    def _read(self, question: Question) -> str:
        """Which of the present words the tick was set beside; empty: none."""
        now = dict(wordings(question)).values()
        return next((one for one in self.fields.get(f"shown.{question.id}", "").split() if one in now), "")
