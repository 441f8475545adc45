"""Stretches of a load level in which nothing was heard: no request was under way, or none was answered.

What hangs until it is cut off leaves no sample, so that what is left looks good. How long a silence may
be follows from the rhythm of what is silent: an endpoint that is asked rarely, or in bursts, is no hang.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING

from cxlib.judge.coverage import LEAST_DURATION, SLACK_SECONDS
from cxlib.judge.observed import told
from cxlib.judge.result import unjudged
from cxlib.model.criterion import Criterion, Metric
from cxlib.model.verdict import Check, CriterionResult, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.judge.observed import Observed, Span
    from cxlib.model.run import Level, Run
    from cxlib.model.sample import Samples

MOST_SILENCE = 10.0
_TIMES = 3.0  # a silence may be this many times the longest that was before
_SURE = 14.0  # a gap of (ln n + 14) mean gaps comes once in a million runs of n independent requests
_LEAST_REQUESTS, _LEAST_SECONDS = 10, 10.0  # what a rhythm is known from


@dataclass(frozen=True, slots=True)
class Silence:
    """From ``start`` to ``end``, in seconds since the run's start."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def __str__(self) -> str:
        return f"from {self.start:.0f} s to {self.end:.0f} s"


def present(run: Run, samples: Samples) -> Check:
    """Whether there are requests at every load level, to its end and without a long silence."""
    silent = next((f"none at {lv} {told}" for lv in run.levels if (told := _of_level(lv, samples))), "")
    seen = f"{len(samples):,} requests"
    ok = len(samples) > 0 and not silent
    wanted = "requests at every level, to its end"
    return Check("samples", ok, f"{seen}, {silent}" if silent else seen, wanted)


def _of_level(level: Level, samples: Samples) -> str:
    """Where a load level has no samples; empty when it has them throughout."""
    own = (samples.users == level.users) & (samples.rate == level.rate)
    own &= (samples.scheduled >= level.start - SLACK_SECONDS) & (samples.scheduled <= level.end)
    if level.end <= level.start:
        return ""
    if not own.any():
        return f"from {level.start:.0f} s on"
    allowed = max(_base(level.end - level.start), 5 / level.rate if level.rate else 0.0)
    begun, reached = _under_way(samples.scheduled[own], samples.finished[own])
    if reached[-1] < level.end - allowed:
        return str(Silence(float(reached[-1]), level.end))
    return _pause(begun, reached, level.end - level.start, allowed)


def _pause(begun: NDArray[np.float64], reached: NDArray[np.float64], seconds: float, allowed: float) -> str:
    """The longest pause of a load level, when it is out of proportion to all others."""
    import numpy as np

    gaps, n = begun[1:] - reached[:-1], len(begun)
    if n < _LEAST_REQUESTS or gaps.max() <= allowed:
        return ""
    at = int(gaps.argmax())
    longest, second = float(gaps[at]), float(np.delete(gaps, at).max())
    allowed = max(allowed, _TIMES * second, (seconds - longest) / n * (log(n) + _SURE))
    return str(Silence(float(reached[at]), float(begun[at + 1]))) if longest > allowed else ""


def silenced(result: CriterionResult, observed: Observed, criterion: Criterion) -> CriterionResult:
    """``result``, or what a silence of its endpoint makes of it: INVALID when requests are missing, and
    FAIL of a percentile when they waited. What failed without that stays a FAIL."""
    if result.verdict in (Verdict.FAIL, Verdict.INVALID):
        return result
    if found := unheard(observed):
        reason = f"no samples of it at {found[0]} {found[1]}"
        return unjudged(criterion, Verdict.INVALID, reason, len(observed))
    found = unanswered(observed) if criterion.metric is Metric.PERCENTILE and criterion.wants_less else None
    allowed = (
        (result.baseline or 0.0) / criterion.per_second if criterion.relative else criterion.limit_seconds
    )
    if found and found[1].seconds > allowed:
        reason = f"nothing was answered at {found[0]} {found[1]}, though requests waited; {result.reason}"
        return replace(result, verdict=Verdict.FAIL, reason=reason, more=None)
    return result


