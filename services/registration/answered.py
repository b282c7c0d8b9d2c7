"""Whether the questions of an event and of the chosen sessions are answered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from services.registration.rules import Asked
from shared.contracts.registration import Reason

Answers = Mapping[str, str | bool]
"""What was answered, by the question's id."""

_YES = {"yes": True, "no": False, "true": True, "false": False}


def faults(questions: Sequence[Asked], answers: Answers) -> Iterator[Reason]:
    """Every answer that is missing or wrong, and those to no question."""
    known = {question.id: question for question in questions}
    for id_ in answers:
        if id_ not in known:
            yield _reason("unknown-question", id_, "nobody asks this here; leave it out")
    for question in questions:
        answer = answers.get(question.id)
        if question.kind == "consent" and question.required and not agreed(answer):
            yield _reason("consent-needed", question.id, "without this consent there is no registration")
        elif answer is None or (isinstance(answer, str) and not answer.strip()):
            if question.required:
                yield _reason("answer-needed", question.id, "please answer this question")
        elif question.kind in ("yes-no", "consent") and _as_bool(answer) is None:
            yield _reason("wrong-answer", question.id, "answer with true or false")
        elif question.kind == "choice" and _chosen(question, answer) is None:
            offered = ", ".join(choice[0] for choice in question.choices if choice)
            yield _reason("wrong-answer", question.id, f"answer with one of: {offered}")
        elif question.kind == "text" and not isinstance(answer, str):
            yield _reason("wrong-answer", question.id, "answer with a text")


def normal(questions: Sequence[Asked], answers: Answers) -> dict[str, str | bool]:
    """Answers without faults as they are kept: a choice in its first language, yes and no as true and false."""
    kept: dict[str, str | bool] = {}
    for question in questions:
        answer = answers.get(question.id)
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            continue
        if question.kind in ("yes-no", "consent"):
            kept[question.id] = bool(_as_bool(answer))
        elif question.kind == "choice":
            kept[question.id] = _chosen(question, answer) or str(answer)
        else:
            kept[question.id] = str(answer).strip()
    return kept


def agreed(answer: str | bool | None) -> bool:
    """Whether a consent was given: by a yes, and by nothing else."""
    return answer is not None and _as_bool(answer) is True


def _as_bool(answer: str | bool) -> bool | None:
    return answer if isinstance(answer, bool) else _YES.get(answer.strip().lower())


def _chosen(question: Asked, answer: str | bool) -> str | None:
    return next((choice[0] for choice in question.choices if choice and answer in choice), None)


def _reason(code: str, question: str, message: str) -> Reason:
    return Reason(code=code, field=f"answers.{question}", message=message)
