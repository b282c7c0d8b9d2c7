"""Errors as application/problem+json (RFC 9457): what is wrong, which field, what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web
from multidict import MultiDictProxy
from pydantic import BaseModel, ValidationError

from shared.contracts.bounds import too_wide
from shared.contracts.cloudevent import InvalidMessage, problem, problems_of, too_many_members

M = TypeVar("M", bound=BaseModel)


class Problem(Exception):
    """An answer other than success. `errors` names each field; `detail` is a sentence for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors = list(errors)
        self.headers = headers or {}

    def body(self, correlation_id: str | None = None) -> dict[str, Any]:
        """The members of RFC 9457, section 3.1, with `errors` and the correlation id to quote to the operator."""
        body: dict[str, Any] = {
            "type": f"urn:lectern:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        if correlation_id:
            body["correlation_id"] = correlation_id
        return body


def problem_response(error: Problem, correlation_id: str | None = None) -> web.Response:
    """`error` as an HTTP answer."""
    return web.Response(
        status=error.status,
        body=json.dumps(error.body(correlation_id), ensure_ascii=False).encode(),
        content_type="application/problem+json",
        charset="utf-8",
        headers=error.headers,
    )


async def read_json(request: web.Request, most: int | None = None) -> Any:
    """The JSON body. Raises Problem 400, 413 or 415 that says what to send; 413 beyond `most` bytes, which default to the
    request's own limit, and 422 for an object of absurdly many members."""
    if request.content_type not in ("application/json", "application/cloudevents+json"):
        raise Problem(415, "unsupported-media-type", "Send the body as application/json.")
    # A copy of the request costs as much as reading it; one that says its length, and is not compressed, needs none.
    said = None if "Content-Encoding" in request.headers else request.content_length
    fits = most is None or (said is not None and said <= most)
    body = await read_body(request if fits or most is None else request.clone(client_max_size=most))
    try:
        raw = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}; send UTF-8"
        raise Problem(400, "not-utf-8", "The body is not UTF-8.", [problem("body", message)]) from error
    except (ValueError, RecursionError) as error:
        raise Problem(400, "not-json", "The body is not JSON.", [problem("body", str(error))]) from error
    if (members := too_wide(body, raw)) is not None:
        raise Problem(422, "invalid", "Some fields are wrong.", [too_many_members(members)])
    return raw


async def read_body(request: web.Request) -> bytes:
    """The body's bytes. Raises Problem 413 beyond the limit."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large(request) from error


async def read_form(request: web.Request) -> MultiDictProxy[str | bytes | bytearray | web.FileField]:
    """The fields of a form. Raises Problem 400 for one that is not UTF-8, 413 beyond the limit."""
    try:
        return await request.post()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large(request) from error
    except (UnicodeDecodeError, LookupError) as error:
        raise Problem(400, "not-utf-8", "The form is not UTF-8.", [problem("body", "send UTF-8")]) from error


def too_large(request: web.Request) -> Problem:
    """The answer to a body beyond the limit."""
    limit = request._client_max_size
    return Problem(
        413, "too-large", f"The body is larger than {limit} bytes.", [problem("body", f"send at most {limit} bytes")]
    )


def validate(model: type[M], raw: Any) -> M:
    """`raw` as `model`. Raises Problem 422 that names every field."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise Problem(422, "invalid", "Some fields are wrong.", problems_of(error)) from error


def invalid_message(error: InvalidMessage) -> Problem:
    """A message that cannot be read, as an HTTP answer."""
    return Problem(422, "invalid-message", "The message cannot be read.", error.problems)
