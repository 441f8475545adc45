"""The self-test's own parts: it must tell a gate that is blind from one that sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cxlib.commands.selftest import table
from cxlib.errors import Unreachable
from cxlib.model.verdict import Verdict
from cxlib.settings import Site
from cxlib.stage import selftest
from cxlib.stage.selftest import CASES, Case, Outcome

BY_NAME = {case.name: case for case in CASES}


def test_every_fault_that_is_promised_is_put_to_the_test() -> None:
    """A case that somebody dropped would be missed by nobody."""
    assert set(BY_NAME) == {
        "clean", "latency", "errors", "resets", "stall", "too few", "no data", "dead generator",
        "changed service",
    }  # fmt: skip
    assert [name for name, case in BY_NAME.items() if case.wanted is Verdict.PASS] == ["clean"]


def test_a_gate_that_passes_a_fault_is_told(tmp_path: Path) -> None:
    """With the fault left out, the gate says PASS where FAIL is wanted: the self-test has to say so."""
    harmless = replace(BY_NAME["latency"], before=None)
    (blind,) = selftest.run(tmp_path, cases=[harmless])
    assert blind.seen is Verdict.PASS, blind.reason
    assert not blind.ok
    lines = table([blind]).splitlines()
    assert lines[1].startswith("!")
    assert "FAIL" in lines[1]


def test_too_few_requests_are_inconclusive(tmp_path: Path) -> None:
    """As many again don't settle it, and neither good nor bad may be said of them."""
    (few,) = selftest.run(tmp_path, cases=[BY_NAME["too few"]])
    assert few.ok, few.reason
    assert "more samples" in few.reason


def test_a_killed_generator_is_invalid_and_leaves_its_verdict(tmp_path: Path) -> None:
    """Locust that somebody ended has measured nothing: no error of the harness, and never a PASS."""
    (dead,) = selftest.run(tmp_path, cases=[BY_NAME["dead generator"]])
    assert dead.ok, dead.reason
    assert "signal 9" in dead.reason
    assert '"INVALID"' in (dead.folder / "verdict.json").read_text()


def test_a_fault_that_never_came_is_no_verdict(tmp_path: Path) -> None:
    """If what should happen in the middle of the load could not, its verdict is about something else."""

    def break_down(_: object) -> None:
        raise Unreachable("toxiproxy is gone")

    case = Case("late", "nothing that works", Verdict.PASS, during=break_down)
    (outcome,) = selftest.run(tmp_path, cases=[case])
    assert (outcome.seen, outcome.said, outcome.ok) == (None, "none", False)
    assert outcome.reason == "toxiproxy is gone"


def test_staging_that_does_not_answer_is_told_before_any_load(tmp_path: Path) -> None:
    """A service that is down fails each case, the wanted ones too: that would prove nothing."""
    site = Site.model_validate(
        {
            "name": "nowhere", "floating_address": "127.255.255.254", "supply_address": "192.0.2.10",
            "ssh_user": "x", "nodes": {"node1": "192.0.2.2"},
        }
    )  # fmt: skip
    with pytest.raises(Unreachable, match="/version"):
        selftest.run(tmp_path / "out", site=site)
    assert not (tmp_path / "out").exists()


def test_table_says_what_was_wanted_and_seen() -> None:
    """One line a case, also for a person without colours."""
    good = Outcome(BY_NAME["clean"], Verdict.PASS, "all\nhold", Path("x"))
    head, line = table([good]).splitlines()
    assert head.split() == ["done", "to", "the", "load", "wanted", "seen", "reason"]
    assert line.split() == ["nothing", "PASS", "PASS", "all", "hold"]
