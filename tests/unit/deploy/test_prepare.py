"""The composition's secrets: made once, kept, replaced only by what the operator gives."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from deploy.keys import keep
from deploy.prepare import main, prepare_secrets
from services.calendar_sync.sealing import Sealing


def prepare(folder: Path) -> dict[str, str]:
    places = {"--secrets": "secrets", "--definitions": "broker", "--caldav": "caldav"}
    assert main([part for option, name in places.items() for part in (option, str(folder / name))]) == 0
    return {path.name: path.read_text().strip() for path in (folder / "secrets").iterdir()}


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LECTERN_LINK_KEY", raising=False)
    monkeypatch.delenv("LECTERN_ORGANISER_TOKEN", raising=False)
    monkeypatch.delenv("LECTERN_CREDENTIAL_KEYS", raising=False)


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = prepare(tmp_path)
    assert prepare(tmp_path) == first
    assert len({first["link_key"], first["organiser_token"], first["broker_password"], first["caldav_password"]}) == 4
    assert all(len(first[name]) >= 32 for name in ("link_key", "organiser_token", "broker_password"))


def test_the_key_that_seals_passwords_is_one(tmp_path: Path) -> None:
    sealing = Sealing([prepare(tmp_path)["credential_keys"]])
    assert sealing.open(sealing.seal("x")) == "x"


def test_secrets_are_read_by_their_owner_only(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}


def test_a_given_secret_is_used_and_its_last_value_kept_when_no_longer_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    monkeypatch.setenv("LECTERN_ORGANISER_TOKEN", "given-by-the-operator")
    assert prepare(tmp_path)["organiser_token"] == "given-by-the-operator"
    monkeypatch.delenv("LECTERN_ORGANISER_TOKEN")
    assert prepare(tmp_path)["organiser_token"] == "given-by-the-operator"


def test_the_services_and_the_broker_have_the_same_password(tmp_path: Path) -> None:
    secrets = prepare(tmp_path)
    [user] = json.loads((tmp_path / "broker" / "user.json").read_text())["users"]
    salted = base64.b64decode(user["password_hash"])
    password = secrets["broker_password"]
    assert salted[4:] == hashlib.sha256(salted[:4] + password.encode()).digest()
    assert secrets["broker_url"] == f"amqp://lectern:{password}@rabbitmq:5672/"


def test_the_calendar_server_gets_its_own_users_and_no_other_secret(tmp_path: Path) -> None:
    secrets = prepare(tmp_path)
    [users] = (tmp_path / "caldav").iterdir()
    assert users.read_text().strip() == f"lectern:{secrets['caldav_password']}"
    assert users.stat().st_mode & 0o777 == 0o600


def test_the_brokers_policies_follow_the_image(tmp_path: Path) -> None:
    prepare(tmp_path)
    policies = tmp_path / "broker" / "definitions.json"
    policies.write_text("{}")
    prepare(tmp_path)
    assert json.loads(policies.read_text())["policies"]


def test_an_empty_secret_counts_as_not_given(tmp_path: Path) -> None:
    kept = keep(tmp_path, "link_key")
    prepare_secrets(tmp_path, "rabbitmq:5672", {"LECTERN_LINK_KEY": ""})
    assert keep(tmp_path, "link_key") == kept
