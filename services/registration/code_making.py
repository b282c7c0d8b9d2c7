"""Making invitation codes: what is asked for, and codes that are easy to read out and hard to guess."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from services.registration.codes import Code, normal
from services.registration.requirements import person_key
from shared.contracts.base import Identifier, Instant
from shared.contracts.cloudevent import problem
from shared.contracts.registration import Email, InvitationCode

MOST = 500
"""How many codes one request may make."""
SHORTEST = 4
"""Signs of a code that somebody spells out."""
SIGNS = "CDFGHJKMNPQRTVWXY34679"
"""No two that look alike, and no vowels: codes are no words."""
_LONG, _GROUP = 8, 4


class CodeAsked(BaseModel):
    """A code, or `count` of them with the same rules. `code` missing: made up. `sessions`: those that it opens; none: the
    event and all of them. `uses` missing: as many as come. `email`: the one address that may use it; no list of addresses is
    kept. `reserved`: seats at the event, and in each of `sessions`, that are kept for whoever comes with it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    code: InvitationCode | None = None
    count: int = Field(default=1, ge=1, le=MOST)
    label: str = Field(default="", max_length=200)
    sessions: list[Identifier] = Field(default=[], max_length=200)
    uses: int | None = Field(default=None, ge=1, le=1_000_000)
    expires_at: Instant | None = None
    email: Email | None = None
    reserved: int = Field(default=0, ge=0, le=1_000_000)


class CodesAsked(BaseModel):
    """Codes to make, or whose rules are changed: all of them or none."""

    model_config = ConfigDict(extra="forbid")

    codes: list[CodeAsked] = Field(min_length=1, max_length=MOST)


class CodesRefused(Exception):
    """Codes that cannot be made; `problems` name each field and the remedy."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__("codes cannot be made")
        self.problems = problems


@dataclass(frozen=True)
class Made:
    """The codes in order. `of`: for each, the number in the request of what it was made for; `new`: ids of made-up ones."""

    codes: tuple[Code, ...]
    of: tuple[int, ...]
    new: frozenset[str]


def random_codes() -> Callable[[], str]:
    """Codes that nobody can guess, a new one with each call."""
    return lambda: _spelled(secrets.randbelow)


def repeatable_codes(secret: str, request: str) -> Callable[[], str]:
    """Codes that nobody can guess without `secret`: the same ones in the same order for the same `request`."""
    number = 0

    def following() -> str:
        nonlocal number
        number += 1
        digest = hmac.new(
            secret.encode(), f"lectern code\n{request}\n{number}".encode(errors="replace"), hashlib.sha256
        )
        left = int.from_bytes(digest.digest(), "big")

        def below(most: int) -> int:
            nonlocal left
            left, rest = divmod(left, most)
            return rest

        return _spelled(below)

    return following


def made(event_id: str, asked: CodesAsked, following: Callable[[], str]) -> Made:
    """The codes that are asked for; made-up ones come from `following`. Raises CodesRefused."""
    problems: list[dict[str, str]] = []
    codes: dict[str, Code] = {}
    of: list[int] = []
    new: set[str] = set()
    if sum(one.count for one in asked.codes) > MOST:
        raise CodesRefused([problem("codes", f"at most {MOST} codes at once; send several requests", "too-many")])
    for number, one in enumerate(asked.codes):
        if one.code is None:
            for _ in range(one.count):
                spelled = following()
                while normal(spelled) in codes:
                    spelled = following()
                new.add(normal(spelled))
                of.append(number)
                codes[normal(spelled)] = _code(event_id, one, spelled)
            if one.email is not None and one.count > 1:
                message = "a personal code is one code; leave count out, or name one person after the other"
                problems.append(problem(f"codes.{number}.count", message, "personal"))
            continue
        problems += _faults(number, one, codes)
        of.append(number)
        codes.setdefault(normal(one.code), _code(event_id, one, one.code.strip()))
    if problems:
        raise CodesRefused(problems)
    return Made(tuple(codes.values()), tuple(of), frozenset(new))


def _faults(number: int, one: CodeAsked, codes: dict[str, Code]) -> list[dict[str, str]]:
    field, id_ = f"codes.{number}.code", normal(one.code or "")
    if len(id_) < SHORTEST:
        return [problem(field, f"at least {SHORTEST} letters or digits; a shorter code is soon guessed", "too-short")]
    if id_ in codes:
        return [problem(field, "this code stands twice; case, spaces and hyphens do not matter", "twice")]
    if one.count > 1:
        return [problem(f"codes.{number}.count", "leave code out to have several made up", "count")]
    return []


def _code(event_id: str, one: CodeAsked, spelled: str) -> Code:
    return Code(
        id=normal(spelled),
        spelled=spelled,
        sessions=tuple(dict.fromkeys(one.sessions)),
        uses=one.uses,
        expires_at=one.expires_at,
        person=person_key(event_id, one.email) if one.email is not None else None,
        reserved=one.reserved,
        label=one.label,
    )


def _spelled(below: Callable[[int], int]) -> str:
    signs = "".join(SIGNS[below(len(SIGNS))] for _ in range(_LONG))
    return "-".join(signs[start : start + _GROUP] for start in range(0, _LONG, _GROUP))
