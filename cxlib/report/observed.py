"""The samples of a run as the report needs them: numbers only, and sorted once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.run import Run
    from cxlib.model.sample import Samples

_MOST_COMPARED = 24


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The requests of one endpoint at one load level.

    ``latency``: those that succeeded after warm-up, in ms, ascending, shape (m,). ``sent`` and
    ``failed`` count all of them, warm-up included; ``seconds`` is how long the level lasted.
    """

    endpoint: str
    load: str
    latency: NDArray[np.float64]
    sent: int
    failed: int
    seconds: float

    def percentile(self, level: float) -> float | None:
        """A percentile (0 to 100) in ms, as the judge takes it: the smallest value that enough are within."""
        import math

        n = len(self.latency)
        return float(self.latency[max(0, math.ceil(round(n * level / 100, 9)) - 1)]) if n else None


@dataclass(frozen=True, eq=False)
class Observed:
    """n requests whose times are numbers. Arrays have shape (n,), times are seconds since the run's start.

    ``latency`` is in ms. ``endpoint`` and ``load`` are places in ``endpoints`` (by name) and ``loads``
    (in the run's order); the place is -1 for a load that the run did not plan.
    """

    scheduled: NDArray[np.float64]
    finished: NDArray[np.float64]
    latency: NDArray[np.float64]
    failed: NDArray[np.bool_]
    steady: NDArray[np.bool_]
    endpoint: NDArray[np.int32]
    load: NDArray[np.int32]
    endpoints: tuple[str, ...]
    loads: tuple[str, ...]
    seconds: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.scheduled)

    @cached_property
    def groups(self) -> dict[tuple[str, str], Group]:
        """By endpoint and load; those without any request are left out."""
        import numpy as np

        key = self.endpoint.astype(np.int32) * len(self.loads) + self.load
        key[self.load < 0] = -1
        order = np.argsort(key, kind="stable")
        found, first = np.unique(key[order], return_index=True)
        last = [*first[1:], len(order)]
        made = {}
        for one, start, end in zip(found.tolist(), first.tolist(), last, strict=True):
            if one >= 0:
                group = self._group(one, order[start:end])
                made[group.endpoint, group.load] = group
        return made

    def _group(self, key: int, chosen: NDArray[np.intp]) -> Group:
        import numpy as np

        endpoint, load = divmod(key, len(self.loads))
        failed = self.failed[chosen]
        good = chosen[~failed & self.steady[chosen]]
        ordered = np.sort(self.latency[good])
        counts = len(chosen), int(failed.sum())
        return Group(self.endpoints[endpoint], self.loads[load], ordered, *counts, self.seconds[load])

    def of(self, endpoint: str) -> list[Group]:
        """The groups of an endpoint, in the order of the loads."""
        return [self.groups[endpoint, load] for load in self.loads if (endpoint, load) in self.groups]


def observe(run: Run, samples: Samples, warm_up: Mapping[str, float]) -> Observed:
    """``samples`` without those whose times are no numbers; ``warm_up``: by load, the second it ends.

    A load that is not in ``warm_up`` never became steady: then all of it is taken.
    """
    import numpy as np

    endpoints, endpoint = coded(samples.name)
    loads, load, seconds = _loads(run, samples)
    since = np.array([*(warm_up.get(text, -np.inf) for text in loads), -np.inf])  # the last is place -1
    columns: dict[str, Any] = {
        "scheduled": samples.scheduled,
        "finished": samples.finished,
        "latency": samples.latency * 1000,
        "failed": samples.failed,
        "steady": samples.scheduled >= since[load],
        "endpoint": endpoint,
        "load": load,
    }
    numbers = np.isfinite(columns["latency"])
    if not numbers.all():
        columns = {name: column[numbers] for name, column in columns.items()}
    return Observed(**columns, endpoints=endpoints, loads=loads, seconds=seconds)


def _loads(run: Run, samples: Samples) -> tuple[tuple[str, ...], NDArray[np.int32], tuple[float, ...]]:
    import numpy as np

    lasted: dict[str, float] = {}
    place = np.full(len(samples), -1, dtype=np.int32)
    for level in run.levels:
        if str(level) not in lasted:
            place[(samples.users == level.users) & (samples.rate == level.rate)] = len(lasted)
        lasted[str(level)] = lasted.get(str(level), 0.0) + level.end - level.start
    return tuple(lasted), place, tuple(lasted.values())


def coded(texts: NDArray[np.object_]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The distinct texts, sorted, and for each of (n,) texts its place among them.

    Sorting a million texts takes seconds; comparing them with the few that there mostly are does not.
    """
    import numpy as np

    found: list[str] = []
    place = np.full(len(texts), -1, dtype=np.int32)
    left = np.arange(len(texts))
    while len(left) and len(found) < _MOST_COMPARED:
        same = texts[left] == texts[left[0]]
        place[left[same]] = len(found)
        found.append(str(texts[left[0]]))
        left = left[~same]
    if len(left):
        others, theirs = np.unique(texts[left], return_inverse=True)
        place[left] = theirs + len(found)
        found += [str(text) for text in others]
    order = np.argsort(np.array(found, dtype=object), kind="stable")
    rank = np.empty(len(found) + 1, dtype=np.int32)
    rank[order], rank[-1] = np.arange(len(found)), -1
    return tuple(found[i] for i in order), rank[place]
