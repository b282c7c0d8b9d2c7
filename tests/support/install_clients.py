"""Makes sure that two real calendar programs are on this machine: `python -m tests.support.install_clients`.

khal with vdirsyncer come from PyPI into a virtual environment of their own (requirements/clients.txt): what they need
must not decide which versions Lectern uses. calcurse, written in C and with an iCalendar reader of its own, is Debian's.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.apt import AptFailed, apt_install, apt_may_install

LOCK = Path(__file__).parents[2] / "requirements" / "clients.txt"
HOME = Path(sys.prefix) / "clients"
REMEDY = (
    "The tests with real calendar programs need calcurse 4.7 or newer with calcurse-caldav. Install it so that both are on "
    "the PATH (Debian and Ubuntu: `sudo apt-get install --no-install-recommends calcurse`; macOS: `brew install calcurse`)."
)


class ClientsMissing(Exception):
    """A calendar program is not here and could not be installed. The message says what to do."""


@dataclass(frozen=True)
class Clients:
    """The paths of the programs; `python` is the one that has what calcurse-caldav needs."""

    khal: str
    vdirsyncer: str
    calcurse: str
    calcurse_caldav: str
    python: str


def ensure_clients() -> Clients:
    """The programs, installed where that may be. Raises ClientsMissing with the remedy."""
    found = {name: shutil.which(name) for name in ("calcurse", "calcurse-caldav")}
    if None in found.values():
        if not apt_may_install():
            raise ClientsMissing(REMEDY)
        try:
            apt_install("calcurse")
        except AptFailed as error:
            raise ClientsMissing(f"{error}\n{REMEDY}") from error
        found = {name: shutil.which(name) for name in found}
    _environment()
    calcurse, caldav = found["calcurse"], found["calcurse-caldav"]
    if calcurse is None or caldav is None:
        raise ClientsMissing(REMEDY)
    programs = HOME / "bin"
    return Clients(str(programs / "khal"), str(programs / "vdirsyncer"), calcurse, caldav, str(programs / "python"))


def _environment() -> None:
    """The virtual environment as requirements/clients.txt has it; made anew where that file changed."""
    digest, stamp = hashlib.sha256(LOCK.read_bytes()).hexdigest(), HOME / "installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    install = ["-m", "pip", "--disable-pip-version-check", "-qq", "install", "--require-hashes", "--no-deps", "-r"]
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(HOME)])
        _run([str(HOME / "bin" / "python"), *install, str(LOCK)])
    except ClientsMissing:
        shutil.rmtree(HOME, ignore_errors=True)
        raise
    stamp.write_text(digest)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClientsMissing(f"{' '.join(command)} failed:\n{done.stderr.strip()[-2000:]}")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{ensure_clients()}\n")
    except ClientsMissing as error:
        sys.exit(str(error))
