"""What a gate says of a run."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any


class Verdict(enum.Enum):
    """From good to bad; only PASS opens a gate. NOT_APPLICABLE is of single criteria, and never counts."""

    NOT_APPLICABLE = "NOT APPLICABLE"
    PASS = "PASS"
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"
    INVALID = "INVALID"

    @property
    def exit_code(self) -> int:
        return {"PASS": 0, "FAIL": 3, "INCONCLUSIVE": 4, "INVALID": 5}[self.value]

    @staticmethod
    def worst(verdicts: Iterable[Verdict]) -> Verdict:
        """The worst of one or more verdicts. Raises ``ValueError`` on none: nothing is not PASS."""
        order = list(Verdict)
        return max(verdicts, key=order.index)


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One criterion judged.

    ``value``, ``low``, ``high`` and ``limit`` are in ``unit``; low to high is what the true value
    lies in with the confidence that ``docs/load-gate.md`` says; None where the samples cannot bound it.
    ``more`` is how many further samples would settle it if they are like these. ``measured`` is the
    metric itself and ``baseline`` the same of the baseline, both in ``measured_unit``; in a comparison
    (``relative``) ``value`` is the change in %, else it is ``measured``.
    """

    text: str
    verdict: Verdict
    reason: str
    limit: float
    unit: str
    blocking: bool = True
    key: bool = False
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    n_effective: float = 0.0
    more: int | None = None
    measured: float | None = None
    baseline: float | None = None
    measured_unit: str = ""
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of a valid measurement."""

    name: str
    ok: bool
    seen: str
    wanted: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """A gate judged: the worst of its blocking criteria, or INVALID when the measurement is broken."""

    gate: str
    verdict: Verdict
    reason: str
    criteria: tuple[CriterionResult, ...] = ()
    checks: tuple[Check, ...] = ()
    warm_up: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data for ``verdict.json``; a number that JSON can't say is None."""
        data = asdict(self)
        data["verdict"] = self.verdict.value
        data["warm_up"] = dict(self.warm_up)
        data["criteria"] = [
            {name: _sayable(value) for name, value in criterion.items()} | {"verdict": result.verdict.value}
            for criterion, result in zip(data["criteria"], self.criteria, strict=True)
        ]
        return data

    @classmethod
    def from_json(cls, data: object) -> GateVerdict:
        """The verdict that ``as_json`` wrote. Raises ``ValueError`` naming what is of another form."""
        from pydantic import TypeAdapter, ValidationError

        try:
            found = TypeAdapter(cls).validate_python(data)
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise ValueError(f"{where}: {first['msg']}") from exc
        numbers = [n for c in found.criteria for n in asdict(c).values() if isinstance(n, float)]
        if not all(map(isfinite, [*numbers, *found.warm_up.values()])):
            raise ValueError("a number in it is none")
        return found


def _sayable(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
