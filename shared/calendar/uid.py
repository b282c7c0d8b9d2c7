"""The UID of a session in calendars (RFC 5545, section 3.8.4.7): one for shared calendars, one per person for the rest.

A person meets the same session by mail, in a feed and in a connected account; it is one entry there only if all three
use one UID. A shared calendar needs another one: some servers allow a UID once across all calendars of an account.
"""

from __future__ import annotations


def shared_uid(session_id: str, domain: str) -> str:
    """The UID of a session in an organisation's shared calendar and in the public feed."""
    return f"{session_id}@{domain}"


def personal_uid(session_id: str, registration_id: str, domain: str) -> str:
    """The UID of a session for one registration: the same in mail, feed and push."""
    return f"{session_id}.{registration_id}@{domain}"
