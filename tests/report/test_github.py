"""What GitHub is told of a run."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cxlib.model.night import History
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from cxlib.report.github import MOST_BYTES, commands, job_summary
from cxlib.report.run_record import RunRecord, ScenarioRecord, StageRecord, StepRecord

NOW = datetime(2026, 11, 24, 3, 23, tzinfo=UTC)
FAILED = ScenarioRecord(
    node="features/05_staging.feature::x", file="features/05_staging.feature", feature="Staging",
    name="Fast | <b>", tags=(), status="failed", seconds=1.0, cause="wanted 1 %, saw\n2",
    steps=(StepRecord("Given", "staging", 6, "passed", 1.0), StepRecord("Then", "it is", 9, "failed", 1.0)),
    error="line 1\n\nline <3>",
)  # fmt: skip
PASSED = ScenarioRecord("n", "f", "Site", "Well", (), "passed", 1.0)
GATE = GateVerdict(
    "staging", Verdict.FAIL, "p95 is too high",
    (CriterionResult("p95 of POST / < 30 ms at 1 users", Verdict.FAIL, "5 of 9 | m", 30.0, "ms", value=41.5,
                     low=40.0, high=43.0, n=9),
     CriterionResult("fail of POST /predict < 1 % at 8 users", Verdict.INVALID, "no samples", 1.0, "%")),
)  # fmt: skip


def record(*scenarios: ScenarioRecord, **other: object) -> RunRecord:
    made: dict[str, object] = {
        "site": "local", "environment": "staging", "started": NOW, "seconds": 61.0, "verdict": "NOT GREEN",
        "reasons": ("1 scenario failed",), "scenarios": scenarios, "counts": {"passed": 1, "failed": 1},
        "facts": (("model version", "7"),), "links": (("JUnit", "junit.xml"),),
        "stages": (StageRecord('04 "model"', 30.5, "done"), StageRecord("quick", 0.2, "done")),
    }  # fmt: skip
    return RunRecord(**{**made, **other})  # type: ignore[arg-type]


def test_annotation_stands_at_the_step_that_failed() -> None:
    """GitHub shows it in the feature file; what would end the command early is escaped."""
    (line,) = commands(record(PASSED, FAILED))
    assert line == ("::error file=features/05_staging.feature,line=9,title=Fast | <b>::wanted 1 %25, saw%0A2")


def test_title_with_commas_and_colons_stays_one_property() -> None:
    """`,` would begin the next property, `::` the message."""
    named = ScenarioRecord("n", "f,x", "F", "a: b, c", (), "skipped", 1.0)
    (line,) = commands(record(named))
    assert line == "::error file=f%2Cx,line=1,title=a%3A b%2C c::"


def test_summary_says_the_verdict_first_then_why() -> None:
    """A reviewer reads one line."""
    text = job_summary(record(PASSED, FAILED, gates=(GATE,)))
    head, counts, reason, *_ = text.split("\n\n")
    assert head == "## ❌ NOT GREEN: staging on local"
    assert counts == "1 passed, 1 failed in 1m01s, 2026-11-24 03:23 UTC"
    assert reason == "- because 1 scenario failed"


def test_summary_of_a_part_says_so_in_its_head() -> None:
    """Green of three scenarios isn't green of all."""
    text = job_summary(record(PASSED, verdict="GREEN", reasons=(), part="3 of 25 scenarios"))
    assert text.startswith("## ✅ GREEN (3 of 25 scenarios): staging on local\n")


def test_summary_has_gates_facts_and_files_as_tables() -> None:
    """Each row has as many cells as its head, whatever is in it."""
    text = job_summary(record(PASSED, FAILED, gates=(GATE,)))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert (
        "| ❌ FAIL | p95 of POST / &lt; 30 ms at 1 users | 41.5 ms | 40 to 43, limit 30 | 5 of 9 \\| m |"
        in rows
    )
    assert (
        "| ⚠️ INVALID | fail of POST /predict &lt; 1 % at 8 users | none | ? to ?, limit 1 | no samples |"
        in rows
    )
    assert "| model version | 7 |" in rows
    assert "| JUnit | junit.xml |" in rows


def test_nothing_of_a_run_is_taken_for_markdown_or_html() -> None:
    """Names and errors come from users and programs."""
    text = job_summary(record(FAILED, facts=(("a", "<script>|`x`"),)))
    assert "<script>" not in text
    assert "<b>" not in text.replace("<b> (", "")
    assert "<pre>line 1&#10;&#10;line &lt;3&gt;</pre>" in text
    assert "| a | &lt;script&gt;\\|'x' |" in text


def test_plots_are_mermaid_with_numbers_and_quoted_names() -> None:
    """SVG and scripts are not drawn there; a quote in a name would end Mermaid's string."""
    text = job_summary(record(FAILED, gates=(GATE,)))
    plots = re.findall(r"```mermaid\n(.*?)\n```", text, re.S)
    assert len(plots) == 2
    assert "bar [41.5, 30]" in plots[0]
    assert "line [30, 30]" in plots[0]
    assert 'x-axis ["1. p95, 1 users", "allowed"]' in plots[0]
    assert "x-axis [\"04 'model'\"]" in plots[1]


def test_nights_are_in_the_summary() -> None:
    """The morning's reader may never open the report."""
    row = History("Drift", True, "still", NOW, 3, 4, 30, "✓✗✗✗", "changed")
    text = job_summary(record(FAILED, history=(row,)))
    assert "| Drift | ✓✗✗✗ | red for 3 nights, since 2026-11-24, flipped 4 times in 30 nights |" in text


def test_summary_stays_below_what_github_takes() -> None:
    """One byte more and GitHub shows none of it."""
    huge = ScenarioRecord("n", "f", "F", "ä" * 100_000, (), "failed", 1.0, error="ß" * 100_000)
    text = job_summary(record(*[huge] * 40))
    assert len(text.encode()) <= MOST_BYTES + 100
    assert text.startswith("## ❌ NOT GREEN")
    assert text.endswith("the report has the rest\n")
