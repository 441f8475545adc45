"""`cx judge` and `cx report` on run folders, by exit code and output."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cxlib.clients import gatefile, runfolder
from cxlib.commands import judge, report
from cxlib.errors import ConfigError
from cxlib.judge.validity import same_load
from cxlib.model.load import Load, LoadLevel
from cxlib.model.run import Run
from cxlib.model.sample import COLUMNS, Samples
from tests.judge.made import run, run_json, samples

P99 = "p99 of POST /predict < 30 ms"


def stored(folder: Path, made: Samples, **changes: Any) -> Path:
    runfolder.write(folder, Run.model_validate(run_json(**changes)), made)
    return folder


def gate_file(folder: Path, *lines: str) -> Path:
    path = folder / "gate.yaml"
    path.write_text("name: staging load\ncriteria:\n" + "".join(f"  - {line}\n" for line in lines))
    return path


def cx_judge(*argv: object) -> int:
    parser = argparse.ArgumentParser()
    judge.add_arguments(parser)
    return judge.run(parser.parse_args([str(a) for a in argv]))


def cx_report(*argv: object) -> int:
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    return report.run(parser.parse_args([str(a) for a in argv]))


@pytest.mark.parametrize(
    ("over", "changes", "code"),
    [(0, {}, 0), (100, {}, 3), (8, {}, 4), (0, {"workers_lost": 1}, 5)],
)
def test_exit_code_says_the_verdict(tmp_path: Path, over: int, changes: dict[str, Any], code: int) -> None:
    """Scripts read the exit code and nothing else."""
    folder = stored(tmp_path / "run", samples(1000, over=over), **changes)
    assert cx_judge(folder, "--gate", gate_file(tmp_path, P99)) == code


def test_json_holds_every_designed_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other tools read OUT by these names."""
    folder, out = stored(tmp_path / "run", samples(1000, over=2)), tmp_path / "out.json"
    assert cx_judge(folder, "--gate", gate_file(tmp_path, P99), "--json", out) == 0
    data = json.loads(out.read_text())
    assert data["verdict"] == "PASS"
    wanted = {"text", "verdict", "value", "limit", "low", "high", "n", "n_effective", "reason"}
    assert wanted <= data["criteria"][0].keys()
    assert data["criteria"][0]["value"] == pytest.approx(10.0)
    assert "PASS" in capsys.readouterr().out


def test_csv_is_judged_as_parquet_is(tmp_path: Path) -> None:
    """A run of another tool comes as CSV."""
    folder, made = stored(tmp_path / "run", samples(1000, over=2, failed=3)), samples(1000, over=2, failed=3)
    (folder / "samples.parquet").unlink()
    with (folder / "samples.csv").open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(COLUMNS)
        writer.writerows(zip(*(getattr(made, c).tolist() for c in COLUMNS), strict=True))
    _, back = runfolder.read(folder)
    assert all((getattr(back, c) == getattr(made, c)).all() for c in COLUMNS)
    assert cx_judge(folder, "--gate", gate_file(tmp_path, P99)) == 0


