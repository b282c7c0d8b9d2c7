"""Texts as a typesetter sets them: spaces that do not break, curved apostrophes, words that can be broken. Pure."""

from __future__ import annotations

import re

_LONG, _PIECE = 40, 20
_UNBROKEN = re.compile(rf"[^\s/-]{{{_LONG},}}")
# A sign with what belongs to it: accents, variation selectors, skin tones, and what a zero-width joiner ties on.
_SIGN = re.compile(r".(?:[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]|\u200d.)*", re.DOTALL)
_THIN = re.compile(r"\s+(?=[;!?])")
_WIDE = re.compile(r"\s+(?=[:»])|(?<=«)\s+")
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


def typeset(words: str, language: str) -> str:
    """`words` on one line: runs of spaces are one; in French the space before : ; ? ! and within « » does not break."""
    words = _APOSTROPHE.sub("’", " ".join(words.split()))
    if language == "fr":
        words = _WIDE.sub("\u00a0", _THIN.sub("\u202f", words))
    return breakable(words)


def breakable(words: str) -> str:
    """`words`, where 40 or more signs in a row without a place to break get one after every 20 (U+200B)."""
    return _UNBROKEN.sub(lambda run: _pieces(run.group()), words)


def capital(words: str) -> str:
    """`words` with a capital at the beginning; the rest is as it was."""
    return words[:1].upper() + words[1:]


def shortened(words: str, most: int) -> str:
    """`words`, cut at a space where they are longer than `most` signs, with an ellipsis."""
    if len(words) <= most:
        return words
    return words[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-\u00a0\u202f\u200b") + "…"


def _pieces(run: str) -> str:
    signs = _SIGN.findall(run)
    return "\u200b".join("".join(signs[at : at + _PIECE]) for at in range(0, len(signs), _PIECE))
