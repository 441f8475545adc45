"""What a criterion is about: the steady requests of one endpoint, in the spans of time that they are of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxlib.judge.warmup import WarmUpRule, steady_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.criterion import LoadPoint
    from cxlib.model.run import Level, Run
    from cxlib.model.sample import Samples

BLOCK_SECONDS = 10.0
_MOST_BLOCKS = 500  # blocks of a run of hours are longer, and no less independent for it
LevelKey = tuple[int, float]  # users and rate, one of them 0


@dataclass(frozen=True, slots=True)
class Span:
    """A steady stretch of a load level, in seconds since the run's start."""

    level: LevelKey
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Time cut into b blocks: ``of`` (n,) is each request's, ``seconds`` and ``stratum`` (b,) are theirs.

    Requests within a block may depend on each other, blocks of a stratum (a load level) are taken as
    independent (batch means: Law & Kelton 2000, Simulation Modeling and Analysis, ch. 9).
    """

    of: NDArray[np.intp]
    seconds: NDArray[np.float64]
    stratum: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def strata(self) -> int:
        return len(set(self.stratum.tolist()))

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a variance between blocks within strata."""
        return len(self) - self.strata


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """n requests and the spans that they were sent in; ``span`` (n,) numbers each one's.

    ``kept``: what was worked out of it before, as several criteria ask the same of a million requests.
    """

    samples: Samples
    spans: tuple[Span, ...]
    span: NDArray[np.intp]
    kept: dict[object, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def seconds(self) -> float:
        return sum(s.end - s.start for s in self.spans)

    @property
    def levels(self) -> tuple[LevelKey, ...]:
        return tuple(dict.fromkeys(s.level for s in self.spans))

    def count(self, level: LevelKey) -> int:
        """How many of the requests are of ``level``."""
        import numpy as np

        if "counts" not in self.kept:
            self.kept["counts"] = np.bincount(self.span, minlength=len(self.spans))
        return int(sum(self.kept["counts"][i] for i, s in enumerate(self.spans) if s.level == level))

    def where(self, chosen: NDArray[np.bool_]) -> Observed:
        """The requests that ``chosen`` (n,) picks; the spans stay, as time without a request counts."""
        if chosen.all():
            return self
        return Observed(self.samples.where(chosen), self.spans, self.span[chosen])

    def succeeded(self) -> Observed:
        if "succeeded" not in self.kept:
            self.kept["succeeded"] = self.where(~self.samples.failed)
        good: Observed = self.kept["succeeded"]
        return good

    def at(self, levels: tuple[LevelKey, ...]) -> Observed:
        """What was observed at ``levels`` alone."""
        import numpy as np

        if set(levels) == set(self.levels):
            return self
        kept = [i for i, s in enumerate(self.spans) if s.level in levels]
        chosen = np.isin(self.span, kept)
        new = np.zeros(len(self.spans), dtype=np.intp)
        new[kept] = np.arange(len(kept))
        spans = tuple(self.spans[i] for i in kept)
        return Observed(self.samples.where(chosen), spans, new[self.span[chosen]])

    def blocks(self, seconds: float = BLOCK_SECONDS) -> Blocks:
        """Every span cut into equal blocks as near to ``seconds`` as they fit, at least one."""
        if seconds not in self.kept:
            self.kept[seconds] = self._cut(seconds)
        found: Blocks = self.kept[seconds]
        return found

    def _cut(self, seconds: float) -> Blocks:
        import numpy as np

        seconds = max(seconds, self.seconds / _MOST_BLOCKS)
        counts = np.array([max(1, int((s.end - s.start) / seconds + 0.5)) for s in self.spans])
        lengths = np.array([s.end - s.start for s in self.spans]) / counts
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        starts = np.array([s.start for s in self.spans])
        number = ((self.samples.scheduled - starts[self.span]) / lengths[self.span]).astype(np.intp)
        of = first[self.span] + np.clip(number, 0, counts[self.span] - 1)
        order = {level: i for i, level in enumerate(self.levels)}
        stratum = np.repeat([order[s.level] for s in self.spans], counts)
        return Blocks(of, np.repeat(lengths, counts), stratum)


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A run with its warm-up found: ``since`` is the second from which a load level is steady, or None."""

    run: Run
    samples: Samples
    since: dict[LevelKey, float | None]
    kept: dict[object, Observed] = field(default_factory=dict, repr=False)
    counts: dict[tuple[str, LevelKey], int] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, run: Run, samples: Samples, rule: WarmUpRule) -> Measurement:
        """Find where each level that has samples becomes steady."""
        since: dict[LevelKey, float | None] = {}
        for level in dict.fromkeys(lv.key for lv in run.levels):
            own = (samples.users == level[0]) & (samples.rate == level[1])
            if own.any():
                since[level] = steady_from(samples.where(own), _entries(run, level), rule)
        return cls(run, samples, since)

    def wanted(self, point: LoadPoint | None, *, open_only: bool = False) -> tuple[LevelKey, ...]:
        """The levels that a criterion at ``point`` (None: all of them) is about, in the run's order."""
        levels = tuple(dict.fromkeys(lv.key for lv in self.run.levels))
        if point:
            return tuple(level for level in levels if level == (point.users, point.rate))
        return tuple(level for level in levels if level[1] or not open_only)

    def count(self, endpoint: str, levels: tuple[LevelKey, ...]) -> int:
        """How many requests of ``endpoint`` there were at ``levels``, warm-up included."""
        for level in levels:
            if (endpoint, level) not in self.counts:
                self.counts[endpoint, level] = int(self._about(endpoint, (level,)).sum())
        return sum(self.counts[endpoint, level] for level in levels)

    def unsteady(self, levels: tuple[LevelKey, ...]) -> list[str]:
        """Those of ``levels`` that had load and never became steady, as people write them."""
        return [told(level) for level in levels if self.since.get(level, 0.0) is None]

    def observe(self, endpoint: str, levels: tuple[LevelKey, ...]) -> Observed:
        """The requests of ``endpoint`` in the steady spans of ``levels``; may be none.

        The last answer is kept: criteria come in groups, and more than one would fill the memory.
        """
        asked = (endpoint, levels)
        if asked not in self.kept:
            self.kept.clear()
            self.kept[asked] = self._observe(endpoint, levels)
        return self.kept[asked]

    def _observe(self, endpoint: str, levels: tuple[LevelKey, ...]) -> Observed:
        import numpy as np

        spans = tuple(s for level in levels for s in self._spans(level))
        chosen = np.zeros(len(self.samples), dtype=bool)
        span = np.zeros(len(self.samples), dtype=np.intp)
        for level in {s.level for s in spans}:
            own = [i for i, s in enumerate(spans) if s.level == level]
            steady = self._about(endpoint, (level,)) & (self.samples.scheduled >= spans[own[0]].start)
            at = np.searchsorted([spans[i].start for i in own], self.samples.scheduled[steady], "right") - 1
            span[steady] = np.array(own)[at]
            chosen |= steady
        return Observed(self.samples.where(chosen), spans, span[chosen])

    def _spans(self, level: LevelKey) -> list[Span]:
        since = self.since.get(level)
        if since is None:
            return []
        cut = [Span(level, max(lv.start, since), lv.end) for lv in _entries(self.run, level)]
        return sorted((s for s in cut if s.end > s.start), key=lambda s: s.start)

    def _about(self, endpoint: str, levels: tuple[LevelKey, ...]) -> NDArray[np.bool_]:
        import numpy as np

        found = np.zeros(len(self.samples), dtype=bool)
        for users, rate in levels:
            found |= (self.samples.users == users) & (self.samples.rate == rate)
        result: NDArray[np.bool_] = found & (self.samples.name == endpoint).astype(bool)
        return result


def told(level: LevelKey) -> str:
    """A load level as people write it."""
    users, rate = level
    return f"{rate:g} rps" if rate else f"{users} users"


def _entries(run: Run, level: LevelKey) -> list[Level]:
    """More than one when the run was extended."""
    return [lv for lv in run.levels if lv.key == level]
