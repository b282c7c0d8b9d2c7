"""The UID of a session in calendars (RFC 5545, section 3.8.4.7): one for the event's calendar, one for each track's and
room's, one per person for the rest.

A person meets the same session by mail, in a feed and in a connected account; it is one entry there only if all three
use one UID. Shared calendars need others: some servers allow a UID once across all calendars of an account.
"""

from __future__ import annotations

import hashlib


def shared_uid(session_id: str, domain: str) -> str:
    """The UID of a session in the event's shared calendar, and in the public feeds of event and series."""
    return f"{session_id}@{domain}"


def scoped_uid(session_id: str, scope: str, domain: str) -> str:
    """The UID of a session in the calendar and feed of a track or room. `scope` names it, the same for ever."""
    return f"{session_id}.{hashlib.sha256(scope.encode()).hexdigest()[:8]}@{domain}"


def personal_uid(session_id: str, registration_id: str, domain: str) -> str:
    """The UID of a session for one registration: the same in mail, feed and push."""
    return f"{session_id}.{registration_id}@{domain}"
