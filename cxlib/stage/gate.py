"""A load gate: read the criteria, drive the load, judge, extend once, write the evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib import progress
from cxlib.clients import locustfile
from cxlib.errors import ConfigError, CxError, GateClosed, ProcessFailed
from cxlib.evidence.statement import Subject, is_digest
from cxlib.model.criterion import Gate
from cxlib.model.grammar import parse_gate
from cxlib.model.verdict import GateVerdict, Verdict
from cxlib.stage import chart
from cxlib.stage.history import metric_name

if TYPE_CHECKING:
    from cxlib.clients.locust import Generate
    from cxlib.judge.baseline import Refused
    from cxlib.judge.warmup import WarmUpRule
    from cxlib.model.load import Load, LoadLevel
    from cxlib.model.run import Run, Served
    from cxlib.model.sample import Samples
    from cxlib.report.context import Context


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate that was judged, and where its evidence lies.

    ``served`` is what answered at the end, or at the start where the end didn't tell.
    ``extended_seconds`` is by how much the load was extended, for want of samples; 0 when it was not.
    """

    outcome: GateVerdict
    folder: Path
    served: Served
    extended_seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        return self.outcome.verdict

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    def about(self, digest: str, version: str) -> Subject:
        """The image that the verdict is about, where ``digest`` is the one that was meant to be served.

        A service that went down under the load can't name its own, and a FAIL about none would revoke
        nothing. A PASS is about what answered, and nothing else.
        """
        answered = Subject(self.served.digest or "", self.served.model_version or "")
        if self.verdict is Verdict.PASS or is_digest(answered.digest):
            return answered
        return Subject(digest, version)

    def files(self) -> tuple[Path, ...]:
        """What is worth keeping: run, samples, verdict and report, those that are there."""
        names = ("run.json", "samples.parquet", "verdict.json", "report.html")
        return tuple(p for name in names if (p := self.folder / name).is_file())

    def metrics(self) -> dict[str, float]:
        """The measured values by criterion, names fit for MLflow, in each criterion's unit."""
        found = {"extended_seconds": self.extended_seconds}
        for c in self.outcome.criteria:
            if c.value is not None:
                found[metric_name(c.text)] = c.value
        return found

    def summary(self) -> str:
        """One or two lines: the verdict, why, and where to read on."""
        said = f"gate '{self.outcome.gate}' is {self.verdict.value}: {self.outcome.reason}"
        more = f" (after {self.extended_seconds:g} s more of the same load)" if self.extended_seconds else ""
        return f"{said}{more}\nreport: {self.report}"


def run_gate(
    *,
    name: str,
    host: str,
    profile: str | Path,
    criteria_lines: Sequence[str],
    levels: Sequence[LoadLevel],
    served: Callable[[], Served],
    folder: Path,
    site: str = "local",
    warm_up: WarmUpRule | None = None,
    baseline: tuple[Run, Samples] | Refused | None = None,
    generate: Generate | None = None,
) -> GateResult:
    """Drive ``host`` (a base URL) with the load ``profile`` and judge the samples.

    ``served`` is asked what answers, before and after, and may raise ``CxError``: then it is unknown.
    ``baseline`` is the accepted run that criteria may compare with, or why it can't be had.
    ``generate`` is who sends the load, as ``locust.run`` says. An INCONCLUSIVE run is extended once by
    the same levels again, an amount that nobody chose after seeing it. ``folder`` gets run.json,
    samples.parquet, verdict.json and report.html; it must not hold a run yet.

    Raises ``ConfigError`` before any load is sent, and what ``locust.run`` raises.
    A verdict other than PASS is returned, not raised: see ``require_pass``.
    """
    from cxlib.clients import locust
    from cxlib.judge import gate as judging

    gate, path = prepare(name, profile, criteria_lines, levels)
    if (folder / "run.json").exists():
        raise ConfigError(str(folder), "it holds a run already", "Give every run a folder of its own")
    rule = warm_up or judging.WARM_UP

    def measure() -> tuple[Run, Samples, GateVerdict]:
        run, samples = locust.run(
            path, host=host, levels=levels, folder=folder, site=site, served=served, generate=generate
        )
        endpoints = [c.endpoint for c in gate.criteria]  # checked before, as far as that could be
        outcome = judging.judge(run, samples, gate, rule, declared=endpoints, baseline=baseline)
        return run, samples, outcome

    try:
        run, samples, outcome = measure()
    except ProcessFailed as exc:
        if exc.code >= 0:
            raise  # it ended by itself: a locustfile that breaks, which its author has to mend
        return _killed(gate, folder, served, exc)
    extended = sum(level.seconds for level in levels) if outcome.verdict is Verdict.INCONCLUSIVE else 0.0
    if extended:
        progress.note(f"gate '{name}' is inconclusive, {extended:g} s more of the same: {outcome.reason}")
        run, samples, outcome = measure()
    write_evidence(folder, run, samples, outcome, baseline)
    progress.note(f"gate '{name}': {outcome.verdict.value}, {outcome.reason}")
    answered = run.served.end if run.served.end.digest else run.served.start
    return GateResult(outcome, folder, answered, extended)


