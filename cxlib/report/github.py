"""A run as GitHub shows it: annotations beside the feature files, and a job summary in Markdown.

A summary may have 1 MiB; tables and Mermaid's diagrams are drawn, scripts, styles and SVG are not.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from cxlib.errors import duration
from cxlib.judge.nights import told
from cxlib.model.verdict import CriterionResult, GateVerdict
from cxlib.report.run_record import RunRecord, ScenarioRecord

MOST_BYTES = 1_000_000
_MOST_FAILURES = 20
_MOST_ERROR_CHARACTERS = 3_000
_MARKS = {"PASS": "✅", "GREEN": "✅", "passed": "✅", "failed": "❌", "FAIL": "❌", "NOT GREEN": "❌"}


def commands(record: RunRecord) -> list[str]:
    """A workflow command for each scenario that didn't pass: GitHub shows it at the line that failed."""
    return [_error(one) for one in record.scenarios if one.status != "passed"]


def _error(one: ScenarioRecord) -> str:
    where = f"file={_property(one.file)},line={_line(one)},title={_property(one.name)}"
    return f"::error {where}::{_data(one.cause)}"


def job_summary(record: RunRecord) -> str:
    """The run in Markdown, at most ``MOST_BYTES`` long; the verdict comes first."""
    counts = ", ".join(f"{n} {status}" for status, n in record.counts.items()) or "nothing ran"
    parts = [
        f"## {_title(record)}: {_cell(record.environment)} on {_cell(record.site)}",
        f"{counts} in {duration(record.seconds)}, {record.started:%Y-%m-%d %H:%M} UTC",
        *(f"- because {_cell(reason)}" for reason in record.reasons),
        *_failures(record),
        *_nights(record),
        *(part for gate in record.gates for part in _gate(gate)),
        *_section("Environments and versions", ("what", "seen"), record.facts),
        *_times(record),
        *_section("Files of the run", ("what", "where"), [("Report", "report.html"), *record.links]),
    ]
    text = "\n\n".join(parts) + "\n"
    raw = text.encode()
    if len(raw) <= MOST_BYTES:
        return text
    return (
        raw[:MOST_BYTES].decode(errors="ignore").rpartition("\n\n")[0] + "\n\n[…] the report has the rest\n"
    )


def _failures(record: RunRecord) -> list[str]:
    broken = [one for one in record.scenarios if one.status != "passed"]
    parts = ["### What did not pass"] if broken else []
    for one in broken[:_MOST_FAILURES]:
        where = f"`{_code(one.file)}:{_line(one)}`"
        text = html.escape(one.error[-_MOST_ERROR_CHARACTERS:] or one.cause, quote=False)
        # a blank line would end the block of HTML
        text = text.replace("\n", "&#10;")
        head = f"{html.escape(one.feature)}: {html.escape(one.name)} ({one.status})"
        parts.append(f"<details><summary>{head}</summary>\n\n{where}\n\n<pre>{text}</pre>\n</details>")
    if len(broken) > _MOST_FAILURES:
        parts.append(f"and {len(broken) - _MOST_FAILURES} more, in the report")
    if record.rerun:
        parts.append(f"That one again: `{_code(record.rerun)}`")
    return parts


def _nights(record: RunRecord) -> list[str]:
    rows = [(one.check, one.strip, told(one)) for one in record.history]
    return _section("Nights", ("check", "nights", "tonight"), rows)


def _gate(gate: GateVerdict) -> list[str]:
    rows = [(_mark(c.verdict.value), c.text, _number(c), _range(c), c.reason) for c in gate.criteria]
    title = f"Gate {gate.gate}: {_mark(gate.verdict.value)}, {gate.reason}"
    table = _section(title, ("verdict", "criterion", "value", "interval", "why"), rows)
    return [*(table or [f"### {_cell(title)}"]), *_bars(gate)]


def _bars(gate: GateVerdict) -> list[str]:
    """Each latency beside its limit, as bars and a line."""
    timed = [c for c in gate.criteria if c.unit == "ms" and c.value is not None]
    if not timed:
        return []
    names = [f"{n}. {_name(c.text)}" for n, c in enumerate(timed, 1)]  # two of one name would be one bar
    measured, allowed = [c.value or 0.0 for c in timed], [c.limit for c in timed]
    if len(timed) == 1:  # a line needs two points
        names, measured, allowed = [*names, "allowed"], measured + allowed, allowed * 2
    return _chart(
        f"{gate.gate}: measured (bars) and allowed (line)",
        names,
        f'y-axis "ms" 0 --> {max(*measured, *allowed) * 1.1:.0f}',
        [f"bar [{_numbers(measured)}]", f"line [{_numbers(allowed)}]"],
    )


def _name(criterion: str) -> str:
    """``watch: p95 of POST /predict < 30 ms at 8 users`` -> ``p95, 8 users``."""
    metric, _, rest = criterion.rpartition(": ")[2].partition(" of ")
    _, at, level = rest.rpartition(" at ")
    return f"{metric}, {level}" if at else metric


def _times(record: RunRecord) -> list[str]:
    stages = [stage for stage in record.stages if stage.seconds >= 1]
    if not stages:
        return []
    axis = f'y-axis "seconds" 0 --> {max(s.seconds for s in stages) * 1.1:.0f}'
    bars = [f"bar [{_numbers(s.seconds for s in stages)}]"]
    drawn = _chart("time of each stage", [s.name for s in stages], axis, bars, horizontal=True)
    return ["### Time", *drawn]


def _chart(
    title: str, labels: Sequence[str], axis: str, lines: Sequence[str], *, horizontal: bool = False
) -> list[str]:
    """https://mermaid.js.org/syntax/xyChart.html"""
    named = ", ".join(f'"{_label(label)}"' for label in labels)
    head = "xychart-beta horizontal" if horizontal else "xychart-beta"
    body = [head, f'title "{_label(title)}"', f"x-axis [{named}]", axis, *lines]
    return ["```mermaid\n" + "\n  ".join(body) + "\n```"]


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A heading and a table; nothing without rows."""
    listed = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    if not listed:
        return []
    top = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return [f"### {_cell(title)}", "\n".join([*top, *listed])]


def _title(record: RunRecord) -> str:
    return f"{_mark(record.verdict)} ({record.part})" if record.part else _mark(record.verdict)


def _mark(verdict: str) -> str:
    return f"{_MARKS.get(verdict, '⚠️')} {verdict}"


def _number(c: CriterionResult) -> str:
    return "none" if c.value is None else f"{c.value:.4g} {c.unit}"


def _range(c: CriterionResult) -> str:
    low, high = ("?" if bound is None else f"{bound:.4g}" for bound in (c.low, c.high))
    return f"{low} to {high}, limit {c.limit:g}"


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _line(one: ScenarioRecord) -> int:
    """Of the step that stopped it; the first line where none did."""
    stopped = (step.line for step in one.steps if step.status not in ("passed", "not run"))
    return next(stopped, one.steps[0].line if one.steps else 1)


def _cell(text: str) -> str:
    """``text`` on one line of Markdown, with nothing in it that Markdown or HTML would take for its own."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("`", "'")


def _code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")


def _label(text: str) -> str:
    """As a string of Mermaid's, which knows no escape and must not be empty."""
    return " ".join(text.split()).translate(str.maketrans('"`[];', "''(),")) or "-"


def _data(text: str) -> str:
    """As the runner reads a command's message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As the runner reads a command's property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
