"""Makes sure that `rabbitmq-server` is on this machine: `python -m tests.support.install_rabbitmq`."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.apt import AptFailed, apt_install, apt_may_install

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/lib/rabbitmq/bin", "/usr/sbin", "/usr/local/sbin"])
POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks this script before a package may start its service (invoke-rc.d(8)); 101 means no."""

REMEDY = (
    "The RabbitMQ tests need RabbitMQ 3.10 or newer. Install it so that `rabbitmq-server` and `rabbitmqctl` are on the "
    "PATH (Debian and Ubuntu: `sudo apt-get install --no-install-recommends rabbitmq-server`; macOS: "
    "`brew install rabbitmq`), or give them a broker of their own: LECTERN_TEST_AMQP_URL=amqp://user:password@host:5672/. "
    "The tests start a private node; a service of the machine is not needed and is left alone."
)


class RabbitMissing(Exception):
    """RabbitMQ is not here and may not be installed by us. The message says what to do."""


def find(program: str) -> str | None:
    """The path of one of RabbitMQ's programs, or None."""
    return shutil.which(program, path=SEARCH_PATH)


def ensure_rabbitmq() -> str:
    """The path of `rabbitmq-server`; installs Debian's package where root may. Raises RabbitMissing with the remedy."""
    present = find("rabbitmq-server")
    if present:
        return present
    if not apt_may_install():
        raise RabbitMissing(REMEDY)
    with _services_stay_off():
        try:
            apt_install("rabbitmq-server")
        except AptFailed as error:
            raise RabbitMissing(f"{error}\n{REMEDY}") from error
    installed = find("rabbitmq-server")
    if installed is None:
        raise RabbitMissing(REMEDY)
    return installed


@contextlib.contextmanager
def _services_stay_off() -> Iterator[None]:
    """Keeps the package from starting the machine's own node; a policy that is already there is put back."""
    before = POLICY.read_bytes() if POLICY.exists() else None
    mode = POLICY.stat().st_mode if before is not None else 0
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            POLICY.unlink()
        else:
            POLICY.write_bytes(before)
            POLICY.chmod(mode)


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{ensure_rabbitmq()}\n")
    except RabbitMissing as error:
        sys.exit(str(error))
