"""What nights found, one after the other, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Night:
    """One nightly run: each check by its name, and why it was red (empty: it was green)."""

    at: datetime
    environment: str
    checks: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "at": self.at.isoformat(timespec="seconds"),
            "environment": self.environment,
            "checks": dict(self.checks),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Night:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else."""
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}")
        checks = {str(name): str(why) for name, why in data["checks"].items()}
        return cls(datetime.fromisoformat(data["at"]), str(data["environment"]), checks)


@dataclass(frozen=True, slots=True)
class History:
    """A check over the nights: ``since`` is the first night of those that it has been red without a break,
    ``nights`` their number; ``flips`` how often it changed in the last ``of`` nights that asked it.

    ``change`` is ``new`` (red, and green the night before), ``first seen`` (red, never asked before),
    ``still``, ``mended`` or empty. ``strip`` has a mark a night, the newest last.
    """

    check: str
    red: bool
    change: str
    since: datetime | None
    nights: int
    flips: int
    of: int
    strip: str
    cause: str
