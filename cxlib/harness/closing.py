"""The end of a run: whether it is green, and what a person reads last."""

from __future__ import annotations

import dataclasses
import enum
import json
import shlex
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from _pytest.terminal import TerminalReporter

from cxlib.ending import Ending
from cxlib.errors import duration
from cxlib.harness import github, nights, redact, secrets, summary
from cxlib.harness.display import Display
from cxlib.harness.state import Run
from cxlib.judge.nights import told as in_words
from cxlib.model.night import History
from cxlib.report.run_record import RunRecord, ScenarioRecord, StageRecord


class Closing:
    """Decides the exit status, writes the report and prints the summary."""

    def __init__(self, run: Run, display: Display, ending: Ending) -> None:
        self._run, self._display, self._ending = run, display, ending
        self._record: RunRecord | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._ending.finishing()
        self._display.close()
        secrets.learn(self._run.site)
        reasons = not_green(self._run)
        if reasons and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._record = _run_record(self._run, reasons, nights.close(self._run))
        self._write_report(self._record)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        if self._record:
            _print(terminalreporter, self._run, self._record)
            github.tell(self._record, terminalreporter.write_line)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:  # noqa: ARG002
        redact.sweep(self._run.folder)
        self._ending.restore()
        self._ending.leave_no_one(int(pytest.ExitCode.INTERRUPTED))

    def _write_report(self, record: RunRecord) -> None:
        from cxlib.report.run import render

        (self._run.folder / "report.html").write_text(redact.redact(render(record)))
        told = json.dumps(dataclasses.asdict(record), default=_plain, indent=1)
        (self._run.folder / "record.json").write_text(redact.redact(told) + "\n")


def _plain(thing: object) -> str:
    return str(thing.value if isinstance(thing, enum.Enum) else thing)


def not_green(run: Run) -> tuple[str, ...]:
    """Why this run is not green; empty when every selected scenario ran and passed."""
    by_status = Counter(record.status for record in run.scenarios)
    missing = run.selected - len(run.scenarios)
    reasons = []
    if not run.selected:
        reasons.append("nothing ran: no scenario was selected")
    for status in ("failed", "skipped", "interrupted"):
        if by_status[status]:
            reasons.append(f"{_scenarios(by_status[status])} {status}")
    if missing and run.selected:
        reasons.append(f"{_scenarios(missing)} never ran")
    if by_status["skipped"]:
        reasons.append("a skipped scenario proves nothing")
    return tuple(reasons)


def _scenarios(count: int) -> str:
    return f"{count} scenario" + ("" if count == 1 else "s")


def _run_record(run: Run, reasons: tuple[str, ...], history: tuple[History, ...]) -> RunRecord:
    verdict = "INTERRUPTED" if run.interrupted else "NOT GREEN" if reasons else "GREEN"
    links = [("JUnit", "junit.xml")] + ([("the nights as JSON", "nightly.json")] if history else [])
    for label, path in summary.links():
        inside = path.is_relative_to(run.folder)
        links.append((label, str(path.relative_to(run.folder) if inside else path)))
    return RunRecord(
        site=run.site.name,
        environment=run.environment,
        started=run.started,
        seconds=time.monotonic() - run.began,
        verdict=verdict,
        part=run.part,
        reasons=reasons,
        scenarios=tuple(run.scenarios),
        stages=_stages(run),
        facts=tuple((key, redact.redact(value)) for key, value in summary.facts()),
        links=tuple(links),
        rerun=_rerun(run),
        counts=dict(Counter(record.status for record in run.scenarios)),
        gates=github.gates(run.folder),
        history=history,
    )


def _stages(run: Run) -> tuple[StageRecord, ...]:
    """One row a stage, in order of their ends; one that ran twice counts once, with all of its time."""
    merged: dict[str, StageRecord] = {}
    for stage in run.stages:
        before = merged.get(stage.name)
        seconds = stage.seconds + (before.seconds if before else 0.0)
        outcome = before.outcome if before and before.outcome != "done" else stage.outcome
        merged[stage.name] = StageRecord(stage.name, seconds, outcome)
    return tuple(merged.values())


