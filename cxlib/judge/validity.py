"""Whether a measurement can be believed at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlib.judge import coverage, silence
from cxlib.judge.coverage import LEAST_DURATION
from cxlib.model.verdict import Check

if TYPE_CHECKING:
    from cxlib.model.load import Load
    from cxlib.model.run import Run, Served
    from cxlib.model.sample import Samples

MOST_LATE = 0.01
LATE_SECONDS = 0.05
MOST_GENERATOR_CPU = 0.80
_PRECEDENCE = {
    True: ", before all else on its machine",
    False: ", in line with all else on its machine",
    None: "",
}


def checks(run: Run, samples: Samples) -> tuple[Check, ...]:
    """Every condition of a valid run, each with what was seen."""
    found = [
        coverage.matching(run, samples),
        silence.present(run, samples),
        coverage.duration(run),
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
        found += [coverage.arrivals(run, samples), _on_time(samples)]
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


def served_unknown(run: Run) -> bool:
    """Whether it could not be learnt what answered, and nothing says that it was two things."""
    start, end = run.served.start, run.served.end
    changed = bool(start.digest and end.digest and start.digest != end.digest)
    return not changed and not all((start.digest, start.model_version, end.digest, end.model_version))


def _same_served(run: Run) -> Check:
    start, end = run.served.start, run.served.end
    same = start == end and not served_unknown(run)
    seen = f"model version {start.model_version}, {start.digest}"
    if not same:
        seen = f"{_named(start)} at the start, {_named(end)} at the end"
    return Check("served", same, seen, "the same model and image from start to end")


def _named(served: Served) -> str:
    version = f" (version {served.model_version or 'unknown'})"
    return served.digest + version if served.digest else "unknown"


def _on_time(samples: Samples) -> Check:
    late = int(((samples.started - samples.scheduled > LATE_SECONDS) & (samples.rate > 0)).sum())
    arrivals = int((samples.rate > 0).sum())
    share = late / arrivals if arrivals else 0.0
    return Check("late starts", share <= MOST_LATE, f"{share:.1%}", f"at most {MOST_LATE:.0%}")
