"""The parameters that scheduling's operations share, for the OpenAPI document."""

from __future__ import annotations

from shared.contracts.scheduling import EventKind
from shared.web.openapi import Parameter

_ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,79}$"}
_FLAG = {"type": "boolean", "default": False}
_DAY = {"type": "string", "format": "date"}

EVENT_ID = Parameter("event_id", "path", "The event's id", {"type": "string"})
PART_ID = Parameter("part_id", "path", "The id of the session, person, room or block", {"type": "string"})
SESSION_ID = Parameter("session_id", "path", "The session's id", {"type": "string"})
NUMBER = Parameter("number", "path", "The revision's number", {"type": "string"})
SECTION = Parameter(
    "section", "path", "Which list of the agenda", {"type": "string", "enum": ["sessions", "people", "rooms", "blocks"]}
)
FILE = Parameter("file", "path", "The file's name", {"type": "string"})
IF_MATCH = Parameter(
    "If-Match",
    "header",
    "The ETag of the draft that you have: with it, nothing of somebody else is overwritten; * means whatever is there",
)
LIMIT = Parameter(
    "limit", "query", "How many items at most", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
)
CURSOR = Parameter("cursor", "query", "next_cursor of the page before, as it is")
DRY_RUN = Parameter("dry_run", "query", "true: only tell what would change", _FLAG)
SHIFT_TO = Parameter("shift_to", "query", "Move all days by whole weeks, to begin on or after this day", _DAY)
FROM = Parameter("from", "query", "Leave out events that are over before this day", _DAY)
SERIES = Parameter("series", "query", "Only the rounds of this series", _ID)
PROGRAMME = Parameter("programme", "query", "Only the events of this programme", _ID)
LANGUAGE = Parameter("lang", "query", "The language to read it in; else Accept-Language, else English")
VERSION = Parameter("version", "query", "The draft as it was at this version", {"type": "integer", "minimum": 1})
FORMAT = Parameter(
    "format", "query", "yaml: only the agenda, as a file to edit", {"type": "string", "enum": ["json", "yaml"]}
)
DRAFT_ONLY = Parameter("draft_only", "query", "true: do not publish it yet", _FLAG)

HINTS = (
    Parameter("event_id", "query", "The event that the file is for, where the file does not say it", _ID),
    Parameter("zone", "query", "A new event's time zone, where the file does not say it: Europe/Paris"),
    Parameter("kind", "query", "A new event's kind", {"type": "string", "enum": [kind.value for kind in EventKind]}),
    Parameter("language", "query", "The language of the file's texts", {"type": "string", "pattern": "^[a-z]{2}$"}),
)
