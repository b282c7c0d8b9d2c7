"""The accounts of the calendar server that `make run` brings: Lectern's own, and one to be connected."""

from __future__ import annotations

from pathlib import Path

from deploy.local.caldav import ATTENDEE, USER, RadicaleNode


def test_passwords_stay_from_start_to_start(tmp_path: Path) -> None:
    first, second = RadicaleNode(tmp_path), RadicaleNode(tmp_path)
    assert (first.password, first.attendee_password) == (second.password, second.attendee_password)
    assert first.password != first.attendee_password
    assert first.users.stat().st_mode & 0o777 == 0o600


def test_accounts_that_somebody_added_stay_and_a_missing_one_is_made(tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"{USER}:kept\nada:secret", encoding="utf-8")
    node = RadicaleNode(tmp_path)
    assert node.password == "kept"
    expected = f"{USER}:kept\nada:secret\n{ATTENDEE}:{node.attendee_password}\n"
    assert node.users.read_text(encoding="utf-8") == expected