@pytest.mark.parametrize("damage", ["no run.json", "no samples", "half json", "no field", "half parquet"])
def test_damaged_run_folder_is_invalid(tmp_path: Path, damage: str) -> None:
    """A measurement of which a part is missing cannot be believed; it is not the user's typing."""
    folder = stored(tmp_path / "run", samples(1000))
    whole = (folder / "run.json").read_text()
    if damage == "no run.json":
        (folder / "run.json").unlink()
    elif damage == "no samples":
        (folder / "samples.parquet").unlink()
    elif damage == "half json":
        (folder / "run.json").write_text(whole[:40])
    elif damage == "no field":
        (folder / "run.json").write_text(whole.replace('"generator_cpu"', '"cpu"'))
    else:
        data = (folder / "samples.parquet").read_bytes()
        (folder / "samples.parquet").write_bytes(data[: len(data) // 2])
    out = tmp_path / "out.json"
    assert cx_judge(folder, "--gate", gate_file(tmp_path, P99), "--json", out) == 5
    assert json.loads(out.read_text())["verdict"] == "INVALID"
    assert cx_report(folder) == 5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_times_that_are_no_numbers_are_invalid_in_the_json_too(tmp_path: Path, value: float) -> None:
    """JSON knows neither NaN nor infinity: the verdict would not be written at all."""
    made = samples(1000)
    made.finished[:100] = value
    out = tmp_path / "out.json"
    assert cx_judge(stored(tmp_path / "run", made), "--gate", gate_file(tmp_path, P99), "--json", out) == 5
    assert json.loads(out.read_text())["verdict"] == "INVALID"


def test_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """A misspelt path is the caller's, not the measurement's."""
    with pytest.raises(ConfigError) as caught:
        cx_judge(tmp_path / "nothing", "--gate", gate_file(tmp_path, P99))
    assert caught.value.exit_code == 2


WRONG_LOADS = (
    ("classify", "not a profile with levels"),
    ("{profile: classify}", "not a profile with levels"),
    ("{profile: [1], levels: [{users: 1, seconds: 30}]}", "a profile without a name"),
    ("{profile: classify, levels: []}", "without levels"),
    ("{profile: classify, levels: [30]}", "a level without fields"),
    ("{profile: classify, levels: [{users: 1}]}", "the columns are users"),
    ("{profile: classify, levels: [{users: many, seconds: 30}]}", "'many' is no number"),
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\n", "criteria"),
        ("criteria: []\n", "name"),
        ("name: x\ncriteria: []\n", "proves nothing"),
        ("name: x\ncriteria: [3]\n", "entry 1"),
        ("name: x\ncriteria: ['p95 of POST /predict < 30']\n", "unit"),
        ("name: x\ncriteria: []\nlimits: []\n", "limits"),
        ("name: [", "not YAML"),
        ("just text", "not a mapping"),
        *((f"name: x\ncriteria: ['{P99}']\nload: {load}", says) for load, says in WRONG_LOADS),
    ],
)
def test_wrong_gate_file_names_the_field(tmp_path: Path, text: str, says: str) -> None:
    """The person who wrote it mends it."""
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        gatefile.read(path)


@pytest.mark.parametrize(
    "text",
    [
        f"name: x\nname: y\ncriteria: ['{P99}']\n",
        f"name: x\ncriteria:\n  - key: {P99.replace('30', '1')}\n    key: {P99}\n",
        f"name: x\ncriteria: ['{P99}']\nload: {{profile: a, profile: b, levels: [{{users: 8}}]}}\n",
        f"name: x\ncriteria: ['{P99}']\nload: {{profile: a, levels: [{{users: 9, users: 8}}]}}\n",
    ],
)
def test_a_field_that_is_given_twice_is_told(tmp_path: Path, text: str) -> None:
    """YAML lets the last one win: with a dash forgotten a criterion was gone, and the gate passed."""
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="given twice"):
        gatefile.read(path)


def test_an_alias_that_stands_for_what_it_is_in_ends(tmp_path: Path) -> None:
    """YAML can say a list of itself, which has no end to look for."""
    path = tmp_path / "gate.yaml"
    path.write_text("name: x\ncriteria: &a [*a]\n")
    with pytest.raises(ConfigError, match="entry 1"):
        gatefile.read(path)


def test_prefix_needs_no_quotes_in_a_gate_file(tmp_path: Path) -> None:
    """YAML takes `- key: p95 …` for a mapping; people don't."""
    gate = gatefile.read(gate_file(tmp_path, f"key: {P99}", "watch: fail of POST /predict < 1 %"))
    assert [c.text for c in gate.criteria] == [f"key: {P99}", "watch: fail of POST /predict < 1 %"]


