"""Servers as people meet them, put together from single quirks. Each call gives new switches."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.quirky.quirks import Quirks


def plain() -> Quirks:
    """Does everything as the RFCs say."""
    return Quirks()


def sogo() -> Quirks:
    """SOGo: conditions ignored, counters for ETags, 404 for what is forbidden."""
    return Quirks(
        ignores_if_none_match=True,
        creates_on_if_match_of_missing=True,
        reuses_etags_after_delete=True,
        not_found_for_forbidden=True,
        sync_token_refusal="accepted_silently",
        session_cookies=True,
    )


def cyrus() -> Quirks:
    """Cyrus: no ETag on PUT, a UID once in an account, 403 for nearly everything."""
    return Quirks(
        no_etag_on_put=True,
        reserialises=True,
        uid_account_wide=True,
        uid_conflict_status=403,
        missing_calendar_status=403,
    )


def google() -> Quirks:
    """Google Calendar: If-Match only, no ETag on PUT, no new calendars, no foreign properties, its own organiser."""
    return Quirks(
        ignores_if_none_match=True,
        no_etag_on_put=True,
        reserialises=True,
        drops_unknown=True,
        no_mkcalendar=405,
        missing_calendar_status=404,
        sync_page_size=50,
    )


def davical() -> Quirks:
    """DAViCal: 412 for everything, rewritten without an ETag, unknown sync tokens accepted."""
    return Quirks(
        answers_412_for_everything=True,
        no_etag_on_put=True,
        reserialises=True,
        sync_token_refusal="accepted_silently",
    )


def icloud() -> Quirks:
    """iCloud: a UID once in an account, calendars that appear later, session cookies."""
    return Quirks(
        reserialises=True,
        no_etag_on_put=True,
        uid_account_wide=True,
        uid_conflict_status=403,
        async_mkcalendar=2,
        session_cookies=True,
        sync_page_size=100,
    )


def nextcloud() -> Quirks:
    """Nextcloud: 10 new calendars an hour, 400 for a taken UID, session cookies."""
    return Quirks(rate_budget_mkcalendar=10, uid_conflict_status=400, uid_conflict_unnamed=True, session_cookies=True)


def xandikos_like() -> Quirks:
    """Xandikos: 412 for a UID taken, a bad body and an unknown sync token."""
    return Quirks(answers_412_for_everything=True, sync_token_refusal="412")


PRESETS: dict[str, Callable[[], Quirks]] = {
    "plain": plain,
    "sogo": sogo,
    "cyrus": cyrus,
    "google": google,
    "davical": davical,
    "icloud": icloud,
    "nextcloud": nextcloud,
    "xandikos_like": xandikos_like,
}
"""By name, for `pytest.mark.parametrize`."""
