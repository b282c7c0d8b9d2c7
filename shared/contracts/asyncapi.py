"""The AsyncAPI 3.0 document of all messages, made from the models: `python -m shared.contracts.asyncapi > docs/asyncapi.json`."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts.cloudevent import CONTENT_TYPE
from shared.contracts.registry import EVENTS, INTAKE, MESSAGES, MessageType

_EXCHANGES = {
    EVENTS: "Facts that Lectern tells. Bind a queue of your own; the routing key is the message's type.",
    INTAKE: "What other systems ask. Publish persistent messages with your own user_id; the routing key is the type.",
}


def document() -> dict[str, Any]:
    """The document; equal for equal code, so that a test can compare it with the one checked in."""
    models = sorted({message.model for message in MESSAGES.values()}, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}", by_alias=True
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lectern",
            "version": "1",
            "description": "Registrations, agendas and their changes, as CloudEvents 1.0 in structured JSON. Of each subject "
            "keep the message with the highest `sequence`; older ones and repetitions change nothing.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {message.name: _channel(message) for message in MESSAGES.values()},
        "operations": {_operation_name(message): _operation(message) for message in MESSAGES.values()},
        "components": {
            "messages": {message.name: _message(message) for message in MESSAGES.values()},
            "schemas": dict(sorted(schemas["$defs"].items())),
        },
    }


def _channel(message: MessageType) -> dict[str, Any]:
    return {
        "address": message.name,
        "description": _EXCHANGES[message.exchange],
        "messages": {"message": {"$ref": f"#/components/messages/{message.name}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": message.exchange, "type": "topic", "durable": True},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _operation_name(message: MessageType) -> str:
    return f"{'tell' if message.exchange == EVENTS else 'ask'}-{message.name}"


def _operation(message: MessageType) -> dict[str, Any]:
    return {
        "action": "send" if message.exchange == EVENTS else "receive",
        "channel": {"$ref": f"#/channels/{message.name}"},
        "summary": message.summary,
        "tags": [{"name": message.owner}],
    }


def _message(message: MessageType) -> dict[str, Any]:
    return {
        "name": message.name,
        "title": message.summary,
        "contentType": CONTENT_TYPE,
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "minLength": 1, "maxLength": 200},
                "source": {"type": "string", "format": "uri-reference", "maxLength": 300},
                "type": {"const": message.name},
                "subject": {"type": "string", "description": message.subject},
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "sequence": {"type": "integer", "minimum": 0, "description": "The version of the subject"},
                "correlationid": {
                    "type": "string",
                    "description": "One id from the outside request to the calendar object",
                },
                "causationid": {"type": "string", "description": "The id of the message that led to this one"},
                "traceparent": {"type": "string", "description": "W3C Trace Context"},
                "data": {"$ref": f"#/components/schemas/{message.model.__name__}"},
            },
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")
