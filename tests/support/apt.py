"""Debian's packages, where root may install them."""

from __future__ import annotations

import os
import shutil
import subprocess


class AptFailed(Exception):
    """A package could not be installed; the message ends with what apt-get said."""


def apt_may_install() -> bool:
    """Whether this is a Debian machine and we are root."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def apt_install(package: str) -> None:
    """Installs a package without what it only recommends. Raises AptFailed."""
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AptFailed(f"apt-get {' '.join(arguments)} failed:\n{done.stderr.strip()[-2000:]}")
