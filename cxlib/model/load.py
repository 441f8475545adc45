"""How a load is asked for: levels, one after the other, closed or open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cxlib.errors import ConfigError

ARRIVALS = ("poisson", "constant")
EXAMPLE = "Write a table such as 'users | seconds' or 'rps | seconds | arrivals'"
_COLUMNS = ({"users", "seconds"}, {"rps", "seconds"}, {"rps", "seconds", "arrivals"})


@dataclass(frozen=True, slots=True)
class LoadLevel:
    """``users`` at once (closed model), or ``rate`` arrivals a second whatever becomes of them (open).

    ``arrivals`` is how the open model spaces them: ``poisson`` or ``constant``. Lasts ``seconds``.
    Raises ``ConfigError`` when it is neither or both, or would last no time.
    """

    users: int
    seconds: float
    rate: float = 0.0
    arrivals: str = "poisson"

    def __post_init__(self) -> None:
        if self.users < 0 or not (math.isfinite(self.rate) and self.rate >= 0):
            self._wrong("less than nothing", "Give it users or an arrival rate")
        if bool(self.users) == bool(self.rate):
            self._wrong("a load level has either users or an arrival rate", "Give it one of the two")
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            self._wrong(f"a load level of {self.seconds:g} seconds", "Give it time")
        if self.arrivals not in ARRIVALS:
            self._wrong(f"unknown arrivals '{self.arrivals}'", f"Write one of: {', '.join(ARRIVALS)}")

    def _wrong(self, problem: str, fix: str) -> None:
        raise ConfigError(f"load level {self}", problem, fix)

    def __str__(self) -> str:
        return f"{self.rate:g} rps" if self.rate else f"{self.users} users"

    @property
    def open(self) -> bool:
        return self.rate > 0


@dataclass(frozen=True, slots=True)
class Load:
    """A load by the name of its profile and its ``levels``, in order."""

    profile: str
    levels: tuple[LoadLevel, ...]

    def lines(self, sha256: str) -> tuple[str, ...]:
        """It in words, a line each, the same for the same load; ``sha256`` is the profile's content's."""
        said = [f"load {self.profile} sha256:{sha256}"]
        for level in self.levels:
            arrivals = f" of {level.arrivals} arrivals" if level.open else ""
            amount = f"{float(level.rate)!r} rps" if level.open else f"{level.users} users"
            said.append(f"level {amount}{arrivals} for {float(level.seconds)!r} s")
        return tuple(said)


def levels(table: Sequence[Sequence[str]]) -> list[LoadLevel]:
    """The load levels of a table with a header: ``users | seconds``, or ``rps | seconds`` and perhaps
    ``arrivals``. Raises ``ConfigError`` naming the row and the column."""
    header = [cell.strip() for cell in table[0]] if table else []
    if set(header) not in _COLUMNS or len(set(header)) != len(header):
        raise ConfigError("load levels", f"the columns are {' | '.join(header) or 'missing'}", EXAMPLE)
    if len(table) < 2:
        raise ConfigError("load levels", "there is none", "Add a row")
    return [_level(dict(zip(header, row, strict=True)), number) for number, row in enumerate(table[1:], 1)]


def _level(row: dict[str, str], number: int) -> LoadLevel:
    users = _number(row, "users", number) if "users" in row else 0.0
    if users != int(users):
        raise ConfigError(f"load levels, row {number}", f"{users:g} users", "Write a whole number of users")
    rate = _number(row, "rps", number) if "rps" in row else 0.0
    return LoadLevel(
        int(users), _number(row, "seconds", number), rate, row.get("arrivals", "poisson").strip()
    )


def _number(row: dict[str, str], column: str, number: int) -> float:
    try:
        found = float(row[column])
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ConfigError(
            f"load levels, row {number}, column {column}",
            f"'{row[column]}' is no number",
            "Write one such as 30",
        )
    return found
