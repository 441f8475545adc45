"""The load generator itself: what it sees of a stall, what recording costs, how much it sends, and how near
its p99 is to that of a generator that isn't ours."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from cxlib import settings
from cxlib.clients import load_part, locust, process, runfolder
from cxlib.judge.warmup import WarmUpRule
from cxlib.model.load import LoadLevel
from cxlib.model.run import Served
from cxlib.stage.gate import run_gate
from tests.load.known_delay import answering

USERS, SECONDS, ROUNDS = 16, 8.0, 3
STALL_AT, STALL_SECONDS, STALL_RUN, STALL_RATE = 5.0, 2.0, 12.0, 100.0
# A run this short has no time to become steady.
ANY = WarmUpRule(seconds=0.5, needed=2, most=100, tolerance=100.0, grain=100.0)
DELAY, RATE = 0.02, 100.0
BODY = '{"instances": [[0]]}'
# Posts one small body after the other; the pace is what the measurement wants it to be.
PROFILE = """
from locust import FastHttpUser, {wait}, task
class Poster(FastHttpUser):
    wait_time = {pace}
    @task
    def post(self):
        self.client.post("/predict", json={{"instances": [[0]]}})
"""
WRK_POST = f"""
wrk.method, wrk.body = "POST", '{BODY}'
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency) print("p99 us " .. latency:percentile(99)) end
"""
OHA = settings.cache_root() / "bench" / "bin" / "oha"


def measure() -> list[Figure]:
    """All of it, each against the same service of known delay, in turns where two are compared."""
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as folder:
        return [*_stall(Path(folder)), *_rates(Path(folder)), _tail(Path(folder))]


def _profile(folder: Path, pace: str) -> Path:
    path = folder / "poster.py"
    path.write_text(PROFILE.format(wait=pace.partition("(")[0], pace=pace))
    return path


def _stall(folder: Path) -> list[Figure]:
    told = f"stall of {STALL_SECONDS:g} s in {STALL_RUN:g} s at {STALL_RATE:g} rps"
    with answering(folder, 0.002, STALL_AT, STALL_SECONDS) as url:
        users = 10
        profile = _profile(folder, f"constant_throughput({STALL_RATE / users:g})")
        plain = _plain(profile, url, users, STALL_RUN)["response_times"]
    with answering(folder, 0.002, STALL_AT, STALL_SECONDS) as url:
        result = run_gate(
            name="stall", host=url, profile=profile, levels=[LoadLevel(0, STALL_RUN, STALL_RATE)],
            criteria_lines=["p95 of POST /predict < 200 ms"],
            served=lambda: Served(digest="sha256:0", model_version="0"), folder=folder / "stall", warm_up=ANY,
        )  # fmt: skip
    samples = runfolder.read(folder / "stall")[1]
    p95 = float(np.quantile(samples.latency, 0.95))
    reported = np.quantile(np.repeat([float(t) for t in plain], list(plain.values())), 0.95)
    verdict = result.verdict.value
    return [
        Figure(f"{told}: p95", f"{p95:.2f} s; plain Locust {reported:.0f} ms", "above 1 s", p95 > 1),
        Figure(f"{told}: verdict", f"{verdict}: {result.outcome.reason[:60]}", "FAIL", verdict == "FAIL"),
    ]


def _rates(folder: Path) -> list[Figure]:
    """Requests a second: plain Locust, with the recorder, and the open model asked for more than it can."""
    profile = _profile(folder, "constant(0)")
    plain, recorded, sent = [], [], []
    with answering(folder, 0.0) as url:
        for number in range(ROUNDS):
            stats = _plain(profile, url, USERS, SECONDS)
            took = stats["last_request_timestamp"] - stats["start_time"]
            plain.append(stats["num_requests"] / took)
            recorded.append(_rate(profile, url, LoadLevel(USERS, SECONDS), folder / f"closed-{number}"))
            asked = LoadLevel(0, SECONDS, 1.2 * plain[-1], "constant")
            sent.append(_rate(profile, url, asked, folder / f"open-{number}"))
    on = float(np.median(np.divide(recorded, plain)))
    share = float(np.median(np.divide(sent, plain)))
    seen = f"{np.median(recorded):.0f} and {np.median(plain):.0f} requests/s"
    return [
        Figure("recorder on against off", f"{on:.2f} ({seen})", "0.95", on >= 0.95),
        Figure(
            "open model against FastHttpUser",
            f"{share:.2f} ({np.median(sent):.0f} requests/s)",
            "0.8",
            share >= 0.8,
        ),
    ]


def _plain(profile: Path, url: str, users: int, seconds: float) -> dict[str, Any]:
    """Locust's own statistics of its only endpoint."""
    argv = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--json", "--host", url]
    argv += ["--locustfile", str(profile), "--users", str(users), "--spawn-rate", "1000"]
    argv += ["--run-time", f"{seconds:.0f}s", "--stop-timeout", "10", "--loglevel", "ERROR"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LOCUST_")}
    said = process.run(argv, timeout=seconds + 60, env=kept).stdout
    return dict(json.loads(said[said.index("[") :])[0])


def _rate(profile: Path, url: str, level: LoadLevel, folder: Path) -> float:
    """Requests a second of our generator, with as many users as plain Locust has."""
    folder.mkdir()
    errand = locust.Errand(profile, url, (level,), "1", folder, USERS)
    samples = load_part.read(locust.alone(errand, folder)[0][0], [level]).samples
    return len(samples) / float(samples.finished.max() - samples.started.min())


def _tail(folder: Path) -> Figure:
    """p99 of constant arrivals at a service of known delay, beside another generator's, in turns."""
    what, profile = f"p99 at {RATE:g} rps of {1000 * DELAY:g} ms", _profile(folder, "constant(0)")
    name, other_p99 = _other(folder)
    ours, theirs = [], []
    level = LoadLevel(0, SECONDS, RATE, "constant")
    with answering(folder, DELAY) as url:
        for number in range(ROUNDS):
            errand = locust.Errand(profile, url, (level,), "1", folder)
            scratch = folder / f"tail-{number}"
            scratch.mkdir()
            samples = load_part.read(locust.alone(errand, scratch)[0][0], [level]).samples
            ours.append(float(np.quantile(samples.latency, 0.99)))
            theirs.append(other_p99(f"{url}/predict"))
    mine, other = float(np.median(ours)), float(np.median(theirs))
    told = f"{1000 * mine:.1f} ms; {name} {1000 * other:.1f} ms"
    return Figure(what, told, "within 1 ms or 5 %", abs(mine - other) <= max(0.001, 0.05 * other))


def _other(folder: Path) -> tuple[str, Callable[[str], float]]:
    """A generator that isn't ours, by name, and how it tells the p99 at a URL in seconds.

    oha at the same rate; or wrk, whose closed model is fair where nothing stalls, with as many connections
    as the rate keeps busy; with neither, the delay itself, which is what both would find at best.
    """
    if oha := shutil.which("oha") or (str(OHA) if OHA.exists() else ""):
        return "oha", lambda url: _oha(oha, url)
    if wrk := shutil.which("wrk"):
        script = folder / "post.lua"
        script.write_text(WRK_POST)
        return "wrk", lambda url: _wrk(wrk, script, url)
    return "the delay itself (neither oha nor wrk is here)", lambda _: DELAY


def _oha(program: str, url: str) -> float:
    argv = [program, "--no-tui", "--output-format", "json", "-q", f"{RATE:g}", "-z", f"{SECONDS:g}s"]
    argv += ["-c", "50", "--latency-correction", "-m", "POST", "-T", "application/json", "-d", BODY, url]
    said = process.run(argv, timeout=SECONDS + 60).stdout
    return float(json.loads(said)["latencyPercentiles"]["p99"])


def _wrk(program: str, script: Path, url: str) -> float:
    busy = max(1, round(RATE * DELAY))
    argv = [program, "-t", "1", "-c", str(busy), "-d", f"{SECONDS:.0f}s", "-s", str(script), url]
    said = process.run(argv, timeout=SECONDS + 60).stdout
    return float(said.split("p99 us ")[1].split()[0]) / 1e6