@pytest.mark.parametrize(
    ("load", "code"),
    [
        ("{profile: classify, levels: [{users: 8, seconds: 60}]}", 0),
        ("{profile: classify, levels: [{users: 8, seconds: 30}]}", 0),
        ("{profile: classify, levels: [{users: 8, seconds: 90}]}", 5),
        ("{profile: classify, levels: [{users: 9, seconds: 60}]}", 5),
        ("{profile: classify, levels: [{rps: 8, seconds: 60}]}", 5),
        ("{profile: classify, levels: [{users: 8, seconds: 30}, {users: 8, seconds: 30}]}", 5),
        ("{profile: browse, levels: [{users: 8, seconds: 60}]}", 5),
    ],
)
def test_a_run_of_another_load_than_the_gate_names_proves_nothing(
    tmp_path: Path, load: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gate file may say its load; a run of less, or of something else, is INVALID for it."""
    folder, path = stored(tmp_path / "run", samples(1000)), gate_file(tmp_path, P99)
    path.write_text(f"{path.read_text()}\nload: {load}\n")
    assert cx_judge(folder, "--gate", path) == code
    assert ("load: classify: 8 users for 60 s, wanted" in capsys.readouterr().out) == bool(code)


def test_an_extended_run_is_still_of_its_load(tmp_path: Path) -> None:
    """The same levels again, as an INCONCLUSIVE run is extended by; and not half of them."""
    twice = [{"users": 8, "rate": 0, "start": t, "end": t + 30} for t in (0.0, 30.0)]
    load = Load("classify", (LoadLevel(8, 30),))
    assert same_load(run(levels=twice), load).ok
    other = [*twice, {"users": 4, "rate": 0, "start": 60.0, "end": 90.0}]
    assert not same_load(run(levels=other), load).ok
    assert not same_load(run(levels=other), Load("classify", (LoadLevel(8, 30), LoadLevel(4, 30)))).ok


def test_report_needs_no_gate(tmp_path: Path) -> None:
    """A run can be looked at before anyone has said what it must hold; it shows no PASS then."""
    folder = stored(tmp_path / "run", samples(1000))
    assert cx_report(folder) == 0
    page = (folder / "report.html").read_text()
    assert "No gate was judged" in page
    assert "PASS:" not in page


def test_report_shows_the_stored_verdict(tmp_path: Path) -> None:
    """What the gate said then is what is shown now."""
    folder = stored(tmp_path / "run", samples(1000, over=100))
    cx_judge(folder, "--gate", gate_file(tmp_path, P99), "--json", folder / "verdict.json")
    assert cx_report(folder) == 0
    assert "FAIL: staging load" in (folder / "report.html").read_text()


def test_baseline_is_replayed_too(tmp_path: Path) -> None:
    """`--baseline` judges what was measured then against what is measured now."""
    slower = stored(tmp_path / "run", samples(1200, fast=0.012, over=60, slow=0.013))
    accepted = stored(tmp_path / "accepted", samples(1200, over=60, slow=0.011))
    gate, out = gate_file(tmp_path, "avg of POST /predict vs baseline by 10 %"), tmp_path / "out.json"
    assert cx_judge(slower, "--gate", gate, "--baseline", accepted, "--json", out) == 3
    found = json.loads(out.read_text())["criteria"][0]
    assert found["value"] == pytest.approx(20, abs=1)
    assert (found["limit"], found["measured_unit"]) == (10, "ms")
    assert cx_judge(accepted, "--gate", gate, "--baseline", slower) == 0
    assert cx_judge(accepted, "--gate", gate) == 4


def test_broken_baseline_is_invalid(tmp_path: Path) -> None:
    """What cannot be read cannot be compared with."""
    run = stored(tmp_path / "run", samples(1200))
    accepted = stored(tmp_path / "accepted", samples(1200))
    (accepted / "run.json").write_text("{")
    gate = gate_file(tmp_path, "avg of POST /predict vs baseline by 10 %")
    assert cx_judge(run, "--gate", gate, "--baseline", accepted) == 5


def test_time_of_day_as_a_number_is_invalid(tmp_path: Path) -> None:
    """Found by fuzzing: a start of -1 was read as 1969, and the run passed."""
    folder = stored(tmp_path / "run", samples(1000))
    (folder / "run.json").write_text(json.dumps(run_json(started=-1)))
    assert cx_judge(folder, "--gate", gate_file(tmp_path, P99)) == 5
