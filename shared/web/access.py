"""Who may: the organiser's token."""

from __future__ import annotations

import hmac

from aiohttp import web

from shared.config import Settings
from shared.web.problems import Problem

SETTINGS = web.AppKey("settings", Settings)


def require_organiser(request: web.Request) -> None:
    """Raises Problem 401 unless the request carries the organiser's token (RFC 6750: Authorization: Bearer ...)."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = request.app[SETTINGS].organiser_token.get_secret_value()
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        given.strip().encode(errors="surrogateescape"), expected.encode()
    ):
        raise Problem(
            401,
            "organiser-token-needed",
            "This needs the organiser's token: send the header Authorization: Bearer followed by the token.",
            headers={"WWW-Authenticate": 'Bearer realm="organisers"'},
        )
