"""Settings of a process: read from the environment once, checked at start, told clearly when wrong."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from shared.contracts.cloudevent import problems_of

PREFIX = "LECTERN_"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(SystemExit):
    """The settings cannot work; the message names each variable and what it should be."""


def _address(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise ValueError(f"should be an address that starts with {' or '.join(s + ':' for s in schemes)}")
        return value

    return AfterValidator(check)


def _parts(value: str) -> tuple[str, ...]:
    return tuple(value.replace(",", " ").split())


def _networks(value: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part) for part in _parts(value))


def _check_networks(value: str) -> str:
    try:
        _networks(value)
    except ValueError as error:
        raise ValueError(f"{error}; write networks such as 10.0.0.0/8 172.16.0.0/12, with spaces between") from error
    return value


def _check_credential_keys(value: SecretStr) -> SecretStr:
    keys = _parts(value.get_secret_value())
    for place, key in enumerate(keys, 1):
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}=", key):  # Fernet's: 256 bits in URL-safe base64
            raise ValueError(
                f"key {place} of {len(keys)} is none: each is 44 signs long, as `python -m deploy.keys` makes them; "
                "write the newest first, with spaces between"
            )
    if not keys:
        raise ValueError("no key in it; make one with `python -m deploy.keys`")
    return value


class Settings(BaseModel):
    """Every setting; the environment variable is LECTERN_ and the name in capitals, or the same with _FILE."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mongodb_uri: Annotated[str, _address("mongodb", "mongodb+srv")] = "mongodb://127.0.0.1:27017/?replicaSet=lectern"
    database_prefix: str = Field(default="lectern", pattern=r"^[a-z][a-z0-9_]{0,30}$")
    broker_url: Annotated[str, _address("amqp", "amqps", "local")] = "amqp://guest:guest@127.0.0.1:5672/"
    retry_attempts: int = Field(default=8, ge=1)
    retry_first: float = Field(default=1.0, gt=0, description="seconds")
    retry_longest: float = Field(default=60.0, gt=0, description="seconds")
    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=0, le=65535, description="None: the service's own port")
    public_url: Annotated[str, _address("http", "https")] = "http://127.0.0.1:8080"
    link_key: SecretStr = Field(min_length=32, description="signs private addresses; the same in all services")
    organiser_token: SecretStr = Field(min_length=16, description="lets organisers use the API")
    trusted_proxies: Annotated[str, AfterValidator(_check_networks)] = ""
    register_burst: int = Field(default=120, ge=0)
    register_rate: float = Field(default=4.0, gt=0, description="a second")
    private_burst: int = Field(default=60, ge=0)
    private_rate: float = Field(default=1.0, gt=0, description="a second")
    wrong_sign_ins: int = Field(default=5, ge=0, description="a minute")
    smtp_url: Annotated[str, _address("smtp", "smtps")] = "smtp://127.0.0.1:1025"
    mail_from: str = "Lectern <lectern@localhost.localdomain>"
    invitations: bool | None = Field(default=None, description="None: where there is a reply address")
    reply_address: str | None = Field(default=None, max_length=200)
    reply_port: int | None = Field(default=None, ge=0, le=65535, description="None: no mail is taken by SMTP")
    answer_grace_minutes: int = Field(default=60, ge=0, le=10080)
    caldav_url: Annotated[str, _address("http", "https")] | None = None
    caldav_username: str | None = None
    caldav_password: SecretStr | None = None
    shared_calendars: str = Field(
        default="event", pattern=r"^(event|track|room)( (event|track|room))*$", description="made for every event"
    )
    credential_keys: Annotated[SecretStr, AfterValidator(_check_credential_keys)] | None = None
    account_networks: Annotated[str, AfterValidator(_check_networks)] = ""
    log_level: str = Field(default="info", pattern=r"^(debug|info|warning|error)$")

    @property
    def uid_domain(self) -> str:
        """The host name after the @ of calendar UIDs and Message-IDs."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The networks of `trusted_proxies`."""
        return _networks(self.trusted_proxies)

    @property
    def allowed_networks(self) -> tuple[Network, ...]:
        """The networks of `account_networks`."""
        return _networks(self.account_networks)

    @property
    def sealing_keys(self) -> tuple[str, ...]:
        """The keys of `credential_keys`, newest first; none where attendees cannot connect accounts."""
        return _parts(self.credential_keys.get_secret_value()) if self.credential_keys else ()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`. Raises SettingsError that names every variable that is wrong or missing."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in Settings.model_fields:
        variable = PREFIX + name.upper()
        direct, path = environment.get(variable), environment.get(variable + "_FILE")
        if direct is not None and path is not None:
            problems.append(f"{variable}: both {variable} and {variable}_FILE are set; keep one")
        elif direct is not None:
            values[name] = direct
        elif path is not None:
            try:
                values[name] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{variable}_FILE: cannot read {path}: {error}")
    names = {PREFIX + name.upper() for name in Settings.model_fields}
    problems.extend(
        f"{variable}: not a setting of Lectern; see docs/settings.md"
        for variable in sorted(environment)
        if variable.startswith(PREFIX)
        and not variable.startswith((PREFIX + "TEST_", PREFIX + "BUILD_"))
        and variable != PREFIX + "URL"  # the command line's: where Lectern is
        and variable.removesuffix("_FILE") not in names
    )
    try:
        settings = Settings.model_validate({name: value for name, value in values.items() if value != ""})
    except ValidationError as error:
        problems.extend(f"{PREFIX}{p['field'].upper()}: {p['message']}" for p in problems_of(error))
        settings = None
    if problems or settings is None:
        raise SettingsError("The settings cannot work:\n" + "\n".join(f"  - {line}" for line in problems))
    return settings
