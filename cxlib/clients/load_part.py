"""What each generator process measured, and how parts become one run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlib.errors import CxError
from cxlib.model.load import LoadLevel
from cxlib.model.run import Half, Level, Run, Served, ServedSpan
from cxlib.model.sample import COLUMNS, Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RAW = {
    "scheduled": "float64",
    "started": "float64",
    "finished": "float64",
    "status": "int16",
    "name": "int32",
    "error": "int32",
    "level": "int16",
}
_TIMES = ("scheduled", "started", "finished")


class BrokenPart(CxError):
    """What a generator process left behind cannot be read: it did not end as it should."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one generator process did, in seconds since it began; ``began`` in epoch seconds.

    ``seconds`` is how long it went on. ``generator_first``: it ran before all else on its machine.
    ``planned`` counts its arrivals in requests: arrivals, times the requests that each made (so that 98 %
    of them seen is 98 % of the arrivals met); None in the closed model.
    """

    began: float
    seconds: float
    levels: tuple[Level, ...]
    generator_cpu: float
    generator_first: bool
    planned: float | None
    samples: Samples


def read(folder: Path, planned: Sequence[LoadLevel]) -> Part:
    """The part that a generator saved in ``folder``, which was to do ``planned``. Raises ``BrokenPart``."""
    import numpy as np

    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        columns = {n: np.fromfile(folder / f"{n}.raw", dtype=kind) for n, kind in _RAW.items()}
        return _part(facts, columns, planned)
    except (OSError, ValueError, KeyError, IndexError) as exc:
        raise BrokenPart(f"{folder.name}: what it measured cannot be read: {exc}") from exc


def _part(facts: dict[str, Any], columns: dict[str, NDArray[Any]], planned: Sequence[LoadLevel]) -> Part:
    import numpy as np

    starts = facts["level_starts"]
    began = starts[0] if starts else facts["ended"]
    edges = [*starts, facts["ended"]]
    levels = tuple(
        Level(users=want.users, rate=want.rate, start=edges[i] - began, end=edges[i + 1] - began)
        for i, want in enumerate(planned[: len(starts)])
    ) or (Level(users=planned[0].users, rate=planned[0].rate, start=0, end=0),)
    texts = np.asarray(facts["texts"])
    times = {name: columns[name] - began for name in _TIMES}
    by_time = np.searchsorted([lv.start for lv in levels], times["started"], "right") - 1
    number = np.where(columns["level"] >= 0, columns["level"], np.clip(by_time, 0, None))
    samples = Samples.of(
        {
            **times,
            "name": texts[columns["name"]],
            "users": np.asarray([lv.users for lv in levels])[number],
            "rate": np.asarray([lv.rate for lv in levels])[number],
            "status": columns["status"],
            "error": texts[columns["error"]],
        }
    )
    planned_requests = _in_requests(facts, len(samples))
    busy, first = facts["generator_cpu"], facts["generator_first"]
    return Part(began, levels[-1].end, levels, busy, first, planned_requests, samples)


def _in_requests(facts: dict[str, Any], requests: int) -> float | None:
    if "planned" not in facts:
        return None
    met = int(facts["met"])
    return float(facts["planned"]) * (requests / met if met else 1.0)


def together(parts: Sequence[Part], planned: Sequence[LoadLevel]) -> Part:
    """One part of those of workers that began at the same moment, each with its share of ``planned``.

    Each worker's times count from its own beginning, so that their clocks need not agree. It went on
    until the first of them ended, a level until the last did; of no parts at all, none ever was.
    """
    import numpy as np

    if not parts:
        none = Level(users=planned[0].users, rate=planned[0].rate, start=0, end=0)
        return Part(time.time(), 0.0, (none,), 0.0, False, None, Samples.of({f: [] for f in COLUMNS}))
    if len(parts) == 1:
        return parts[0]
    joined = {f: np.concatenate([getattr(p.samples, f) for p in parts]) for f in COLUMNS}
    order = np.argsort(joined["scheduled"], kind="stable")
    counts = [p.planned for p in parts if p.planned is not None]
    return Part(
        min(p.began for p in parts),
        min(p.seconds for p in parts),
        tuple(map(_widest, *(p.levels for p in parts))),
        max(p.generator_cpu for p in parts),
        all(p.generator_first for p in parts),
        sum(counts) if counts else None,
        Samples.of({f: column[order] for f, column in joined.items()}),
    )


def _widest(*same: Level) -> Level:
    """One level of what it was for each worker."""
    return same[0].model_copy(
        update={"start": min(lv.start for lv in same), "end": max(lv.end for lv in same)}
    )


def extended(first: tuple[Run, Samples], second: tuple[Run, Samples]) -> tuple[Run, Samples]:
    """One run of both, on the first one's clock; the time between them belongs to no level.

    What is served at its end is what any of them saw that differs from the first: a service that changed
    between them and back again is no single service.
    """
    import numpy as np

    (a, before), (b, after) = first, second
    shift = (b.started - a.started).total_seconds()
    moved = [lv.model_copy(update={"start": lv.start + shift, "end": lv.end + shift}) for lv in b.levels]
    counts = [n for n in (a.planned_arrivals, b.planned_arrivals) if n is not None]
    told = (a.served.start, a.served.end, b.served.start, b.served.end)
    run = a.model_copy(
        update={
            "planned_seconds": a.planned_seconds + b.planned_seconds,
            "actual_seconds": a.actual_seconds + b.actual_seconds,
            "planned_arrivals": sum(counts) if counts else None,
            "levels": (*a.levels, *moved),
            "generator_cpu": max(a.generator_cpu, b.generator_cpu),
            "generator_first": a.generator_first and b.generator_first,
            "workers_lost": a.workers_lost + b.workers_lost,
            "served": ServedSpan(start=a.served.start, end=_other(*told)),
            "halves": (*(a.halves or (_half(a),)), _half(b)),
        }
    )
    columns = {f: np.concatenate([getattr(before, f), getattr(after, f)]) for f in COLUMNS}
    for name in _TIMES:
        columns[name][len(before) :] += shift
    return run, Samples.of(columns)


def _half(run: Run) -> Half:
    return Half(
        planned_seconds=run.planned_seconds,
        actual_seconds=run.actual_seconds,
        planned_arrivals=run.planned_arrivals,
    )


def _other(first: Served, *later: Served) -> Served:
    """The first of ``later`` that is known to be another than ``first``, or isn't known; else the last."""
    differing = sorted((s for s in later if s != first), key=lambda s: not (s.digest and s.model_version))
    return differing[0] if differing else later[-1]
