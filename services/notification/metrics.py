"""Metrics of notification: is anybody waiting for a mail?"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MAILS = Counter("lectern_mails_total", "Attempts to send mails, by what became of them", ["kind", "outcome"])
MAIL_SECONDS = Histogram(
    "lectern_mail_wait_seconds",
    "From the news to the server's acceptance",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400),
)
MAILS_WAITING = Gauge("lectern_mails_waiting", "Mails that are not sent yet")
MAILS_LAG = Gauge("lectern_mails_lag_seconds", "For how long the most overdue mail has been due")
MAILS_FAILED = Gauge("lectern_mails_failed", "Mails that were given up and wait for an organiser")
SMTP_UNREACHABLE = Counter("lectern_smtp_unreachable_total", "Times that the mail server could not be used")
REPLIES = Counter("lectern_mail_replies_total", "Answers to mailed invitations, by what became of them", ["outcome"])
SEATS_GIVEN_UP = Counter("lectern_mail_replies_seats_total", "Seats given up by declined invitations")
REPLY_CONNECTIONS = Counter("lectern_mail_reply_connections_total", "Connections to the port for answers", ["outcome"])
