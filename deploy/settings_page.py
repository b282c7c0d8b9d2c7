"""Writes docs/settings.md from the settings themselves: `python -m deploy.settings_page`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from shared.config import PREFIX, Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

MEANINGS: dict[str, str] = {
    "mongodb_uri": "MongoDB, a replica set: transactions need one.",
    "database_prefix": "Each service's database is named by it, for example `lectern_registration`.",
    "broker_url": "RabbitMQ (`amqp://` or `amqps://`), or `local:/path/of/file` for the transport inside one process.",
    "retry_attempts": "How often a message is tried before it is parked among the dead letters.",
    "retry_first": "Seconds until a failed message comes again; doubled at each further failure.",
    "retry_longest": "Seconds, the longest wait between two tries.",
    "host": "The address to listen on; `0.0.0.0` for all.",
    "port": "The port to listen on.",
    "public_url": "Where people find Lectern, as it stands in mails and calendars. Its host name is part of calendar UIDs: "
    "do not change it while events are published.",
    "link_key": "Signs the private addresses in mails; the same in all services. Changing it revokes them all.",
    "organiser_token": "Lets organisers use the API: `Authorization: Bearer ...`.",
    "trusted_proxies": "The networks of the proxies in front of Lectern, for example `172.16.0.0/12`; from there, and from nowhere else, "
    "`X-Forwarded-For` is believed. Without it, all who come through a proxy count as one for the limits below.",
    "register_burst": "How many registrations one address may send at once, by form or API; `0` for no limit. Many people of one "
    "company come from one address. Requests with the organiser's token are not counted; each process counts for itself.",
    "register_rate": "How many of them come back each second.",
    "private_burst": "The same for changes and cancellations on private pages; `0` for no limit.",
    "private_rate": "How many of them come back each second.",
    "wrong_sign_ins": "How many wrong tokens one address may send a minute to sign in as organiser; `0` for no limit.",
    "smtp_url": "Where mails are handed over, `smtp://user:password@host:port` (`smtps://` for TLS from the start).",
    "mail_from": "The sender of the mails.",
    "invitations": "Whether mails carry invitations for the attendees' calendars; `false` keeps them away although there is an address "
    "for answers ([invitations](invitations.md)).",
    "reply_address": "Where answers to invitations come to, for example `answers@replies.example.org`: mail for "
    "`answers+anything@replies.example.org` must reach the port below. Without it there are no invitations.",
    "reply_port": "The port on which notification takes mail for that address, by SMTP or LMTP. It refuses all other mail.",
    "answer_grace_minutes": "Minutes from a declined invitation, or a session that was removed from a connected calendar, to the seat being "
    "given up, at events that take this for an answer.",
    "caldav_url": "The collection of a CalDAV server in which the shared calendars are kept. Without it there are feeds only.",
    "caldav_username": "The account on the CalDAV server.",
    "caldav_password": "Its password.",
    "shared_calendars": "Which calendars every event has on that server: `event`, and `track` and `room` for one of each track and room, "
    "spaces between. More can be had for single events ([calendars](calendars.md)).",
    "credential_keys": "Seal the passwords of calendar accounts that attendees connect: one or more keys, newest first, spaces between. "
    "`python -m deploy.keys` makes one. To change it, put the new one in front; remove the old one when nothing is sealed with it any "
    "more. Without a key nobody can connect an account, and with a lost one all have to connect theirs again.",
    "account_networks": "Networks that attendees' own calendar servers may lie in although they cannot be reached from the internet, for "
    "example `10.20.0.0/16`. From everywhere else on them Lectern stays away, whatever address somebody enters.",
    "log_level": "`debug`, `info`, `warning` or `error`.",
}
SHOWN: dict[str, str] = {
    "trusted_proxies": "none",
    "account_networks": "none",
    "invitations": "where `LECTERN_REPLY_ADDRESS` is set",
    "port": "registration 8001, scheduling 8002, notification 8003, calendar-sync 8004, all 8080",
}
"""Defaults that the field's own default does not tell."""


def page() -> str:
    """The page as Markdown."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {MEANINGS[name]} | {SHOWN.get(name) or _default(field.default)} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Every service reads its settings from the environment, once, at its start. A setting that is wrong, missing or",
            "unknown stops it with a message that names each of them.",
            "",
            "Each may be given as a file instead: `LECTERN_LINK_KEY_FILE=/run/secrets/link_key` reads the value from there",
            "(for secrets). Give one or the other, not both; an empty value counts as not given.",
            "",
            "`make run` chooses all of them by itself; those you set are used instead of its own (`LECTERN_PORT=8090 make run`).",
            "`docker-compose.yml` has a few variables of its own: see `.env.example`.",
            "",
            "| variable | what it is | default |",
            "|---|---|---|",
            *rows,
            "",
            "*This page is written by `python -m deploy.settings_page` from `shared/config.py`.*",
            "",
        ]
    )


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "**must be given**"
    return "none" if value is None else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