def _rerun(run: Run) -> str:
    """The command that runs just the first scenario that did not pass."""
    broken = _broken(run)
    if not broken:
        return ""
    options = f"--env={run.environment}{_at(run)}"
    marks = [tag for tag in broken[0].tags if tag in ("nightly", "teardown")]
    return f"pytest {shlex.quote(broken[0].node)} {options}" + (f" -m {marks[0]}" if marks else "")


def _broken(run: Run) -> list[ScenarioRecord]:
    return [record for record in run.scenarios if record.status != "passed"]


def _print(out: TerminalReporter, run: Run, record: RunRecord) -> None:
    green = record.verdict == "GREEN"
    counts = ", ".join(f"{n} {status}" for status, n in record.counts.items()) or "nothing ran"
    out.section(f"{record.environment} on {record.site}", sep="=", bold=True)
    out.write_line(
        f"{record.title}  {counts} in {duration(record.seconds)}",
        green=green,
        red=not green,
        bold=True,
    )
    for reason in record.reasons:
        out.write_line(f"  because {reason}")
    _table(out, "Proven", record.facts)
    _table(out, "Time", [(s.name, f"{duration(s.seconds)}  {s.outcome}") for s in record.stages])
    _print_causes(out, run)
    _table(out, "Nights", _nights(record.history))
    links = [("Report", "report.html"), *record.links]
    _table(out, "Where", [(label, str(run.shown(run.folder / at))) for label, at in links])
    _table(out, "Next", [("", line) for line in _next(run, record)])


def _nights(history: Sequence[History]) -> list[tuple[str, str]]:
    """The checks that are red, were mended, or flip; the others in one line."""
    shown = [one for one in history if one.red or one.change or one.flips > 1]
    rows = [(one.check, f"{one.strip}  {in_words(one)}") for one in shown]
    quiet = len(history) - len(shown)
    return rows + ([(f"{quiet} more", "green")] if quiet else [])


def _print_causes(out: TerminalReporter, run: Run) -> None:
    """What failed, once a cause: a failed stage fails every scenario that stands on it."""
    causes: dict[str, list[ScenarioRecord]] = {}
    for record in _broken(run):
        causes.setdefault(record.cause, []).append(record)
    if causes:
        out.write_line("Failed", bold=True)
    for cause, records in causes.items():
        out.write_line(f"  {records[0].feature}: {records[0].name}", red=True)
        if len(records) > 1:
            out.write_line(f"    and {_scenarios(len(records) - 1)} more of the same cause")
        out.write_line(f"    {cause}")
        if records[0].diagnostics:
            out.write_line(f"    diagnostics: {records[0].diagnostics}")


def _table(out: TerminalReporter, title: str, rows: Iterable[tuple[str, str]]) -> None:
    rows = list(rows)
    if not rows:
        return
    out.write_line(title, bold=True)
    width = max(len(key) for key, _ in rows)
    for key, value in rows:
        out.write_line(f"  {key.ljust(width)}{'  ' if width else ''}{value}")


def _next(run: Run, record: RunRecord) -> list[str]:
    if record.history:
        mend = [f"see what disagrees, and what mends it: cx status{_at(run)}", f"mend it: {_whole(run)}"]
        return ([f"this one again: {record.rerun}", *mend] if record.rerun else []) + [
            f"look again: pytest features/ -m nightly --env={run.environment}{_at(run)}"
        ]
    if run.interrupted:
        return [f"go on where it stopped: {_whole(run)}"]
    if record.rerun:
        return [f"this one again: {record.rerun}", f"all of it: {_whole(run)}"]
    if record.verdict != "GREEN":
        return ["see what would run: pytest features/ --plan"]
    if record.part:
        return [f"all of it: {_whole(run)}"]
    return [
        f"again, which changes nothing: {_whole(run)}",
        f"how it stands: cx status{_at(run)}",
        f"take it down: cx down{_at(run)}",
    ]


def _whole(run: Run) -> str:
    return f"pytest features/ --env={run.environment}{_at(run)}"


def _at(run: Run) -> str:
    """The option that names the site, where it isn't the one that is meant without."""
    return "" if run.site.name == "local" else f" --site={run.site.name}"
