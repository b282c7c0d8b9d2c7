"""What was filled in: the fields of a form, and what they mean as a request."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from services.registration.asking import Caller, Who
from services.registration.consents import CONSENT, wordings
from shared.contracts.scheduling import Question, Requirement
from shared.web.problems import read_form


@dataclass(frozen=True)
class Filled:
    """The fields of a form by name, and the sessions that were chosen in it, in order."""

    fields: Mapping[str, str]
    chosen: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """One field, without spaces around it; empty where it was left empty."""
        return self.fields.get(name, "").strip()

    def texts(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the fields `names` that were filled in."""
        return {name: self.text(name) for name in names if self.text(name)}

    def answers(self, questions: Sequence[Question]) -> dict[str, str]:
        """What was answered; a field that was emptied is an empty answer. A consent that is not ticked is not answered,
        unless it was shown as one that can be taken back."""
        said = {}
        for question in questions:
            text = self.text(f"q.{question.id}")
            if question.kind != CONSENT or text:
                said[question.id] = text
            elif self.text(f"open.{question.id}"):
                said[question.id] = "no"
        return said

    def shown(self, questions: Sequence[Question]) -> dict[str, str]:
        """The digest of the wording that stood beside the box of each consent, where the form says it: where two sessions ask
        under one id, the one that is asked now."""
        found = {}
        for question in questions:
            posted = self.text(f"shown.{question.id}").split()
            if question.kind == CONSENT and posted:
                now = dict(wordings(question)).values()
                found[question.id] = next((digest for digest in posted if digest in now), posted[0])
        return found

    def numbers(self, requirements: Sequence[Requirement]) -> dict[str, str]:
        """The numbers that other organisations gave, where one was filled in."""
        given = {needed.id: self.text(f"numbers.{needed.id}") for needed in requirements}
        return {id_: number for id_, number in given.items() if number}

    def caller(self, action: str, language: str | None = None, questions: Sequence[Question] = ()) -> Caller:
        """The attendee, under the form's own key: sent twice it is one request, filled in anew it is another. `language`: of
        the form; `questions`: what it asks."""
        shown = self.shown(questions)
        if not self.fields.get("key"):
            return Caller(Who.ATTENDEE, language=language, shown=shown)
        said = [action, *(f"{name}\n{value}" for name, value in sorted(self.fields.items())), *self.chosen]
        key = hashlib.sha256("\n\n".join(said).encode(errors="backslashreplace")).hexdigest()
        return Caller(Who.ATTENDEE, key, waits=True, language=language, shown=shown)


async def filled_in(request: web.Request) -> Filled:
    """The form that was sent. Raises Problem 400 or 413."""
    form = await read_form(request)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    # Two sessions may ask for a consent under one id, each with words of its own.
    fields |= {name: " ".join(map(str, form.getall(name))) for name in fields if name.startswith("shown.")}
    return Filled(fields, tuple(value for value in form.getall("sessions", []) if isinstance(value, str)))
