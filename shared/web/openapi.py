"""One table of operations makes both the routes and the OpenAPI 3.1 document, so that neither can say more than the other."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.web.access import limit_everybody_else
from shared.web.limits import Kind
from shared.web.problems import Problem

PROBLEM = "application/problem+json"
JSON = "application/json"
_VERSION = "3.1.0"


class FieldProblem(BaseModel):
    """What is wrong with one field, and the remedy."""

    field: str
    message: str
    code: str | None = None
    line: str | None = None


class ProblemBody(BaseModel):
    """An answer other than success (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    correlation_id: str | None = None


@dataclass(frozen=True)
class Parameter:
    """A parameter of the path, the query or the header; `schema` is JSON Schema."""

    name: str
    where: Literal["path", "query", "header"]
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False
    """Those of the path always are."""

    def as_data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "in": self.where,
            "description": self.description,
            "required": self.required or self.where == "path",
            "schema": dict(self.schema),
        }


@dataclass(frozen=True)
class Answer:
    """A successful answer: a model as JSON, or a file of other media types, or no content at all."""

    description: str
    model: type[BaseModel] | None = None
    media: Sequence[str] = ()
    headers: Sequence[str] = ()


@dataclass(frozen=True)
class Body:
    """What is sent: a model as JSON, a JSON object of any fields, or text of other media types."""

    description: str
    model: type[BaseModel] | None = None
    media: Sequence[str] = (JSON,)
    required: bool = True


@dataclass(frozen=True)
class Operation:
    """One method on one path. `problems` are the statuses other than success that it may answer with;
    `limit` counts the requests of each address that come without the organiser's token."""

    id: str
    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    summary: str
    answers: Mapping[int, Answer]
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    problems: Sequence[int] = ()
    organiser: bool = False
    limit: Kind | None = None


def routes_of(operations: Sequence[Operation]) -> list[web.RouteDef]:
    """The routes of the operations."""
    return [
        web.route(operation.method, operation.path, _kept_by_nobody(_limited(operation), operation))
        for operation in operations
    ]


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _limited(operation: Operation) -> Handler:
    kind = operation.limit
    if kind is None:
        return operation.handler

    async def handle(request: web.Request) -> web.StreamResponse:
        limit_everybody_else(request, kind)
        return await operation.handler(request)

    return handle


def _kept_by_nobody(handler: Handler, operation: Operation) -> Handler:
    """What organisers are told is kept by no cache on the way, unless the operation itself says otherwise."""
    if not operation.organiser:
        return handler

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Problem as error:
            error.headers = _NOT_KEPT | error.headers
            raise
        if not response.prepared:
            response.headers.setdefault("Cache-Control", _NOT_KEPT["Cache-Control"])
        return response

    return handle


_NOT_KEPT = {"Cache-Control": "private, no-store"}

_ALWAYS = {
    400: "The request cannot be read.",
    401: "The organiser's token is missing or wrong.",
    404: "There is nothing of this name.",
    409: "It cannot be done as things stand.",
    412: "Somebody else changed it since the version that If-Match names.",
    413: "The body is too large.",
    415: "The body is of another media type than those that are taken.",
    422: "Some fields are wrong; each is named with its remedy.",
    428: "The draft was edited by hand since; say with If-Match that you know.",
    429: "Too many of these, or too many wrong tokens, came from this address; send it again after Retry-After seconds.",
    503: "The database does not answer, or many changes come at once; try again after Retry-After seconds.",
}


def document(title: str, version: str, description: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the operations."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemBody, "serialization")]
    for operation in operations:
        models += [(a.model, "serialization") for a in operation.answers.values() if a.model is not None]
        if operation.body is not None and operation.body.model is not None:
            models.append((operation.body.model, "validation"))
    references, definitions = models_json_schema(
        list(dict.fromkeys(models)), ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = re.sub(r"\{(\w+):[^}]+\}", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, references)
    return {
        "openapi": _VERSION,
        "info": {"title": title, "version": version, "description": description, "license": _LICENCE},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "organiser": {"type": "http", "scheme": "bearer", "description": "The organiser's token"}
            },
        },
    }


_LICENCE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
References = Mapping[Any, Mapping[str, Any]]
"""By model and mode."""


def _described(operation: Operation, references: References) -> dict[str, Any]:
    responses = {str(status): _answer(answer, references) for status, answer in sorted(operation.answers.items())}
    problems = {*operation.problems, 503, *([401, 429] if operation.organiser else [])}
    if operation.limit:
        problems.add(429)
    if operation.body is not None:
        problems |= {400, 413, 415}
    for status in sorted(problems):
        responses[str(status)] = {
            "description": _ALWAYS[status],
            "content": {PROBLEM: {"schema": dict(references[(ProblemBody, "serialization")])}},
        }
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [parameter.as_data() for parameter in operation.parameters],
        "responses": responses,
    }
    if operation.body is not None:
        described["requestBody"] = _body(operation.body, references)
    if operation.organiser:
        described["security"] = [{"organiser": []}]
    return described


def _answer(answer: Answer, references: References) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.description}
    content: dict[str, Any] = {}
    if answer.model is not None:
        content[JSON] = {"schema": dict(references[(answer.model, "serialization")])}
    for media in answer.media:
        content.setdefault(media, {})
    if content:
        told["content"] = content
    if answer.headers:
        told["headers"] = {name: {"schema": {"type": "string"}} for name in answer.headers}
    return told


def _body(body: Body, references: References) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in body.media:
        if _is_json(media) and body.model is not None:
            content[media] = {"schema": dict(references[(body.model, "validation")])}
        else:
            content[media] = {"schema": {"type": "object" if _is_json(media) else "string"}}
    return {"description": body.description, "required": body.required, "content": content}


def _is_json(media: str) -> bool:
    return media == JSON or media.endswith("+json")
