"""What docker-compose needs before its first start: `python -m deploy.prepare` makes the secrets and the broker's user.

It runs at every start and changes nothing that is there, except the broker's policies, which follow the image. A secret
given by the environment (LECTERN_LINK_KEY, LECTERN_ORGANISER_TOKEN, LECTERN_CREDENTIAL_KEYS) is used instead of a made one.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.keys import CREDENTIAL_KEYS, LINK_KEY, ORGANISER_TOKEN, keep, write

POLICIES = Path(__file__).parent / "rabbitmq"
BROKER_USER = "lectern"
CALDAV_USER = "lectern"


def main(arguments: list[str] | None = None) -> int:
    """Fills the folder of the secrets and the folder of the broker's definitions; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.prepare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--secrets", type=Path, default=Path("/run/lectern"), help="folder of the services' secrets")
    parser.add_argument("--definitions", type=Path, default=Path("/run/broker"), help="folder RabbitMQ imports from")
    parser.add_argument("--caldav", type=Path, default=Path("/run/caldav"), help="folder of the CalDAV server's users")
    parser.add_argument("--broker", default="rabbitmq:5672", help="where the broker will listen, host:port")
    chosen = parser.parse_args(arguments)
    prepare_secrets(chosen.secrets, chosen.broker, os.environ)
    prepare_broker(chosen.definitions, keep(chosen.secrets, "broker_password"))
    # All that the calendar server gets: it is reached from outside, and the other secrets are none of its business.
    write(chosen.caldav, "users", f"{CALDAV_USER}:{keep(chosen.secrets, 'caldav_password')}")
    sys.stdout.write("Secrets and the broker's definitions are in place.\n")
    return 0


def prepare_secrets(folder: Path, broker: str, environment: Mapping[str, str]) -> None:
    """Each secret in its file: given by `environment`, else kept from the last start, else made now."""
    for name in (LINK_KEY, ORGANISER_TOKEN, CREDENTIAL_KEYS):
        given = environment.get(f"LECTERN_{name.upper()}", "").strip()
        if given:
            write(folder, name, given)
        else:
            keep(folder, name)
    write(folder, "broker_url", f"amqp://{BROKER_USER}:{keep(folder, 'broker_password')}@{broker}/")
    keep(folder, "caldav_password")


def prepare_broker(folder: Path, password: str) -> None:
    """The policies of the image and the one user, as definitions that RabbitMQ imports at its start."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(POLICIES.glob("definitions*.json")):
        shutil.copyfile(source, folder / source.name)
        (folder / source.name).chmod(0o644)
    target = folder / "user.json"
    if not target.exists():
        target.write_text(json.dumps(user_definitions(password, os.urandom(4))), encoding="ascii")
    target.chmod(0o644)  # a salted hash, read by the broker's own account


def user_definitions(password: str, salt: bytes) -> dict[str, Any]:
    """The broker's user with its rights. The hash is RabbitMQ's own form: salt and SHA-256 of salt and password
    (rabbitmq.com/docs/passwords, "Computing the Hash")."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "users": [
            {
                "name": BROKER_USER,
                "password_hash": base64.b64encode(salt + digest).decode(),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["administrator"],
            }
        ],
        "vhosts": [{"name": "/"}],
        "permissions": [{"user": BROKER_USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
    }


if __name__ == "__main__":
    sys.exit(main())
