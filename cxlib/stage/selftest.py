"""The gate's self-test: does it close on what it has to close on? Shown with real load and real faults."""

from __future__ import annotations

import re
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cxlib import progress, selftest
from cxlib.clients import generator, http, process, toxiproxy
from cxlib.clients.toxiproxy import Proxy, Toxiproxy
from cxlib.errors import CxError
from cxlib.judge.warmup import WarmUpRule
from cxlib.model.load import LoadLevel
from cxlib.model.run import Served
from cxlib.model.verdict import Verdict
from cxlib.parallel import run_all
from cxlib.settings import CHECKOUT, Site, runs_root
from cxlib.stage import gate, toolchain
from cxlib.wait import Budget, Look, wait_until

AT_ONCE = 2  # as many as a small machine has processors: more would measure each other
CRITERIA = (
    "p95 of POST /predict < 250 ms",
    "max of POST /predict < 1500 ms",
    "fail of POST /predict < 1 %",
    "watch: count of POST /predict >= 100",
)
# Steadiness has tests of its own; runs of seconds on a busy machine must not fail for want of it.
WARM_UP = WarmUpRule(seconds=1.0, needed=2, most=10, tolerance=1.0)
LOAD = LoadLevel(users=4, seconds=8.0)
_BUSY = {"generator", "late starts", "arrivals"}  # checks that fail when the machine has no time for us
_SENT_BEFORE = 100  # requests, before something happens to a load that runs
_NEWER = ("2", "sha256:" + "2" * 64)
_OLDER = ("1", "sha256:" + "1" * 64)


