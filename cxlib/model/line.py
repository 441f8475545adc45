"""One line of a gate, read from left to right. What is wrong in it is told with its column."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, NoReturn

from cxlib.errors import ConfigError

_PREFIX = re.compile(r"(?P<prefix>\w+):\s*")
NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_NUMBER = re.compile(rf"\s*(?P<number>{NUMBER})")

# What a comparison means, of numbers or of arrays of them.
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}


class Line:
    """``text`` is the line with single spaces; ``at`` is where reading stands. No number is over ``most``."""

    most = 1e12

    def __init__(self, line: str, example: str) -> None:
        self.text, self.at = " ".join(line.split()), 0
        if not self.text:
            self.wrong("an empty line", f"Write a criterion such as '{example}'")

    def prefix(self) -> str:
        """``key``, ``watch`` or nothing."""
        found = self.take(_PREFIX)
        if found and found["prefix"] not in ("key", "watch"):
            self.at = 0
            self.wrong(f"unknown prefix '{found['prefix']}:'", "Write 'key:', 'watch:' or none")
        return found["prefix"] if found else ""

    def number(self, missing: str, fix: str) -> float:
        """The number that comes now."""
        before = self.at
        found = float(self.need(_NUMBER, missing, fix)["number"])
        if found > self.most:
            self.at = before
            self.wrong("the number is too large", f"Write at most {self.most:.0f}")
        return found

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What ``pattern`` matches here, or None."""
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def need(self, pattern: re.Pattern[str], problem: str, fix: str) -> re.Match[str]:
        """What ``pattern`` matches here. Raises ``ConfigError``."""
        found = self.take(pattern)
        if not found:
            self.wrong(problem, fix)
        return found

    def end(self, fix: str) -> None:
        """Nothing may follow. Raises ``ConfigError``."""
        if rest := self.text[self.at :].strip():
            self.wrong(f"'{rest}' is one too much", fix)

    def wrong(self, problem: str, fix: str, *, at: int | None = None) -> NoReturn:
        """Raises ``ConfigError`` that points at where reading stands, or at ``at``."""
        here = self.at if at is None else at
        rest = self.text[here:]
        column = here + len(rest) - len(rest.lstrip()) + 1
        raise ConfigError(f"criterion '{self.text}', column {column}", problem, fix)
