"""Invitation codes that are made up: readable, unguessable, and the same ones for the same request."""

from __future__ import annotations

from services.registration.code_making import SIGNS, CodesAsked, made, random_codes, repeatable_codes
from services.registration.codes import normal


def asked(**one: object) -> CodesAsked:
    return CodesAsked.model_validate({"codes": [one]})


def test_made_up_codes_have_no_signs_that_look_alike_and_spell_no_words() -> None:
    assert not set("01ILO5S8B2ZUAEIOU") & set(SIGNS)
    codes = made("e", asked(count=500), random_codes()).codes
    assert len({code.id for code in codes}) == 500
    for code in codes:
        assert code.id == normal(code.spelled)
        assert set(code.id) <= set(SIGNS)


def test_the_same_request_makes_the_same_codes_and_no_other_does() -> None:
    def ids(secret: str, request: str) -> list[str]:
        return [code.id for code in made("e", asked(count=50), repeatable_codes(secret, request)).codes]

    assert ids("secret", "key") == ids("secret", "key")
    assert not set(ids("secret", "key")) & (set(ids("secret", "other")) | set(ids("another", "key")))


def test_a_code_that_comes_twice_is_made_up_again() -> None:
    sequence = iter(["CCCC-CCCC", "cccc cccc", "DDDD-DDDD"])
    assert [c.id for c in made("e", asked(count=2), lambda: next(sequence)).codes] == ["CCCCCCCC", "DDDDDDDD"]
