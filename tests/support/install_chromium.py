"""Makes sure that Chromium is on this machine for the browser tests: `python -m tests.support.install_chromium`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = (
    "The browser tests need Chromium. Install it so that `chromium` is on the PATH (Debian and Ubuntu: "
    "`sudo apt-get install --no-install-recommends chromium`), or name one: LECTERN_TEST_CHROMIUM=/path/of/chromium."
)


class ChromiumMissing(Exception):
    """Chromium is not here and may not be installed by us. The message says what to do."""


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    given = os.environ.get("LECTERN_TEST_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def ensure_chromium() -> str:
    """The path of a Chromium; installs Debian's package where root may. Raises ChromiumMissing with the remedy."""
    present = find_chromium()
    if present:
        return present
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise ChromiumMissing(REMEDY)
    for arguments in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        done = subprocess.run(
            [apt, *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ChromiumMissing(f"apt-get {' '.join(arguments)} failed:\n{done.stderr.strip()[-2000:]}\n{REMEDY}")
    installed = find_chromium()
    if installed is None:
        raise ChromiumMissing(REMEDY)
    return installed


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{ensure_chromium()}\n")
    except ChromiumMissing as error:
        sys.exit(str(error))
