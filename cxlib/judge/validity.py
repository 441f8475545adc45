"""Whether a measurement can be believed at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlib.model.verdict import Check

if TYPE_CHECKING:
    from cxlib.model.load import Load
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples

LEAST_DURATION = 0.95
LEAST_ARRIVALS = 0.98
MOST_LATE = 0.01
LATE_SECONDS = 0.05
MOST_GENERATOR_CPU = 0.80
MOST_LATENCY = 86400.0
MOST_SILENCE = 10.0
_SLACK_SECONDS = 1.0
_PRECEDENCE = {
    True: ", before all else on its machine",
    False: ", in line with all else on its machine",
    None: "",
}


def checks(run: Run, samples: Samples) -> tuple[Check, ...]:
    """Every condition of a valid run, each with what was seen."""
    found = [
        _matching(run, samples),
        _present(run, samples),
        Check(
            "duration",
            run.planned_seconds > 0 and run.actual_seconds >= LEAST_DURATION * run.planned_seconds,
            f"{run.actual_seconds:.1f} s of {run.planned_seconds:.1f} s",
            f"at least {LEAST_DURATION:.0%} of the plan",
        ),
        Check(
            "generator",
            run.generator_cpu <= MOST_GENERATOR_CPU,
            f"{run.generator_cpu:.0%} of its processor time used{_PRECEDENCE[run.generator_first]}",
            f"at most {MOST_GENERATOR_CPU:.0%}, or it measures itself",
        ),
        Check("workers", run.workers_lost == 0, f"{run.workers_lost} lost", "none lost"),
        _same_served(run),
    ]
    if run.planned_arrivals is not None:
        found += _open_model(samples, run.planned_arrivals)
    return tuple(found)


def same_load(run: Run, load: Load) -> Check:
    """Whether the run was of that profile and had those levels, once or, extended, twice."""
    ran = [(lv.users, lv.rate, lv.end - lv.start) for lv in run.levels]
    wanted = [(lv.users, lv.rate, lv.seconds) for lv in load.levels]
    times = len(ran) // len(wanted)
    same = run.profile == load.profile and len(ran) == times * len(wanted)
    both = zip(ran, times * wanted, strict=False)
    same = same and all(a[:2] == b[:2] and a[2] >= LEAST_DURATION * b[2] for a, b in both)
    seen = ", ".join(f"{lv} for {lv.end - lv.start:.0f} s" for lv in run.levels)
    asked = ", ".join(f"{lv} for {lv.seconds:g} s" for lv in load.levels)
    return Check("load", same, f"{run.profile}: {seen}", f"{load.profile}: {asked}")


def _present(run: Run, samples: Samples) -> Check:
    seen = f"{len(samples):,} requests"
    silent = _silence(run, samples)
    ok = len(samples) > 0 and not silent
    return Check(
        "samples", ok, f"{seen}, {silent}" if silent else seen, "requests at every level, to its end"
    )


def _silence(run: Run, samples: Samples) -> str:
    """Where a load level has no samples up to its end: what hung until it was cut off left none."""
    for level in run.levels:
        own = (samples.users == level.users) & (samples.rate == level.rate)
        own &= (samples.scheduled >= level.start - _SLACK_SECONDS) & (samples.scheduled <= level.end)
        if level.end <= level.start:
            continue
        if not own.any():
            return f"none at {level} from {level.start:.0f} s on"
        allowed = max(MOST_SILENCE, (1 - LEAST_DURATION) * (level.end - level.start))
        if level.rate:
            allowed = max(allowed, 5 / level.rate)
        last = float(samples.finished[own].max())
        if last < level.end - allowed:
            return f"none at {level} from {last:.0f} s to {level.end:.0f} s"
    return ""


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
    if (samples.finished - samples.scheduled > MOST_LATENCY).any():
        return "a request that took longer than a day"
    if unknown := _unknown_level(run, samples):
        return f"samples of a load level that it does not list ({unknown})"
    if wrong := _wrong_plan(run):
        return wrong
    first, last = min(lv.start for lv in run.levels), max(lv.end for lv in run.levels)
    scheduled = samples.scheduled
    if len(samples) and (scheduled.min() < first - _SLACK_SECONDS or scheduled.max() > last + _SLACK_SECONDS):
        return "samples from before its start or after its end"
    return ""


def _unknown_level(run: Run, samples: Samples) -> str:
    import numpy as np

    known = np.zeros(len(samples), dtype=bool)
    for users, rate in {level.key for level in run.levels}:
        known |= (samples.users == users) & (samples.rate == rate)
    if known.all():
        return ""
    first = int(np.argmin(known))
    return f"{samples.users[first]} users, {samples.rate[first]:g} rps"


def _wrong_plan(run: Run) -> str:
    """What in run.json contradicts itself; empty when nothing does."""
    if any(level.end < level.start for level in run.levels):
        return "a load level ends before it starts"
    if any(bool(level.users) == bool(level.rate) for level in run.levels):
        return "a load level has either users or a rate"
    is_open = any(level.rate for level in run.levels)
    if is_open and not run.planned_arrivals:
        return "an open-model level without planned arrivals"
    if run.planned_arrivals is not None and not is_open:
        return "planned arrivals without an open-model level"
    return ""
