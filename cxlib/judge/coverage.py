"""Whether run.json and the samples are of one run, and that run is the one that was planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from cxlib.model.verdict import Check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.run import Level, Run
    from cxlib.model.sample import Samples

LEAST_DURATION = 0.95
LEAST_ARRIVALS = 0.98
MOST_ARRIVALS = 1.02
MOST_LATENCY = 86400.0
SLACK_SECONDS = 1.0
_LEAST_LEVEL = 0.01  # seconds; what is shorter was no load level
_CHANCE = 5.0  # standard deviations: Poisson arrivals are further from their rate in one level of millions


def matching(run: Run, samples: Samples) -> Check:
    """Whether run.json contradicts neither itself nor the samples."""
    why = _untimely(samples) or _unanswered(samples) or _wrong_plan(run) or _misplaced(run, samples)
    return Check("run.json", not why, why or "matches the samples", "to match the samples")


def duration(run: Run) -> Check:
    """Whether the run, and its load levels together, lasted as long as planned; each half of an extended
    one does."""
    found = [_duration(alone) for alone in run.alone]
    return next((check for check in found if not check.ok), _duration(run))


def _duration(run: Run) -> Check:
    covered = sum(level.end - level.start for level in run.levels)
    least = LEAST_DURATION * run.planned_seconds
    seen = f"{run.actual_seconds:.1f} s of {run.planned_seconds:.1f} s"
    if covered < least:
        seen += f", load levels of {covered:.1f} s"
    ok = run.planned_seconds > 0 and run.actual_seconds >= least and covered >= least
    return Check("duration", ok, seen, f"at least {LEAST_DURATION:.0%} of the plan")


def arrivals(run: Run, samples: Samples) -> Check:
    """Whether the open model sent what it had planned, at each level about what its rate says."""
    halves = run.alone
    ends = [half.levels[0].start for half in halves[1:]]
    found = []
    for half, first, last in zip(halves, [-inf, *ends], [*ends, inf], strict=True):
        own = (samples.rate > 0) & (samples.scheduled >= first) & (samples.scheduled < last)
        found.append(_arrivals(half, samples.where(own)))
    return next((check for check in found if not check.ok), _arrivals(run, samples.where(samples.rate > 0)))


def _arrivals(run: Run, sent: Samples) -> Check:
    planned = run.planned_arrivals or 0.0
    told = f"{len(sent):,} of {planned:,.0f}"
    wanted = f"at least {LEAST_ARRIVALS:.0%} of the plan"
    if len(sent) > max(MOST_ARRIVALS * planned, planned + 1):
        return Check("arrivals", False, told, f"at most {MOST_ARRIVALS:.0%} of the plan")
    if short := next(_short_levels(run, sent), ""):
        return Check("arrivals", False, f"{told}, {short}", wanted)
    return Check("arrivals", len(sent) >= LEAST_ARRIVALS * planned, told, wanted)


def _short_levels(run: Run, samples: Samples) -> Iterator[str]:
    """The open levels that sent fewer than their rate says, by more than chance makes of Poisson arrivals."""
    rates = {level.rate: 0.0 for level in run.levels if level.rate}
    for level in run.levels:
        if level.rate:
            rates[level.rate] += level.rate * (level.end - level.start)
    for rate, due in rates.items():
        own = int((samples.rate == rate).sum())
        if own < LEAST_ARRIVALS * due - _CHANCE * due**0.5:
            yield f"{own:,} of about {due:,.0f} at {rate:g} rps"


def _untimely(samples: Samples) -> str:
    import numpy as np

    times = (samples.scheduled, samples.started, samples.finished)
    if not all(np.isfinite(t).all() for t in times):
        return "a time is not a number"
    if (samples.finished < samples.started).any() or (samples.started < samples.scheduled).any():
        return "a request ended before it began"
    if (samples.finished - samples.scheduled > MOST_LATENCY).any():
        return "a request that took longer than a day"
    return ""


def _unanswered(samples: Samples) -> str:
    none = int(((samples.status == 0) & ~samples.failed).sum())
    return f"{none:,} requests without a response (status 0) have no error" if none else ""


def _wrong_plan(run: Run) -> str:
    """What in run.json contradicts itself; empty when nothing does."""
    if any(level.end < level.start for level in run.levels):
        return "a load level ends before it starts"
    if any(bool(level.users) == bool(level.rate) for level in run.levels):
        return "a load level has either users or a rate"
    # Each of several workers ends a level on its own tick, so that those of a run may meet.
    if any(b.start < a.end - 2 * SLACK_SECONDS for a, b in pairwise(run.levels)):
        return "load levels that overlap, or are not in order"
    if any(level.end - level.start < _LEAST_LEVEL for level in run.levels):
        return "a load level that took no time"
    if run.halves and len(run.levels) % len(run.halves):
        return f"{len(run.levels)} load levels are not those of {len(run.halves)} halves"
    if run.halves and abs(sum(h.planned_seconds for h in run.halves) - run.planned_seconds) > SLACK_SECONDS:
        return "halves that were not planned as long as the whole"
    return _wrong_arrivals(run)


def _wrong_arrivals(run: Run) -> str:
    due = sum(level.rate * (level.end - level.start) for level in run.levels)
    if due and not run.planned_arrivals:
        return "an open-model level without planned arrivals"
    if run.planned_arrivals is not None and not due:
        return "planned arrivals without an open-model level"
    if run.planned_arrivals is not None and run.planned_arrivals < due - _CHANCE * due**0.5:
        return f"{run.planned_arrivals:,.0f} planned arrivals, where its rates make about {due:,.0f}"
    return ""


def _misplaced(run: Run, samples: Samples) -> str:
    """Samples of a load level that run.json doesn't list, or from outside of their own level's time."""
    placed = _placed(run.levels, samples)
    if (placed.level < 0).any():
        first = int((placed.level < 0).argmax())
        told = f"{samples.users[first]} users, {samples.rate[first]:g} rps"
        return f"samples of a load level that it does not list ({told})"
    if (outside := ~placed.inside).any():
        first = int(outside.argmax())
        at = f"{samples.scheduled[first]:.1f} s"
        return f"{int(outside.sum()):,} samples from outside of their load level's time, the first at {at}"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """For each of n samples the number of its load level, -1 for none, and whether its time is within."""

    level: NDArray[np.intp]
    inside: NDArray[np.bool_]


def _placed(levels: Sequence[Level], samples: Samples) -> _Placed:
    """In the open model a task's further requests may come when its level is over, not after all of them."""
    import numpy as np

    entries: dict[tuple[int, float], list[Level]] = {}
    for level in levels:
        entries.setdefault(level.key, []).append(level)
    code = _coded(tuple(entries), samples)
    inside = np.zeros(len(samples), dtype=bool)
    last = max(level.end for level in levels)
    for turn in range(max(map(len, entries.values()))):
        # keys with fewer entries are asked about their last one again
        those = [found[min(turn, len(found) - 1)] for found in entries.values()]
        first = np.array([level.start for level in those])[code]
        final = np.array([last if level.rate else level.end for level in those])[code]
        inside |= (samples.scheduled >= first - SLACK_SECONDS) & (samples.scheduled <= final + SLACK_SECONDS)
    return _Placed(code, inside)


def _coded(keys: Sequence[tuple[int, float]], samples: Samples) -> NDArray[np.intp]:
    """The place of each sample's load level in ``keys``, -1 for none. Samples come in runs of one level."""
    import numpy as np

    places = {key: place for place, key in enumerate(keys)}
    users, rate = samples.users, samples.rate
    turns = np.flatnonzero((np.diff(users) != 0) | (np.diff(rate) != 0)) + 1
    starts = np.concatenate([[0], turns])[: len(samples)]
    found = [places.get(key, -1) for key in zip(users[starts].tolist(), rate[starts].tolist(), strict=True)]
    lengths = np.diff(np.concatenate([starts, [len(samples)]]))
    return np.repeat(np.array(found, dtype=np.intp), lengths)
