"""A gate about facts, which is judged without a load: criteria with a limit, and the list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cxlib.errors import ConfigError
from cxlib.model.line import OPERATORS


@dataclass(frozen=True, slots=True)
class FactCriterion:
    """What every parsed line has: a value is compared by ``op`` with ``limit``."""

    text: str
    op: str
    limit: float
    key: bool = field(default=False, kw_only=True)
    watch: bool = field(default=False, kw_only=True)

    @property
    def blocking(self) -> bool:
        return not self.watch

    def holds(self, value: float) -> bool:
        """Whether ``value``, in the limit's unit, is on the wanted side."""
        return bool(OPERATORS[self.op](value, self.limit))


C = TypeVar("C", bound=FactCriterion)


@dataclass(frozen=True, slots=True)
class FactGate(Generic[C]):
    """A named list of criteria of one kind."""

    name: str
    criteria: tuple[C, ...]


def parse_gate(name: str, lines: Iterable[str], parse: Callable[[str], C], example: str) -> FactGate[C]:
    """The gate ``name`` with its ``lines`` parsed. Raises ``ConfigError`` when none blocks, or one is there
    twice."""
    found = tuple(parse(line) for line in lines)
    if not any(c.blocking for c in found):
        problem = "every criterion only watches" if found else "it has no criterion and proves nothing"
        raise ConfigError(f"gate '{name}'", problem, f"Add '{example}'")
    texts = [c.text for c in found]
    if twice := next((text for text in texts if texts.count(text) > 1), ""):
        raise ConfigError(f"gate '{name}'", f"it lists '{twice}' twice", "Remove one of them")
    return FactGate(name, found)
