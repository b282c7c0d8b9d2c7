"""A running Lectern as the command line sees it: where it is, the organiser's token, and what it answers over HTTP."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

URL = "LECTERN_URL"
TOKEN = "LECTERN_ORGANISER_TOKEN"  # noqa: S105 - the name of a variable
PORT = "8080"
SECRET = Path(".lectern") / "secrets" / "organiser_token"
"""Where the embedded launcher keeps the token, below the folder that it was started in."""

CONNECT_SECONDS = 10.0
_HERE = ("localhost", "127.0.0.1", "::1")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")
_VERSION = re.compile(r'(?:W/)?"(\d{1,9})')


class BadAddress(ValueError):
    """The address is none; the message says what to write."""


class NoToken(Exception):
    """There is no token that could be sent; the message says where it is looked for."""


class Unreachable(Exception):
    """Lectern gave no answer that can be used; the message is one sentence for people."""


class Refused(Exception):
    """Lectern answered with a problem (RFC 9457). `version` is the draft's, where the answer has its ETag."""

    def __init__(self, status: int, problem: Mapping[str, Any], version: int | None) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))
        self.status, self.problem, self.version = status, problem, version

    @property
    def errors(self) -> list[dict[str, str]]:
        """What is wrong with each field."""
        given = self.problem.get("errors")
        items = given if isinstance(given, list) else []
        return [{str(k): str(v) for k, v in item.items()} for item in items if isinstance(item, dict)]


@dataclass(frozen=True)
class Token:
    """The organiser's token and where it was found; only the second is ever shown."""

    value: str = field(repr=False)
    source: str


def find_token(environment: Mapping[str, str], folder: Path) -> Token:
    """The token from LECTERN_ORGANISER_TOKEN, the file LECTERN_ORGANISER_TOKEN_FILE, or the launcher's below `folder`.

    Raises NoToken.
    """
    direct, named = environment.get(TOKEN), environment.get(f"{TOKEN}_FILE")
    if direct and named:
        raise NoToken(f"Both {TOKEN} and {TOKEN}_FILE are set; keep one.")
    if direct:
        return _token(direct, TOKEN)
    path = Path(named) if named else folder / SECRET
    source = f"{TOKEN}_FILE, {named}" if named else str(SECRET)
    if not named and not path.exists():
        raise NoToken(
            f"This needs the organiser's token. Set {TOKEN}, or {TOKEN}_FILE to the file that holds it, or run this in "
            f"the folder of `make run`, which keeps it in {SECRET}."
        )
    try:
        return _token(path.read_text(encoding="utf-8"), source)
    except OSError as error:
        raise NoToken(f"The organiser's token cannot be read ({source}): {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise NoToken(f"The organiser's token cannot be read ({source}): the file is not UTF-8.") from error


def _token(text: str, source: str) -> Token:
    value = text.strip()
    if not _HEADER_VALUE.fullmatch(value):
        what = "has spaces or signs that no token has" if value else "is empty"
        raise NoToken(f"The organiser's token ({source}) {what}; write the token alone.")
    return Token(value, source)


def find_address(given: str | None, environment: Mapping[str, str]) -> str:
    """Where Lectern is: `given`, else LECTERN_URL, else this machine (on LECTERN_PORT, else 8080). Raises BadAddress."""
    address = given or environment.get(URL)
    if not address:
        port = environment.get("LECTERN_PORT", "")
        return f"http://localhost:{port if port.isascii() and port.isdigit() and int(port) else PORT}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("the address has a user or password in it; leave them out")
    if not usable or parts.query or parts.fragment or not re.fullmatch(r"[\x21-\x7e]+", address):
        raise BadAddress("not the address of a Lectern; for example http://localhost:8080")
    return address.rstrip("/")


class Remote:
    """A Lectern at `address`. `find` looks for the token when one is needed; an answer may take `seconds`."""

    def __init__(self, address: str, environment: Mapping[str, str], folder: Path, seconds: float) -> None:
        self.address = address
        self._environment, self._folder, self._seconds = environment, folder, seconds

    def ask(
        self,
        method: str,
        path: str,
        *,
        organiser: bool = True,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> httpx.Response:
        """The answer, where it is a success. Raises Refused, Unreachable, and NoToken where `organiser` needs one."""
        sent = dict(headers or {})
        token = find_token(self._environment, self._folder) if organiser else None
        if token is not None:
            sent["Authorization"] = f"Bearer {token.value}"
        try:
            with self._client() as client:
                answer = client.request(method, self.address + path, params=query, headers=sent, content=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            reason = str(error) or "no connection in time"
            raise Unreachable(
                f"Lectern does not answer at {self.address} ({reason}). Does it run there? --url or {URL} names another address."
            ) from error
        except httpx.TimeoutException as error:
            done = "" if method == "GET" else " It may have been done all the same: look before you repeat it."
            raise Unreachable(f"Lectern at {self.address} gave no answer within {self._seconds:g} s.{done}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            done = "" if method == "GET" else " It may have been done all the same: look before you repeat it."
            raise Unreachable(f"The connection to {self.address} failed: {error}.{done}") from error
        if answer.is_success:
            return answer
        raise self._refusal(answer, token)

    def ask_json(self, method: str, path: str, *, needs: Collection[str] = (), **request: Any) -> dict[str, Any]:
        """The answer's JSON object, which has the fields `needs`. Raises as `ask`."""
        answer = self.ask(method, path, **request)
        data = _object(answer)
        if data is None or not data.keys() >= set(needs):
            raise self._no_lectern(answer)
        return data

    def ask_file(self, path: str, **request: Any) -> httpx.Response:
        """The answer, a file and no page. Raises as `ask`."""
        answer = self.ask("GET", path, **request)
        if _media_type(answer) in ("", "text/html"):
            raise self._no_lectern(answer)
        return answer

    def _client(self) -> httpx.Client:
        timeout = httpx.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
        # What is on this machine is never asked by way of a proxy, which would see the token.
        here = urlsplit(self.address).hostname in _HERE
        return httpx.Client(timeout=timeout, trust_env=not here, verify=httpx.create_ssl_context())

    def _refusal(self, answer: httpx.Response, token: Token | None) -> Exception:
        if answer.is_redirect:
            where = answer.headers.get("Location", "another address")
            return Unreachable(f"{self.address} sends to {where}; name the address that answers with --url or {URL}.")
        problem = _object(answer)
        if problem is None or "title" not in problem:
            return self._no_lectern(answer)
        if answer.status_code == 401 and token is not None:
            problem = {**problem, "detail": f"Lectern does not take the organiser's token from {token.source}."}
        if answer.status_code >= 500 and problem.get("correlation_id"):
            problem = {**problem, "detail": f"{problem.get('detail')} (correlation id {problem['correlation_id']})"}
        version = _VERSION.match(answer.headers.get("ETag", ""))
        return Refused(answer.status_code, problem, int(version[1]) if version else None)

    def _no_lectern(self, answer: httpx.Response) -> Unreachable:
        what = f"HTTP {answer.status_code}, {_media_type(answer) or 'no media type'}"
        return Unreachable(
            f"{self.address} answers, but not as Lectern does ({what}). Is it the right address, and does Lectern run behind it?"
        )


def _media_type(answer: httpx.Response) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _object(answer: httpx.Response) -> dict[str, Any] | None:
    """The JSON object in the answer, None where it is none."""
    if not re.fullmatch(r"application/(?:[a-z.+-]+\+)?json", _media_type(answer)):
        return None
    try:
        data = answer.json()
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
