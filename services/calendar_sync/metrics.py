"""Metrics of calendar-sync: feeds, requests to the calendar server, and what waits. No ids in labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

FEEDS = Counter(
    "lectern_feed_requests_total", "Feed requests by kind of feed and what was answered", ["feed", "answer"]
)
RENDERED = Counter(
    "lectern_calendar_entries_rendered_total", "Sessions rendered as calendar entries (the rest came from the cache)"
)
DAV_SECONDS = Histogram(
    "lectern_caldav_request_seconds", "Requests to the calendar server", ["method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)  # fmt: skip
OBJECTS = Counter("lectern_calendar_objects_total", "Calendar objects brought right, or tried in vain", ["outcome"])
REPAIRED = Counter(
    "lectern_calendar_objects_repaired_total", "Calendar objects that somebody else had changed or removed"
)
WAITING = Gauge("lectern_calendar_objects_waiting", "Calendar objects that are not yet as they should be")
WAITING_SECONDS = Gauge("lectern_calendar_waiting_seconds", "How long the oldest calendar object has been waiting")
CALENDARS_WAITING = Gauge(
    "lectern_calendars_waiting", "Calendars with an object that waits: shared, personal", ["whose"]
)
ACCOUNTS = Gauge("lectern_calendar_accounts", "Attendees' connected accounts by state", ["state"])
SERVERS_PAUSED = Gauge("lectern_caldav_servers_paused", "Calendar servers that are left alone after failures")
ANSWERS = Counter(
    "lectern_calendar_answers_total",
    "Sessions that a person removed or declined in the own calendar: noticed, asked about (unclear), taken (seat given up)",
    ["step"],
)
