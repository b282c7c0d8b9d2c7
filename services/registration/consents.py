"""What somebody consented to, to be shown one day (GDPR, article 7(1)): the moment, and the wording. Pure.

A wording is kept once for each event, under a digest of it; who agreed has the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.scheduling import Question

CONSENT = "consent"
"""The kind of question that is agreed to."""

Wordings = tuple[tuple[str, str], ...]
"""A question's wording by language: its digest."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as it was given, at `at` (UTC)."""

    at: datetime
    wording: str | None = None
    """The digest of what was agreed to; None where it was not kept: consents that are older than this."""
    text: str | None = None
    """What was agreed to, where it was looked up. Not stored with the consent."""


def digest_of(text: str) -> str:
    """What a wording is kept under."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def wordings(question: Question) -> Wordings:
    """The wordings that can be agreed to; none for a question that is no consent."""
    if question.kind != CONSENT:
        return ()
    return tuple((language, digest_of(text)) for language, text in question.label.items() if text)


def texts(questions: Iterable[Question]) -> dict[str, str]:
    """All wordings of the consents among `questions`, by digest."""
    return {
        digest_of(text): text
        for question in questions
        if question.kind == CONSENT
        for text in question.label.values()
        if text
    }


def worded_otherwise(consent: Consent, wordings: Wordings) -> bool:
    """Whether the question, with its present `wordings`, is another one than was agreed to, as far as is known."""
    return consent.wording is not None and consent.wording not in dict(wordings).values()


def outdated(read: str | None, wordings: Wordings) -> bool:
    """Whether what was `read` (its digest; None: nobody said) is none of the present `wordings`, as far as these are known."""
    return read is not None and bool(wordings) and read not in dict(wordings).values()


def text_of(consent: Consent, question: Question | None) -> str | None:
    """What was agreed to, word for word; None where the words are lost: those of today are others."""
    if consent.text is not None or consent.wording is None or question is None:
        return consent.text
    return texts([question]).get(consent.wording)


def shown(wordings: Wordings, languages: Sequence[str]) -> str | None:
    """The digest of what is shown to whoever reads the first of `languages` that there is, as `said_in` says texts."""
    known = dict(wordings)
    return next((known[language] for language in languages if language in known), next(iter(known.values()), None))