def _killed(gate: Gate, folder: Path, served: Callable[[], Served], exc: ProcessFailed) -> GateResult:
    """A generator that somebody else ended has measured nothing, which is a verdict and no error."""
    from cxlib.judge import gate as judging
    from cxlib.model.run import Served

    outcome = judging.broken(gate, f"the generator was ended by signal {-exc.code} in the run")
    text = json.dumps(outcome.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "verdict.json").write_text(text + "\n", encoding="utf-8")
    progress.note(f"gate '{gate.name}': {outcome.verdict.value}, {outcome.reason}")
    try:
        return GateResult(outcome, folder, served())
    except CxError:
        return GateResult(outcome, folder, Served(digest=None, model_version=None))


def text(
    criteria: Sequence[str],
    load: Load | None = None,
    profiles: Path = locustfile.FOLDER,
    charts: Path = chart.HERE,
) -> tuple[str, ...]:
    """All that defines a gate, a line each: its criteria, the load under which they must hold, and the chart
    by which the service runs.

    Evidence is of this text, and a change of any of it makes that void: the criteria, the levels, how
    arrivals come, the profile's name and what the profile is made of, the chart. Raises ``ConfigError``.
    """
    if load is None:
        return tuple(criteria)
    under = load.lines(locustfile.sha256(locustfile.find(load.profile, profiles)))
    return (*criteria, *under, f"chart sha256:{chart.sha256(charts)}")


def prepare(
    name: str, profile: str | Path, criteria_lines: Sequence[str], levels: Sequence[LoadLevel]
) -> tuple[Gate, Path]:
    """The gate and its locustfile. Raises ``ConfigError`` for all that can be known without load."""
    from cxlib.clients import locust
    from cxlib.judge import gate as judging

    gate = parse_gate(name, criteria_lines)
    if not gate.blocking:
        raise ConfigError(f"gate '{name}'", "every criterion only watches", "Take 'watch:' from one of them")
    locust.check(levels)
    judging.check_levels(gate, levels)
    path = profile if isinstance(profile, Path) else locustfile.find(profile)
    known = locustfile.endpoints(path)
    if known is not None:
        judging.check_endpoints(gate, known)
    return gate, path


def write_evidence(
    folder: Path,
    run: Run,
    samples: Samples,
    outcome: GateVerdict,
    baseline: tuple[Run, Samples] | Refused | None = None,
) -> None:
    """Write verdict.json and report.html into ``folder``."""
    from cxlib.report import load

    text = json.dumps(outcome.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "verdict.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(
        load.render(run, samples, outcome, baseline=_drawable(baseline)), encoding="utf-8"
    )


def draw(
    folder: Path, outcome: GateVerdict, baseline: tuple[Run, Samples] | Refused | None, context: Context
) -> str:
    """The report on the run in ``folder``, with its provenance and history; also when it can't be read."""
    from cxlib.clients import runfolder
    from cxlib.report import load

    try:
        run, samples = runfolder.read(folder)
    except runfolder.BrokenRun:
        return load.render_verdict(outcome, context=context)
    return load.render(run, samples, outcome, baseline=_drawable(baseline), context=context)


def _drawable(baseline: tuple[Run, Samples] | Refused | None) -> tuple[Run, Samples] | None:
    return baseline if isinstance(baseline, tuple) else None


def require_pass(result: GateResult) -> None:
    """Raises ``GateClosed`` with the verdict's exit code (3 FAIL, 4 INCONCLUSIVE, 5 INVALID)."""
    if result.verdict is not Verdict.PASS:
        raise GateClosed(result.summary(), result.verdict.exit_code)
