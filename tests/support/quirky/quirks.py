"""The peculiarities of real CalDAV servers as independent switches (which server does what: shared/CALENDARS.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ALWAYS = -1
"""A count that never ends."""


@dataclass
class Quirks:
    """How a quirky server differs from one that does everything right. A test may switch them while it runs.

    Counts (`..._for`, `..._times`) are used up by requests; ALWAYS stays. Times are in seconds.
    """

    # --- conditions of writes
    ignores_if_none_match: bool = False
    """`If-None-Match: *` does not keep it from overwriting (SOGo, Google)."""
    ignores_if_match: bool = False
    """`If-Match` with another ETag does not keep it from overwriting or deleting (simple servers behind caches)."""
    creates_on_if_match_of_missing: bool = False
    """`If-Match` of an object that is not there creates it (SOGo)."""
    answers_412_for_everything: bool = False
    """A UID taken and a bad body are a 412 without a precondition, too (Xandikos, DAViCal)."""

    # --- ETags
    reuses_etags_after_delete: bool = False
    """ETags are counters that begin anew with an object that is made again (SOGo)."""
    no_etag_on_put: bool = False
    """The answer to a PUT carries no ETag (Cyrus with ORGANIZER, Google, DAViCal when it rewrote)."""
    wrong_etag_on_put: bool = False
    """The answer to a PUT carries an ETag that a GET does not show (servers that rewrite after answering)."""
    weak_etags: bool = False
    """All ETags are weak, and If-Match with them holds for nothing (servers behind a compressing proxy)."""

    # --- what is stored
    reserialises: bool = False
    """It stores the properties in another order, with X-properties of its own (Radicale, Cyrus, SOGo, iCloud)."""
    drops_unknown: bool = False
    """It does not keep X-properties and alarms (Google)."""
    adds_organizer: bool = False
    """It stores the owner of the calendar as ORGANIZER (SOGo, Exchange gateways)."""

    # --- UIDs
    uid_account_wide: bool = False
    """A UID may stand in one calendar of an account only; the refusal is a 403 (Cyrus, iCloud)."""
    uid_conflict_status: int = 409
    """The refusal of a UID a second time in a calendar: 409 (Radicale, Google), 403 (Cyrus), 400 (Nextcloud)."""
    uid_conflict_unnamed: bool = False
    """That refusal names no DAV:error precondition (Nextcloud)."""
    accepts_uid_twice: bool = False
    """The same UID may stand in a calendar under two names (careless servers)."""

    # --- calendars
    no_mkcalendar: Literal[0, 403, 405, 501] = 0
    """It makes no calendars for clients, and says so with this status (Google: 403 or 405)."""
    mkcalendar_status: Literal[201, 202] = 201
    """The answer to MKCALENDAR that succeeds."""
    async_mkcalendar: int = 0
    """A calendar is there only after so many further requests of its owner (iCloud, large hosters)."""
    rate_budget_mkcalendar: int | None = None
    """So many MKCALENDAR per person and hour, then 429 (Nextcloud: 10)."""
    missing_calendar_status: int = 409
    """A PUT into a calendar that is not there: 409, 403 (Cyrus), 404 (Google)."""
    not_found_for_forbidden: bool = False
    """What somebody has no right to is 404 (SOGo) instead of 403."""

    # --- synchronisation
    no_sync_collection: bool = False
    """No sync-collection report and no sync-token (older SOGo, plain WebDAV stores)."""
    sync_token_refusal: Literal["403", "412", "accepted_silently"] = "403"
    """A sync token it does not know: 403 (Radicale, Cyrus), 412 (Xandikos), or everything is listed as for no token,
    without what was deleted (DAViCal, SOGo)."""
    sync_tokens_of_one_second: bool = False
    """A token is the second it was given in: what changes later in that second is never told (SOGo)."""
    sync_page_size: int | None = None
    """So many changes in one sync-collection answer, then a 507 for the collection (RFC 6578 section 3.6: iCloud, Google)."""
    lists_nothing: bool = False
    """Listings and queries are 207 with nothing in them, whatever there is; objects can still be read."""
    hides_objects: bool = False
    """With `lists_nothing`, a GET of any object is 404, too: nothing can be told from a wiped calendar."""

    # --- on the way
    session_cookies: bool = False
    """It sets a session cookie and trusts it more than the password sent with it (Nextcloud, SOGo): a client that
    shares cookies between accounts writes into the wrong one."""
    login_redirect_for: int = 0
    """So many requests are sent to a page to sign in, which answers 200 (proxies with single sign-on)."""
    busy_for: int = 0
    """So many requests are answered with `busy_status` (Google, iCloud)."""
    busy_status: int = 503
    """429 or 503 (or 502, 504: the proxy before it)."""
    busy_retry_after: str | None = None
    """The Retry-After of a busy server: seconds, or an HTTP date."""
    answer_lost_times: int = 0
    """So many writes are carried out, and the connection breaks before the answer."""
    slow_headers: float = 0.0
    """Every request is carried out at once, and its answer begins after this many seconds."""
    half_a_body_times: int = 0
    """So many answers with a body break off in its middle."""
    half_a_body_looks_whole: bool = False
    """Such an answer ends as if it were whole (a proxy that cut it), instead of with a broken connection."""
    tls: Literal["", "self_signed", "garbage"] = ""
    """https with a certificate that nobody has signed, or no TLS at all behind the https address. Read by `start()`."""
