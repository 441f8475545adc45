"""Two runs beside each other, and a gate's last runs, by page and by command."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from cxlib import cli
from cxlib.clients import runfolder
from cxlib.model.run import Run
from cxlib.model.sample import Samples
from cxlib.model.verdict import CriterionResult, Verdict
from cxlib.report import compare, past
from cxlib.report.compare import Side
from cxlib.report.context import OverrideMark, PastGate
from tests.judge.made import run, samples

SECONDS = 120.0


def measured(latency: float, seed: int, *, failed: int = 0, **changes: object) -> tuple[Run, Samples]:
    """Two minutes of lognormal latencies around ``latency`` seconds: enough blocks for an interval."""
    rng = np.random.default_rng(seed)
    made = samples(12_000, failed=failed, seconds=SECONDS)
    made.finished[:] = made.scheduled + rng.lognormal(np.log(latency), 0.3, len(made))
    level = [{"users": 8, "rate": 0, "start": 0.0, "end": SECONDS}]
    return run(levels=level, planned_seconds=SECONDS, actual_seconds=SECONDS + 0.1, **changes), made


def html(b: tuple[Run, Samples]) -> str:
    return compare.render(Side("first", *measured(0.010, 1)), Side("second", *b, "FAIL of staging"))


def headline(made: str) -> str:
    found = re.search(r"<h1>([^<]*)</h1>", made)
    assert found
    return found[1]


def test_a_run_that_is_slower_for_sure_is_called_worse() -> None:
    """+20 % on every request is what the comparison is there to find."""
    made = html(measured(0.012, 2))
    assert headline(made) == "4 surely worse, 0 surely better"
    for metric in ("p50", "p95", "p99", "avg"):
        assert f"{metric} of POST /predict at 8 users" in re.sub(r"<[^>]+>", "", made)


def test_a_faster_run_is_called_better() -> None:
    """The sign must not be turned around."""
    assert headline(html(measured(0.008, 2))) == "0 surely worse, 4 surely better"


def test_like_runs_do_not_differ_for_sure() -> None:
    """A comparison that finds something in noise is soon believed by nobody."""
    made = html(measured(0.010, 2))
    assert headline(made) == "0 surely worse, 0 surely better"
    assert "None of 6 values differs for sure" in made


def test_fewer_requests_a_second_are_worse() -> None:
    """Of all values this one is better when it is more."""
    slow = samples(9_000, seconds=SECONDS)
    level = [{"users": 8, "rate": 0, "start": 0.0, "end": SECONDS}]
    other = run(levels=level, planned_seconds=SECONDS, actual_seconds=SECONDS + 0.1)
    assert "rps of POST /predict at 8 users −25 %" in html((other, slow))


def test_runs_of_different_sites_are_not_compared() -> None:
    """Another machine's latencies say nothing about the change."""
    made = html(measured(0.020, 2, site="kvm:1234"))
    assert headline(made) == "! Not to be compared"
    assert "of another site" in made
    assert "✗ differs" in made


def test_both_distributions_are_drawn() -> None:
    """Numbers tell by how much, the lines tell where."""
    made = html(measured(0.012, 2))
    assert "run A, 8 users" in made
    assert 'class="line series0 before"' in made


def test_what_two_runs_have_in_common_can_be_nothing() -> None:
    """Then that is the answer, and no empty page."""
    made, other = measured(0.01, 2)
    other.name[:] = "GET /other"
    assert "no endpoint at a load level in common" in html((made, other))


def test_command_writes_the_comparison_beside_the_second_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cx report --compare A B` is what a reviewer types."""
    for number, name in enumerate("ab"):
        runfolder.write(tmp_path / name, *measured(0.01, number))
    assert cli.main(["report", "--compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "b" / "compare.html")
    assert "surely worse" in (tmp_path / "b" / "compare.html").read_text()


def test_command_wants_one_thing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Which of two reports was meant can't be guessed."""
    assert cli.main(["report"]) == 2
    assert cli.main(["report", str(tmp_path), "--history", "staging"]) == 2
    assert "one is wanted" in capsys.readouterr().err


def test_command_draws_the_baseline_that_it_is_given(tmp_path: Path) -> None:
    """Stored runs are compared without any site."""
    for number, name in enumerate("ab"):
        runfolder.write(tmp_path / name, *measured(0.01, number))
    gate = tmp_path / "gate.yaml"
    gate.write_text("name: g\ncriteria:\n  - p95 of POST /predict vs baseline by 20 %\n")
    argv = ["report", str(tmp_path / "b"), "--gate", str(gate), "--baseline", str(tmp_path / "a")]
    assert cli.main(argv) == 0
    made = (tmp_path / "b" / "report.html").read_text()
    assert "PASS: g" in made
    assert "the baseline, in the same colour" in made


def test_history_of_a_gate_tells_verdicts_trend_and_overrides() -> None:
    """What a gate said over weeks is a page of its own."""
    now = datetime(2026, 11, 24, tzinfo=UTC)
    one = CriterionResult("p95 of X < 30 ms", Verdict.PASS, "", 30.0, "ms")
    runs = [PastGate(now, "FAIL", values={one.text: 41.0}), PastGate(now, "PASS", values={one.text: 12.0})]
    mark = OverrideMark(now, "ada", "it was urgent", "canary")
    made = past.render("staging <gate>", "site local", runs, [one], [mark])
    assert headline(made) == "✗ FAIL: staging &lt;gate&gt;"
    assert "Oldest first: 12 ms PASS, 41 ms FAIL." in made
    assert "it was urgent" in made


def test_history_of_an_unknown_gate_says_so() -> None:
    """A misspelt name must not look like a gate that never failed."""
    assert "No run of this gate is on record" in past.render("stagign", "site local", [], [])
