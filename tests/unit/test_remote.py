"""Where the command line finds Lectern and the token, and what it says where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.remote import BadAddress, NoToken, Refused, find_address, find_token

TOKEN = "the-organisers-token-of-the-tests"


@pytest.mark.parametrize(
    ("given", "environment", "address"),
    [
        (None, {}, "http://localhost:8080"),
        (None, {"LECTERN_PORT": "8000"}, "http://localhost:8000"),
        (None, {"LECTERN_PORT": "0"}, "http://localhost:8080"),
        (None, {"LECTERN_URL": "https://lectern.test/"}, "https://lectern.test"),
        ("http://[::1]:8080", {"LECTERN_URL": "https://lectern.test"}, "http://[::1]:8080"),
        ("https://lectern.test/below/", {}, "https://lectern.test/below"),
    ],
)
def test_the_address_is_the_option_else_the_variable_else_this_machine(
    given: str | None, environment: dict[str, str], address: str
) -> None:
    assert find_address(given, environment) == address


@pytest.mark.parametrize(
    "given",
    [
        "localhost:8080",
        "ftp://lectern.test",
        "http://",
        "http://lectern.test:99999",
        "http://[::1",
        "http://lectern.test?x=1",
        "http://lectern.test/a b",
        "http://user:pass@lectern.test",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(BadAddress) as refused:
        find_address(given, {})
    assert "pass" not in str(refused.value).replace("password", "")


def test_the_launchers_token_is_found_below_the_folder(tmp_path: Path) -> None:
    secret = tmp_path / ".lectern" / "secrets" / "organiser_token"
    secret.parent.mkdir(parents=True)
    secret.write_text(f"{TOKEN}\n")
    token = find_token({}, tmp_path)
    assert (token.value, token.source) == (TOKEN, ".lectern/secrets/organiser_token")
    assert TOKEN not in repr(token)
    assert find_token({"LECTERN_ORGANISER_TOKEN": "another"}, tmp_path).value == "another"


def test_a_token_that_is_no_header_is_refused_and_not_shown(tmp_path: Path) -> None:
    for wrong in ("two words", "jeton-privé", "line\nline", " "):
        with pytest.raises(NoToken) as refused:
            find_token({"LECTERN_ORGANISER_TOKEN": wrong}, tmp_path)
        assert wrong not in str(refused.value) or not wrong.strip()


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"jeton-priv\xe9")
    for name in ("gone", "latin", "."):
        with pytest.raises(NoToken) as refused:
            find_token({"LECTERN_ORGANISER_TOKEN_FILE": str(tmp_path / name)}, tmp_path)
        assert f"LECTERN_ORGANISER_TOKEN_FILE, {tmp_path / name}" in str(refused.value)


def test_a_problem_of_another_make_is_still_one_sentence() -> None:
    error = Refused(418, {"title": "I'm a teapot", "errors": ["short", {"field": 7}]}, None)
    assert (str(error), error.errors) == ("I'm a teapot", [{"field": "7"}])
