"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, as text with its unit; ``ok`` is None where nothing is promised or to be seen."""

    what: str
    measured: str
    reach: str = ""
    ok: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str, note: str = "") -> Figure:
    """A figure that is to be ``limit`` or less."""
    more = f" ({note})" if note else ""
    return Figure(what, f"{value:.2f} {unit}{more}", f"{limit:g} {unit}", value <= limit)
