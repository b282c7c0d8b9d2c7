"""Another tzdata for a while: a test that lives through a law that changes a zone's clocks."""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.calendar.zones import vtimezone


@contextmanager
def other_zone_rules(zone: str, *, like: str) -> Iterator[str]:
    """Within the block, `zone` has the rules of the zone `like`, for all times past and to come; afterwards its own.

    Other names of the same place keep theirs, and so do ZoneInfo objects made before. Yields the PYTHONTZPATH that gives
    the same rules to a child process. Raises FileNotFoundError for a zone that does not exist.
    """
    rules, before = _rules_of(like), zoneinfo.TZPATH
    _rules_of(zone)
    with TemporaryDirectory(prefix="lectern-zones-") as folder:
        path = Path(folder, zone)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rules)
        try:
            zoneinfo.reset_tzpath(to=(folder, *before))
            _forget(zone)
            yield os.pathsep.join(zoneinfo.TZPATH)
        finally:
            zoneinfo.reset_tzpath(to=before)
            _forget(zone)


def _rules_of(zone: str) -> bytes:
    """The zone's file (TZif, RFC 8536), found as zoneinfo finds it: on its path, else in the package tzdata."""
    for root in zoneinfo.TZPATH:
        path = Path(root, zone)
        if path.is_file():
            return path.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()


def _forget(zone: str) -> None:
    """Empties what remembers a zone's rules. The names of zones, which scheduling remembers too, are the same."""
    zoneinfo.ZoneInfo.clear_cache(only_keys=[zone])
    vtimezone.cache_clear()
