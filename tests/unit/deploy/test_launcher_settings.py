"""What `make run` chooses by itself so that accounts can be connected and tried."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from deploy.keys import credential_key
from deploy.local.launcher import Launcher
from services.calendar_sync.sealing import Sealing
from shared.config import read_settings


def chosen(home: Path, **given: str) -> dict[str, str]:
    return Launcher(home, given)._defaults()


def test_a_key_for_passwords_is_made_once(tmp_path: Path) -> None:
    settings = read_settings(chosen(tmp_path))
    assert read_settings(chosen(tmp_path)).sealing_keys == settings.sealing_keys
    assert Sealing(settings.sealing_keys)
    assert (tmp_path / "secrets" / "credential_keys").stat().st_mode & 0o777 == 0o600


def test_accounts_on_this_machine_may_be_connected(tmp_path: Path) -> None:
    allowed = read_settings(chosen(tmp_path)).allowed_networks
    for ip in ("127.0.0.1", "::1"):
        address = ipaddress.ip_address(ip)
        assert any(address in network for network in allowed if network.version == address.version)


def test_what_the_user_says_comes_first(tmp_path: Path) -> None:
    given = {"LECTERN_CREDENTIAL_KEYS": credential_key(), "LECTERN_ACCOUNT_NETWORKS": "10.20.0.0/16"}
    assert not chosen(tmp_path, **given).keys() & given.keys()
