"""Makes sure that Chromium is on this machine for the browser tests: `python -m tests.support.install_chromium`."""

from __future__ import annotations

import os
import shutil
import sys

from tests.support.apt import AptFailed, apt_install, apt_may_install

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
    if not apt_may_install():
        raise ChromiumMissing(REMEDY)
    try:
        apt_install("chromium")
    except AptFailed as error:
        raise ChromiumMissing(f"{error}\n{REMEDY}") from error
    installed = find_chromium()
    if installed is None:
        raise ChromiumMissing(REMEDY)
    return installed


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{ensure_chromium()}\n")
    except ChromiumMissing as error:
        sys.exit(str(error))