@dataclass(frozen=True, slots=True)
class Bench:
    """What one case works on: ``proxy`` leads to the service; ``other`` (``host:port``) serves another."""

    proxy: Proxy
    other: str

    def served(self) -> Served:
        """What stands behind the proxy now, asked past its toxics."""
        found = http.get_json(f"http://{self.proxy.upstream()}/version")
        return Served(
            digest=found.get("image_digest") or None, model_version=found.get("model_version") or None
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One thing done to a load run, before it or in its middle, and the verdict wanted then."""

    name: str
    did: str
    wanted: Verdict
    before: Callable[[Bench], object] | None = None
    during: Callable[[Bench], object] | None = None
    profile: str | Path = "classify"
    load: LoadLevel = LOAD


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case came to. ``seen`` is None when the gate gave no verdict at all; ``reason`` says why."""

    case: Case
    seen: Verdict | None
    reason: str
    folder: Path

    @property
    def ok(self) -> bool:
        return self.seen is self.case.wanted

    @property
    def said(self) -> str:
        """The verdict seen, or ``none``."""
        return self.seen.value if self.seen else "none"


def _stall(bench: Bench) -> None:
    bench.proxy.add("latency", {"latency": 60_000})
    threading.Event().wait(2.0)
    bench.proxy.remove("latency")


def _reset(bench: Bench) -> None:
    # Never hit itself, it makes toxiproxy end connections with a reset: so our own toxic's ends are.
    bench.proxy.add("reset_peer", {"timeout": 0}, toxicity=0.0)
    bench.proxy.add("answer", {"share": 0.05, "status": 0})


CASES = (
    Case("clean", "nothing", Verdict.PASS),
    Case(
        "latency",
        "400 ms more for every answer",
        Verdict.FAIL,
        before=lambda b: b.proxy.add("latency", {"latency": 400}),
    ),
    Case(
        "errors",
        "503 in place of every 20th answer",
        Verdict.FAIL,
        before=lambda b: b.proxy.add("answer", {"share": 0.05, "status": 503}),
    ),
    Case("resets", "every 20th answer a reset connection", Verdict.FAIL, before=_reset),
    Case("stall", "no answer for 2 s", Verdict.FAIL, during=_stall, load=LoadLevel(0, 10.0, 40.0, "constant")),  # noqa: E501
    Case("too few", "two requests a second, for 6 s", Verdict.INCONCLUSIVE, load=LoadLevel(0, 6.0, 2.0, "constant")),  # noqa: E501
    Case(
        "no data",
        "users who send nothing",
        Verdict.INVALID,
        profile=Path(selftest.__path__[0]) / "idle.py",
        load=LoadLevel(users=4, seconds=3.0),
    ),
    Case(
        "dead generator",
        "the generator killed in the run",
        Verdict.INVALID,
        during=lambda b: generator.kill(b.proxy.url),
    ),
    Case(
        "changed service",
        "another model answers from the middle on",
        Verdict.INVALID,
        during=lambda b: b.proxy.lead_to(b.other),
    ),
)  # fmt: skip


def run(folder: Path, *, site: Site | None = None, cases: Sequence[Case] = CASES) -> tuple[Outcome, ...]:
    """Every case against staging of ``site``, or without one against a small service on loopback.

    Each case leaves a run folder in ``folder``. Raises ``CxError`` when it cannot even begin, as when
    staging doesn't answer: a fault that was there before proves nothing.
    """
    if site:
        http.get_json(site.url("staging") + "/version")
    toolchain.ensure(["toxiproxy"])
    with progress.stage("self-test of the gate"), ExitStack() as stack:
        toxic = stack.enter_context(toxiproxy.running(toolchain.program("toxiproxy")))
        upstream = _address(site) if site else stack.enter_context(_service(*_OLDER))
        other = stack.enter_context(_service(*_NEWER))
        tasks = [partial(_try, case, toxic, upstream, other, folder) for case in cases]
        return tuple(run_all(tasks, at_once=AT_ONCE))


def new_folder(parent: Path | None) -> Path:
    """A folder of this self-test's own in ``parent``, or beside the runs of the features."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-selftest-{secrets.token_hex(2)}"
    return (parent or runs_root()) / name


def _address(site: Site) -> str:
    return site.url("staging").removeprefix("http://")


@contextmanager
def _service(version: str, digest: str) -> Iterator[str]:
    """A small service of ours on loopback that says it serves that; its ``host:port``."""
    argv = [sys.executable, "-m", "cxlib.selftest.service", version, digest]
    with process.background(argv, cwd=CHECKOUT) as child:
        yield toxiproxy.first_line(child, "the small service")


def _try(case: Case, toxic: Toxiproxy, upstream: str, other: str, folder: Path) -> Outcome:
    """The case's outcome; a run for which the machine was too busy is no word of the gate's: once more."""
    name = case.name.replace(" ", "-")
    for number in (1, 2):
        here = folder / f"{name}-{number}"
        try:
            result = _driven(case, Bench(toxic.proxy(here.name, upstream), other), here)
        except CxError as exc:
            return Outcome(case, None, str(exc), here)
        broken = {check.name for check in result.outcome.checks if not check.ok}
        if not broken or not broken <= _BUSY:
            break
        progress.note(f"self-test, {case.name}: the machine was too busy: {result.outcome.reason}")
    return Outcome(case, result.verdict, result.outcome.reason, here)


def _driven(case: Case, bench: Bench, folder: Path) -> gate.GateResult:
    if case.before:
        case.before(bench)
    with _disturbed(case, bench, folder / "locust.log"):
        return gate.run_gate(
            name=f"self-test, {case.name}",
            host=bench.proxy.url,
            profile=case.profile,
            criteria_lines=CRITERIA,
            levels=[case.load],
            served=bench.served,
            folder=folder,
            site="selftest",
            warm_up=WARM_UP,
        )


@contextmanager
def _disturbed(case: Case, bench: Bench, log: Path) -> Iterator[None]:
    """The body is a load run; in its middle happens what ``case`` says. Raises ``Unrecoverable`` when
    the body ended before that, and what the disturbance itself raised."""
    ended = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="disturbance") as pool:
        happened = pool.submit(_disturb, case, bench, log, ended)
        try:
            yield
        finally:
            ended.set()
        happened.result()


def _disturb(case: Case, bench: Bench, log: Path, ended: threading.Event) -> None:
    def look() -> Look[None]:
        told = re.findall(r"(\d+) requests", log.read_text(encoding="utf-8")) if log.is_file() else []
        sent = int(told[-1]) if told else 0
        return Look(f"{sent} requests", done=sent >= _SENT_BEFORE, hopeless=ended.is_set())

    if case.during:
        wait_until(
            f"load of {case.name}", look, wanted=f"{_SENT_BEFORE} requests", within=Budget.BOOT, every=0.2
        )
        case.during(bench)
