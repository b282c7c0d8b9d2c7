"""Countries: a known code and nothing else, chosen by name in the reader's language and order."""

from __future__ import annotations

import pytest
from babel import Locale
from pydantic import ValidationError

from services.registration.attendee.countries import countries, country_code
from shared.contracts.cloudevent import problems_of
from shared.contracts.countries import COUNTRIES
from shared.contracts.registration import PersonDetails, RegistrationState
from tests.support.notification import registration


def test_every_code_has_a_name_in_every_language() -> None:
    assert len(COUNTRIES) == 249 + 1, "ISO 3166-1, and Kosovo"
    for language in ("en", "fr"):
        assert Locale.parse(language).territories.keys() >= COUNTRIES
        assert {code for code, _ in countries(language)} == COUNTRIES


def test_names_are_in_the_readers_order() -> None:
    french = [name for _, name in countries("fr")]
    assert french.index("Espagne") < french.index("Estonie") < french.index("États-Unis") < french.index("Éthiopie")
    assert french[-1] == "Zimbabwe"


@pytest.mark.parametrize(
    ("said", "code"),
    [("France", "FR"), ("fr", "FR"), (" suède ", "SE"), ("Suede", "SE"), ("SWEDEN", "SE"), ("Sw", "Sw")],
)
def test_country_is_known_by_code_and_by_name(said: str, code: str) -> None:
    assert country_code(said) == code


@pytest.mark.parametrize("country", ["SW", "fr", "France", "UK", "EU", ""])
def test_unknown_code_is_refused_in_words(country: str) -> None:
    with pytest.raises(ValidationError) as refused:
        PersonDetails(name="Ada", email="ada@example.org", country=country)
    [told] = problems_of(refused.value)
    assert told["field"] == "country"
    assert told["message"] == "give a country code of two letters (ISO 3166-1), such as FR"


def test_facts_from_before_codes_were_checked_are_still_read() -> None:
    fact = registration().model_dump(mode="json")
    for country, read in (("UK", None), ("FR", "FR"), (None, None)):
        fact["person"]["country"] = country
        assert RegistrationState.model_validate(fact).person.country == read
