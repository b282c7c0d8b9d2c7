"""Sealed passwords open with the operator's keys, through a change of keys, and with nothing else."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deploy.keys import credential_key
from services.calendar_sync.sealing import Sealing, Unreadable
from shared.config import Settings, SettingsError, read_settings

NEW, OLD, FOREIGN = credential_key(), credential_key(), credential_key()


def settings(**given: str) -> Settings:
    return Settings.model_validate({"link_key": "k" * 40, "organiser_token": "t" * 20, **given})


def test_what_was_sealed_opens_and_does_not_show() -> None:
    sealing = Sealing([NEW])
    sealed = sealing.seal("sésame")
    assert sealing.open(sealed) == "sésame"
    assert "sésame" not in sealed
    assert sealed.isascii()
    assert sealed != sealing.seal("sésame")


def test_keys_change_while_passwords_are_stored() -> None:
    sealed = Sealing([OLD]).seal("sésame")
    both = Sealing([NEW, OLD])
    assert (both.open(sealed), both.is_newest(sealed)) == ("sésame", False)
    again = both.seal(both.open(sealed))
    assert both.is_newest(again)
    assert Sealing([NEW]).open(again) == "sésame"


@pytest.mark.parametrize(
    "stored", [Sealing([FOREIGN]).seal("x"), "", "nonsense", "é", Sealing([NEW]).seal("x")[:-4] + "AAAA"]
)
def test_what_opens_with_no_key_is_unreadable(stored: str) -> None:
    sealing = Sealing([NEW, OLD])
    with pytest.raises(Unreadable):
        sealing.open(stored)
    assert not sealing.is_newest(stored)


@pytest.mark.parametrize("bad", ["short", NEW[:-2], NEW + "AAAA", "é" * 44])
def test_a_bad_key_is_told_by_its_place_and_not_shown(bad: str) -> None:
    with pytest.raises(ValueError, match="key 2 of 2") as caught:
        Sealing([NEW, bad])
    assert bad not in str(caught.value)
    with pytest.raises(SettingsError) as stopped:
        read_settings({
            "LECTERN_LINK_KEY": "k" * 40, "LECTERN_ORGANISER_TOKEN": "t" * 20, "LECTERN_CREDENTIAL_KEYS": f"{NEW} {bad}",
        })  # fmt: skip
    assert "LECTERN_CREDENTIAL_KEYS: key 2 of 2" in str(stopped.value)
    assert bad not in str(stopped.value)
    assert NEW not in str(stopped.value)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(ValueError, match="there is no key"):
        Sealing([])
    with pytest.raises(ValidationError, match="no key in it"):
        settings(credential_keys=" , ")
    assert settings().sealing_keys == ()


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n"])
def test_keys_are_written_newest_first_with_spaces_or_commas_between(between: str) -> None:
    given = settings(credential_keys=f"{NEW}{between}{OLD}")
    assert given.sealing_keys == (NEW, OLD)
    assert NEW not in repr(given)


def test_networks_of_accounts_are_read_as_those_of_proxies() -> None:
    assert settings().allowed_networks == ()
    assert [str(one) for one in settings(account_networks="127.0.0.0/8, ::1/128").allowed_networks] == [
        "127.0.0.0/8",
        "::1/128",
    ]
    with pytest.raises(ValidationError, match="write networks such as"):
        settings(account_networks="10.0.0.1/8")
