"""How often the judge is wrong, what a million samples cost it, and what 10,000 damages each do to it."""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.figure import Figure, at_most
from cxlib.clients import process, runfolder
from cxlib.model.verdict import Verdict
from cxlib.settings import CHECKOUT
from tests.judge import fuzzed, made, simulated

RUNS, FUZZED = 1000, 10_000
# Autocorrelated latencies: half of their variance comes and goes within 0.1 to 2 s.
MEMORIES = (0.1, 0.5, 2.0)
BURSTS = {"n": 3000, "seconds": 60.0}
# As a process of its own, so that the peak is the judge's and not the benchmark's.
MILLION = """
import json, resource, sys, time
begun = time.monotonic()
from pathlib import Path
from cxlib.clients import runfolder
from cxlib.judge.gate import judge
from cxlib.model.grammar import parse_gate
read = runfolder.read(Path(sys.argv[1]))
outcome = judge(*read, parse_gate("million", json.loads(sys.argv[2])))
took, used = time.monotonic() - begun, time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([outcome.verdict.value, took, used, peak]))
"""
CRITERIA = (
    "p50 of {} < 30 ms",
    "p95 of {} < 30 ms",
    "p99.9 of {} < 50 ms",
    "avg of {} < 30 ms",
    "max of {} < 1 s",
    "rps of {} > 10 rps",
    "fail of {} < 1 %",
    "rc5?? of {} < 1 % at 8 users",
)


def measure() -> list[Figure]:
    """The tables of the design, on runs whose truth is known."""
    figures = []
    for memory in MEMORIES:
        load = {**BURSTS, "memory": memory}
        limits = simulated.against_limit(("p95", "p99", "avg"), RUNS, 1, **load)
        figures += [_wrong(f"at its limit, {m}, bursts of {memory} s: FAIL", v) for m, v in limits.items()]
        same = simulated.against_baseline(("p95", "avg"), RUNS, 2, scale=1.0, **load)
        figures += [_wrong(f"A/A vs baseline, {m}, bursts of {memory} s: FAIL", v) for m, v in same.items()]
    slower = simulated.against_baseline(("p95", "avg"), RUNS, 3, scale=1.2, n=6000, seconds=120.0, memory=0.0)
    figures += [_right(f"+20 % vs baseline, {metric}: FAIL", v) for metric, v in slower.items()]
    figures.append(_right("twice what p99 allows, n = 5,000: FAIL", simulated.over_twice_as_often(RUNS, 4)))
    return [*figures, *_million(), *_fuzz()]


def _share(verdicts: Counter[Verdict]) -> tuple[float, str]:
    told = ", ".join(f"{v.value} {100 * n / verdicts.total():.1f} %" for v, n in verdicts.most_common())
    return 100 * verdicts[Verdict.FAIL] / verdicts.total(), told


def _wrong(what: str, verdicts: Counter[Verdict]) -> Figure:
    failed, told = _share(verdicts)
    return Figure(what, told, "at most 5 %", failed <= 5)


def _right(what: str, verdicts: Counter[Verdict]) -> Figure:
    failed, told = _share(verdicts)
    return Figure(what, told, "at least 95 %", failed >= 95)


def _million() -> list[Figure]:
    import json

    import numpy as np

    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as folder:
        samples = simulated.drawn(rng, 1_000_000, 600.0, memory=0.5).samples
        levels = [{"users": 8, "rate": 0, "start": 0, "end": 600}]
        run = made.run(levels=levels, planned_seconds=600, actual_seconds=600)
        runfolder.write(Path(folder), run, samples)
        asked = json.dumps([line.format(simulated.NAME) for line in CRITERIA])
        done = process.run([sys.executable, "-c", MILLION, folder, asked], timeout=120, cwd=CHECKOUT)
    verdict, took, used, peak = json.loads(done.stdout)
    note = f"{verdict}; {took:.1f} s by the clock"  # which also shows who else uses the machine
    return [
        at_most("a million samples read and judged, processor time", used, 5, "s", note),
        at_most("its memory", peak, 500, "MB"),
    ]


def _fuzz() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as scratch:
        folder = Path(scratch)
        whole, rng = fuzzed.store(folder / "whole"), random.Random(6)  # noqa: S311 - nothing secret

        def gate() -> Verdict | None:
            (folder / "gate.yaml").write_bytes(fuzzed.gate_text(rng))
            found = fuzzed.try_gate(folder / "gate.yaml")
            return Verdict.INVALID if found else None

        def run() -> Verdict | None:
            fuzzed.damage(rng, whole, folder / "damaged")
            return fuzzed.verdict_on(folder / "damaged")

        return [
            _survived("criteria", lambda: fuzzed.try_line(fuzzed.line(rng))),
            _survived("gate files", gate),
            _survived("run folders", run),
        ]


def _survived(what: str, one: Callable[[], Verdict | None]) -> Figure:
    """``one`` raises where a traceback would reach the user, and that ends the benchmark."""
    found = Counter(one() for _ in range(FUZZED))
    told = f"{found[None]:,} refused, {found[Verdict.INVALID]:,} without proof, {found[Verdict.PASS]} PASS"
    return Figure(f"fuzzed {what}, {FUZZED:,}", told, "no PASS, no traceback", not found[Verdict.PASS])
