"""Whatever the judge is given: a message, no traceback and no PASS; 10,000 each in the exhaustive tier."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cxlib.clients import runfolder
from cxlib.model.sample import COLUMNS
from cxlib.model.verdict import Verdict
from tests.judge import fuzzed
from tests.tiers import sampled


def rounds(few: int) -> pytest.MarkDecorator:
    """So many in every run of the tests."""
    return pytest.mark.parametrize("rounds", sampled((few, 10_000), every_run=(few,)))


@rounds(2000)
def test_broken_criteria_are_refused_or_prove_nothing(rounds: int) -> None:
    """What parses must not pass on a run without samples; what does not is told with a fix."""
    rng = random.Random(1)
    outcomes = [fuzzed.try_line(fuzzed.line(rng)) for _ in range(rounds)]
    assert Verdict.PASS not in outcomes
    assert outcomes.count(None) > rounds / 2


@rounds(300)
def test_broken_gate_files_are_refused_or_hold_what_they_say(tmp_path: Path, rounds: int) -> None:
    """A gate file from a failed merge names its fault."""
    rng, path = random.Random(2), tmp_path / "gate.yaml"
    gates = []
    for _ in range(rounds):
        path.write_bytes(fuzzed.gate_text(rng))
        gates.append(fuzzed.try_gate(path))
    assert gates.count(None) > rounds / 3


@rounds(250)
def test_damaged_run_folders_never_pass(tmp_path: Path, rounds: int) -> None:
    """The whole folder passes, and no damaged one: the verdict says that it cannot be believed."""
    rng, whole = random.Random(3), fuzzed.store(tmp_path / "whole")
    assert fuzzed.verdict_on(whole) is Verdict.PASS
    for _ in range(rounds):
        kind = fuzzed.damage(rng, whole, tmp_path / "damaged")
        assert fuzzed.verdict_on(tmp_path / "damaged") in (Verdict.INVALID, None), kind


@rounds(150)
def test_flipped_bits_are_noticed_or_changed_nothing(tmp_path: Path, rounds: int) -> None:
    """Pages carry checksums: damaged numbers are not read as other numbers."""
    rng, whole = random.Random(4), fuzzed.store(tmp_path / "whole")
    _, right = runfolder.read(whole)
    for _ in range(rounds):
        fuzzed.flip(rng, whole, tmp_path / "flipped")
        if fuzzed.verdict_on(tmp_path / "flipped") is Verdict.PASS:
            _, read = runfolder.read(tmp_path / "flipped")
            assert all((getattr(read, c) == getattr(right, c)).all() for c in COLUMNS)
