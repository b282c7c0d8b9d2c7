"""Who may: the organiser's token, as a header (API) or exchanged for a cookie (pages).

The cookie is all there is of a session: when it ends, a random part, and an HMAC that is keyed from the organiser's token, so
that a new token ends every session. A page of organisers asks `organiser_session` and nothing else; another way to sign in
only has to set the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from shared.config import Settings
from shared.web.limits import LIMITS, Kind
from shared.web.problems import Problem

SETTINGS = web.AppKey("settings", Settings)

COOKIE = "lectern_organiser"
COOKIE_PATH = "/organise"
SESSION_LASTS = timedelta(hours=12)


@dataclass(frozen=True)
class OrganiserSession:
    """A signed-in organiser's session. `csrf` is what every form of the session carries."""

    ends_at: datetime
    csrf: str


def require_organiser(request: web.Request) -> None:
    """Raises Problem 401 unless the request carries the organiser's token (RFC 6750: Authorization: Bearer ...), and 429
    after too many wrong ones."""
    if not is_organiser(request):
        count_wrong_token(request)
        raise Problem(
            401,
            "organiser-token-needed",
            "This needs the organiser's token: send the header Authorization: Bearer followed by the token.",
            headers={"WWW-Authenticate": 'Bearer realm="organisers"'},
        )


def is_organiser(request: web.Request) -> bool:
    """Whether the request carries the organiser's token as a header."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and is_organiser_token(request.app[SETTINGS], given.strip())


def count_wrong_token(request: web.Request) -> None:
    """Counts a request, not an organiser's, that sent a token all the same. Raises Problem 429 after too many. The right
    one is never refused for those before it: programs behind one address go on while one of them is set up wrongly."""
    if request.headers.get("Authorization", "").partition(" ")[0].lower() == "bearer":
        request.app[LIMITS].take(request, Kind.SIGN_IN)


def limit_everybody_else(request: web.Request, kind: Kind) -> None:
    """Counts a request that is not an organiser's. Raises Problem 429 where its address sent too many of this kind."""
    if not is_organiser(request):
        request.app[LIMITS].take(request, kind)


def may_sign_in(request: web.Request, given: str) -> bool:
    """Whether `given` is the organiser's token. Raises Problem 429 after too many wrong ones, whatever this one is: else
    the limit would keep nobody from guessing."""
    limits = request.app[LIMITS]
    limits.check(request, Kind.SIGN_IN)
    if is_organiser_token(request.app[SETTINGS], given):
        return True
    limits.take(request, Kind.SIGN_IN)
    return False


def is_organiser_token(settings: Settings, given: str) -> bool:
    """Whether `given` is the organiser's token, in a time that tells nothing about it."""
    expected = settings.organiser_token.get_secret_value()
    # Hashed, because a comparison of texts of different lengths tells the length.
    return hmac.compare_digest(
        hashlib.sha256(given.encode(errors="surrogateescape")).digest(), hashlib.sha256(expected.encode()).digest()
    )


def begin_session(request: web.Request, response: web.StreamResponse, now: datetime, random: str) -> None:
    """Signs in from `now` on. `random` is unguessable (shared.clock.new_id).

    Where the browser still has a session of ours that is over, its random part goes on: a form that was being filled in
    when it ended can be sent after all.
    """
    settings = request.app[SETTINGS]
    before = _proven(request)
    until = int((now + SESSION_LASTS).timestamp())
    said = f"{until}.{random if before is None else before[1]}"
    response.set_cookie(
        COOKIE,
        f"{said}.{_mac(settings, 'session', said)}",
        max_age=int(2 * SESSION_LASTS.total_seconds()),
        path=COOKIE_PATH,
        secure=settings.public_url.startswith("https:"),
        httponly=True,
        samesite="Strict",
    )


def end_session(response: web.StreamResponse, settings: Settings) -> None:
    """Signs out: the browser forgets the cookie."""
    secure = settings.public_url.startswith("https:")
    response.del_cookie(COOKIE, path=COOKIE_PATH, secure=secure, httponly=True, samesite="Strict")


def organiser_session(request: web.Request, now: datetime) -> OrganiserSession | None:
    """The session that the request's cookie proves; None where there is none, where it is over or was not made here."""
    proven = _proven(request)
    if proven is None or now >= proven[0]:
        return None
    ends_at, random = proven
    return OrganiserSession(ends_at, _mac(request.app[SETTINGS], "form", random))


def is_own_form(session: OrganiserSession, given: str) -> bool:
    """Whether a form carries the session's own secret: it was on a page that this person was shown."""
    return hmac.compare_digest(given.encode(errors="replace"), session.csrf.encode())


def _proven(request: web.Request) -> tuple[datetime, str] | None:
    """When the session of the cookie ends, and its random part; None for a cookie that was not made here."""
    said, _, mac = request.cookies.get(COOKIE, "").rpartition(".")
    if not hmac.compare_digest(mac.encode(errors="replace"), _mac(request.app[SETTINGS], "session", said).encode()):
        return None
    until, _, random = said.partition(".")
    return datetime.fromtimestamp(int(until), UTC), random  # the MAC says that we wrote it


def _mac(settings: Settings, purpose: str, said: str) -> str:
    key = settings.organiser_token.get_secret_value().encode()
    return hmac.new(key, f"lectern organiser {purpose}\n{said}".encode(errors="replace"), hashlib.sha256).hexdigest()
