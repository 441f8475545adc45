"""Watches a run of the features: its steps, their times, their failures; shows each as it ends."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest
from _pytest._code import ExceptionInfo
from pytest_bdd.parser import Step

from cxlib.errors import CxError, PreflightFailed, duration
from cxlib.harness import diagnostics, secrets
from cxlib.harness.collection import ScenarioItem
from cxlib.harness.display import Display
from cxlib.harness.redact import redact
from cxlib.harness.state import Open, Run, label
from cxlib.report.run_record import ScenarioRecord, Status, StepRecord

INTERRUPTED_WITHIN_SECONDS = 3.0
_MARKS = {"passed": ("✓", "green"), "skipped": ("○", "yellow"), "interrupted": ("■", "yellow")}


class InterruptedByHand(CxError):
    """Ctrl-C or SIGTERM ended the run during a scenario."""


class Recorder:
    """Hooks of pytest and pytest-bdd, registered only for runs that execute scenarios."""

    def __init__(self, run: Run, display: Display, *, quiet: bool) -> None:
        self._run, self._display, self._quiet = run, display, quiet
        self._feature = ""
        self._diagnosed: list[tuple[BaseException, str]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        if not isinstance(item, ScenarioItem):
            return (yield)
        self._run.now = Open(item)
        self._head(item)
        result = yield
        # Not in a finally: after Ctrl-C, pytest_keyboard_interrupt still asks for what was running.
        self._display.doing(None)
        self._run.now = None
        return result

    def pytest_bdd_before_step(self, request: pytest.FixtureRequest, step: Step) -> None:
        if self._run.now:
            self._run.now.begin(step)
            self._display.doing(f"{request.node.scenario.name} ▸ {step.keyword} {step.name}")

    def pytest_bdd_after_step(self) -> None:
        if self._run.now:
            self._run.now.end("passed")

    def pytest_bdd_step_error(self, exception: BaseException) -> None:
        now = self._run.now
        if now is None:
            return
        now.end("failed")
        now.diagnostics = self._diagnose(now, exception, diagnostics.WITHIN_SECONDS)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        report.sections = [(title, redact(text)) for title, text in report.sections]
        if isinstance(item, ScenarioItem) and (call.when == "call" or not report.passed):
            self._settle(item, call, report)
            if call.excinfo and isinstance(call.excinfo.value, PreflightFailed):
                item.session.shouldstop = "this machine is not ready; see the table above"
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Scenarios are shown by ``_show``; pytest's own letters only with ``-v``."""
        ours = isinstance(report, pytest.TestReport) and ".feature::" in report.nodeid
        if not (self._quiet and ours):
            return None
        if hasattr(report, "wasxfail"):
            return "xfailed" if report.skipped else "xpassed", "", ""
        if report.passed:
            return ("passed" if report.when == "call" else ""), "", ""
        return ("error" if report.failed and report.when != "call" else report.outcome), "", ""

    def pytest_keyboard_interrupt(self, excinfo: ExceptionInfo[BaseException]) -> None:
        """Ctrl-C: pytest makes no report of the scenario that was running, so ours does."""
        now = self._run.now
        if not isinstance(excinfo.value, KeyboardInterrupt):
            return
        self._run.interrupted = True
        self._display.doing(None)
        if now is None:
            return
        where = f" at: {now.step.keyword} {now.step.name}" if now.step else ""
        error = InterruptedByHand(f"interrupted after {duration(time.monotonic() - now.began)}{where}")
        now.end("interrupted")
        now.diagnostics = self._diagnose(now, excinfo.value, INTERRUPTED_WITHIN_SECONDS)
        _report(now.item, error)

    def _diagnose(self, now: Open, exception: BaseException, within: float) -> str:
        """Collect diagnostics once a failure: a stage that failed fails every scenario that needs it."""
        for earlier, shown in self._diagnosed:
            if earlier is exception:
                return shown
        folder = self._run.folder / "diagnostics" / label(now.item)
        secrets.learn(self._run.site)
        self._display.doing("collecting diagnostics")
        failed = diagnostics.collect(folder, within=within)
        if failed:
            self._display.note(f"diagnostics without {', '.join(failed)}")
        shown = str(self._run.shown(folder)) if folder.exists() else ""
        self._diagnosed.append((exception, shown))
        return shown

    def _settle(self, item: ScenarioItem, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
        """The scenario's outcome is known: keep it for the reports and show it."""
        now = self._run.now
        if now is None:
            return
        record = _record(now, _status(call, report), report)
        earlier = self._run.scenarios[-1] if self._run.scenarios else None
        if earlier and earlier.node == record.node:  # its teardown failed, too
            self._run.scenarios.pop()
        self._run.scenarios.append(record)
        item.user_properties[:] = _properties(record)
        self._show(record)

    def _head(self, item: ScenarioItem) -> None:
        feature = item.template.feature.name
        if self._quiet and feature != self._feature:
            self._display.line(f"\n{item.path.stem.partition('_')[0]} {feature}", "bold")
        self._feature = feature

    def _show(self, record: ScenarioRecord) -> None:
        if not self._quiet:
            return
        mark, colour = _MARKS.get(record.status, ("✗", "red"))
        self._display.line(f"  {mark} {record.name}  {duration(record.seconds)}", colour)
        if record.status != "passed":
            last = record.steps[-1].text if not record.steps else _stopped_at(record.steps)
            for text in filter(None, (last, record.cause)):
                self._display.line(f"      {text}")


def _stopped_at(steps: tuple[StepRecord, ...]) -> str:
    return next((step.text for step in steps if step.status not in ("passed", "not run")), "")


def _status(call: pytest.CallInfo[Any], report: pytest.TestReport) -> Status:
    if call.excinfo and isinstance(call.excinfo.value, InterruptedByHand):
        return "interrupted"
    if report.skipped:  # pytest.skip(), or an xfail
        return "skipped"
    return "passed" if report.passed and not hasattr(report, "wasxfail") else "failed"


def _record(now: Open, status: Status, report: pytest.TestReport) -> ScenarioRecord:
    item, scenario = now.item, now.item.scenario
    if status == "skipped" and now.step:
        now.end("skipped")
    rest = scenario.steps[len(now.steps) :]
    left = tuple(StepRecord(s.keyword, s.name, s.line_number, "not run", 0.0) for s in rest)
    crash = getattr(report.longrepr, "reprcrash", None)
    cause = crash.message if crash else ""
    if status == "skipped":
        cause = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
    return ScenarioRecord(
        node=item.nodeid,
        file=str(item.path.relative_to(item.config.rootpath)),
        feature=item.template.feature.name,
        name=scenario.name,
        tags=tuple(sorted(item.tags)),
        status=status,
        seconds=time.monotonic() - now.began,
        steps=(*now.steps, *left),
        cause=cause,
        error=str(report.longrepr) if status in ("failed", "interrupted") else "",
        diagnostics=now.diagnostics,
    )


def _properties(record: ScenarioRecord) -> list[tuple[str, object]]:
    """The scenario and its steps as JUnit shows them."""
    steps = [
        (f"step {number}", f"{step.text} | {step.status} | {step.seconds:.2f} s")
        for number, step in enumerate(record.steps, 1)
    ]
    head = [("feature", record.feature), ("scenario", record.name), ("tags", " ".join(record.tags))]
    tail = [("diagnostics", record.diagnostics)] if record.diagnostics else []
    return [(name, value) for name, value in (*head, *steps, *tail) if value]


def _report(item: ScenarioItem, error: InterruptedByHand) -> None:
    """Tell JUnit, the summary and ``--lf`` that ``item`` was interrupted."""

    def fail() -> None:
        raise error

    for when, what in (("call", fail), ("teardown", lambda: None)):
        call = pytest.CallInfo.from_call(what, when=when)  # type: ignore[arg-type]
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        item.ihook.pytest_runtest_logreport(report=report)
