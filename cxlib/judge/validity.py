"""Whether a measurement can be believed at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlib.model.verdict import Check

if TYPE_CHECKING:
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples

LEAST_DURATION = 0.95
LEAST_ARRIVALS = 0.98
MOST_LATE = 0.01
LATE_SECONDS = 0.05
MOST_GENERATOR_CPU = 0.80
_SLACK_SECONDS = 1.0


def checks(run: Run, samples: Samples) -> tuple[Check, ...]:
    """Every condition of a valid run, each with what was seen."""
    found = [
        Check("samples", len(samples) > 0, f"{len(samples):,} requests", "at least one request"),
        _matching(run, samples),
        Check(
            "duration",
            run.planned_seconds > 0 and run.actual_seconds >= LEAST_DURATION * run.planned_seconds,
            f"{run.actual_seconds:.1f} s of {run.planned_seconds:.1f} s",
            f"at least {LEAST_DURATION:.0%} of the plan",
        ),
        Check(
            "generator",
            run.generator_cpu <= MOST_GENERATOR_CPU,
            f"{run.generator_cpu:.0%} of its processor time used",
            f"at most {MOST_GENERATOR_CPU:.0%}, or it measures itself",
        ),
        Check("workers", run.workers_lost == 0, f"{run.workers_lost} lost", "none lost"),
        _same_served(run),
    ]
    if run.planned_arrivals is not None:
        found += _open_model(samples, run.planned_arrivals)
    return tuple(found)


def _same_served(run: Run) -> Check:
    start, end = run.served.start, run.served.end
    known = None not in (start.digest, start.model_version, end.digest, end.model_version)
    if not known:
        seen = f"{start.digest or 'unknown'} at the start, {end.digest or 'unknown'} at the end"
    elif start == end:
        seen = f"model version {start.model_version}, {start.digest}"
    else:
        seen = (
            f"{start.digest} (version {start.model_version}) at the start, "
            f"{end.digest} (version {end.model_version}) at the end"
        )
    return Check("served", known and start == end, seen, "the same model and image from start to end")


def _open_model(samples: Samples, planned: float) -> list[Check]:
    late = int(((samples.started - samples.scheduled > LATE_SECONDS) & (samples.rate > 0)).sum())
    arrivals = int((samples.rate > 0).sum())
    share = late / arrivals if arrivals else 0.0
    return [
        Check(
            "arrivals",
            arrivals >= LEAST_ARRIVALS * planned,
            f"{arrivals:,} of {planned:,.0f}",
            f"at least {LEAST_ARRIVALS:.0%} of the plan",
        ),
        Check("late starts", share <= MOST_LATE, f"{share:.1%}", f"at most {MOST_LATE:.0%}"),
    ]


def _matching(run: Run, samples: Samples) -> Check:
    return Check(
        "run.json", not (why := _mismatch(run, samples)), why or "matches the samples", "to match the samples"
    )


def _mismatch(run: Run, samples: Samples) -> str:
    """What in ``samples`` contradicts ``run``; empty when nothing does."""
    import numpy as np

    times = (samples.scheduled, samples.started, samples.finished)
    if not all(np.isfinite(t).all() for t in times):
        return "a time is not a number"
    if (samples.finished < samples.started).any() or (samples.started < samples.scheduled).any():
        return "a request ended before it began"
    planned = {(level.users, level.rate) for level in run.levels}
    seen = set(zip(samples.users.tolist(), samples.rate.tolist(), strict=True))
    if unknown := seen - planned:
        users, rate = min(unknown)
        return f"samples of a load level that it does not list ({users} users, {rate:g} rps)"
    if any(level.end < level.start for level in run.levels):
        return "a load level ends before it starts"
    first, last = min(lv.start for lv in run.levels), max(lv.end for lv in run.levels)
    scheduled = samples.scheduled
    if len(samples) and (scheduled.min() < first - _SLACK_SECONDS or scheduled.max() > last + _SLACK_SECONDS):
        return "samples from before its start or after its end"
    return ""