def unheard(observed: Observed) -> tuple[str, Silence] | None:
    """The first silence of an endpoint that its own rhythm does not explain, and at which load level.

    The rhythm is what came before: ten requests over ten seconds, or there is none to go by.
    """
    if "unheard" not in observed.kept:
        observed.kept["unheard"] = _unheard(observed)
    found: tuple[str, Silence] | None = observed.kept["unheard"]
    return found


def _unheard(observed: Observed) -> tuple[str, Silence] | None:
    for level in observed.levels:
        heard = _Heard()
        for number, span in enumerate(observed.spans):
            if span.level == level:
                own = observed.span == number
                found = heard.silence(span, observed.samples.scheduled[own], observed.samples.finished[own])
                if found:
                    return told(span.level), found
    return None


@dataclass(slots=True)
class _Heard:
    """What is known of an endpoint at a load level, over the level's spans: requests, over how many
    seconds, and the longest silence among them."""

    requests: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    def silence(
        self, span: Span, scheduled: NDArray[np.float64], finished: NDArray[np.float64]
    ) -> Silence | None:
        """The first unexplained silence of ``span``; what is heard in it is known from now on."""
        import numpy as np

        begun, reached = _under_way(scheduled, finished)
        starts, ends = np.concatenate([[span.start], reached]), np.concatenate([begun, [span.end]])
        gaps = ends - starts
        before = np.maximum.accumulate(np.concatenate([[self.longest], gaps]))
        for i in np.flatnonzero(gaps > _base(span.end - span.start)).tolist():
            requests = self.requests + i
            seconds = self.seconds + (float(reached[i - 1] - begun[0]) if i else 0.0)
            if requests >= _LEAST_REQUESTS and seconds >= _LEAST_SECONDS:
                sure = requests - 2 * requests**0.5  # a rate that few requests told may be half of it
                usual = max(_TIMES * float(before[i]), seconds / sure * (log(requests) + _SURE))
                if gaps[i] > usual:
                    return Silence(float(starts[i]), float(ends[i]))
        self.requests += len(begun)
        self.seconds += float(reached[-1] - begun[0]) if len(begun) else 0.0
        self.longest = float(before[-1])
        return None


def unanswered(observed: Observed) -> tuple[str, Silence] | None:
    """The longest stretch of a closed load level in which requests waited and none was answered, when it
    is no matter of how slow the service is anyway.

    A closed model's users send nothing while they wait: such a stretch is a few slow requests in a
    percentile, however long it is.
    """
    if "unanswered" not in observed.kept:
        stalls = (one for one in _stalls(observed) if one)
        observed.kept["unanswered"] = max(stalls, key=lambda one: one[1].seconds, default=None)
    found: tuple[str, Silence] | None = observed.kept["unanswered"]
    return found


def _stalls(observed: Observed) -> Iterator[tuple[str, Silence] | None]:
    import numpy as np

    for number, span in enumerate(observed.spans):
        own = observed.span == number
        if span.level[1] or own.sum() < _LEAST_REQUESTS:
            continue
        order = np.argsort(observed.samples.finished[own])
        finished, begun = observed.samples.finished[own][order], observed.samples.scheduled[own][order]
        # since when the oldest of those waits that are not answered yet
        waits = np.minimum.accumulate(begun[::-1])[::-1]
        since = np.maximum(waits[1:], finished[:-1])
        at = int((finished[1:] - since).argmax())
        stall = Silence(float(since[at]), float(finished[at + 1]))
        n, seconds = len(begun), span.end - span.start
        usual = max(_TIMES * float(np.median(finished - begun)), seconds / n * (log(n) + _SURE))
        yield (told(span.level), stall) if stall.seconds > max(_base(seconds), usual) else None


def _under_way(
    scheduled: NDArray[np.float64], finished: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each request began, ascending, and until when it or one before it was under way."""
    import numpy as np

    order = np.argsort(scheduled, kind="stable")
    return scheduled[order], np.maximum.accumulate(finished[order])


def _base(seconds: float) -> float:
    """The silence that anything may have in so many seconds of a load level."""
    return max(MOST_SILENCE, (1 - LEAST_DURATION) * seconds)
