"""`dataclasses.replace` for the desk's hot path: the same, without asking and checking every field again.

A registration has thirty fields and is replaced several times in one decision. For dataclasses without slots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import replace
else:
    T = TypeVar("T")

    def replace(instance: T, /, **changes: Any) -> T:
        """`instance` with other values in some fields; types are checked as those of `dataclasses.replace`."""
        copy = object.__new__(type(instance))
        copy.__dict__.update(instance.__dict__, **changes)
        return copy


__all__ = ["replace"]
