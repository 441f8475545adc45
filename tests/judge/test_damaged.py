"""`cx judge` and `cx report` on terminals of few letters, on damaged verdicts and on files of before."""

from __future__ import annotations

import ast
import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import cxlib
from cxlib import cli
from cxlib.clients import process
from cxlib.errors import ConfigError
from cxlib.settings import CHECKOUT
from tests.judge.made import samples
from tests.judge.test_replay import P99, cx_judge, cx_report, gate_file, stored

ACCENT = "POST /pré"
FEW_LETTERS = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


@pytest.mark.parametrize("environment", FEW_LETTERS, ids=["ascii", "posix"])
def test_a_terminal_of_few_letters_gets_its_verdict(tmp_path: Path, environment: dict[str, str]) -> None:
    """It was a traceback and exit 1, from names and from the report's own signs."""
    folder, gate = stored(tmp_path / "run", samples(1000, name=ACCENT)), tmp_path / "gate.yaml"
    gate.write_text(f"name: x\ncriteria: ['p95 of {ACCENT} < 30 ms']\n", encoding="utf-8")
    out = tmp_path / "out.json"
    for argv in (["judge", str(folder), "--json", str(out)], ["report", str(folder)]):
        done = process.run(
            [sys.executable, "-m", "cxlib.cli", *argv, "--gate", str(gate)],
            timeout=60,
            env={**os.environ, **environment},
            cwd=CHECKOUT,
            expect=None,
        )
        assert done.code == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert json.loads(out.read_text(encoding="utf-8"))["criteria"][0]["text"] == f"p95 of {ACCENT} < 30 ms"
    assert ACCENT in (folder / "report.html").read_text(encoding="utf-8")


def test_every_text_file_has_its_encoding() -> None:
    """Without it a file is written in what the terminal speaks, and read in what the next one does."""
    bare = [
        f"{path.name}:{node.lineno}"
        for path in Path(cxlib.__file__).parent.rglob("*.py")
        if "harness" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("read_text", "write_text")
        and not any(keyword.arg == "encoding" for keyword in node.keywords)
        and not (node.func.attr == "read_text" and node.args)
    ]
    assert bare == []


def test_an_older_verdict_is_gone_before_anything_can_go_wrong(tmp_path: Path) -> None:
    """Exit 2, and in OUT the PASS of an hour ago: a script that reads the file would go on."""
    folder, out = stored(tmp_path / "run", samples(1000)), tmp_path / "out.json"
    assert cx_judge(folder, "--gate", gate_file(tmp_path, P99), "--json", out) == 0
    for gate in (
        gate_file(tmp_path, P99.replace("predict", "nope")),
        gate_file(tmp_path, "p99 of"),
        tmp_path,
    ):
        out.write_text('{"verdict": "PASS"}', encoding="utf-8")
        with pytest.raises(ConfigError):
            cx_judge(folder, "--gate", gate, "--json", out)
        assert not out.exists()


def test_what_is_judged_is_no_place_for_the_verdict(tmp_path: Path) -> None:
    """A slip of the hand must not cost the measurement."""
    folder, gate = stored(tmp_path / "run", samples(1000)), gate_file(tmp_path, P99)
    for path in (gate, folder / "run.json", folder / "samples.parquet"):
        with pytest.raises(ConfigError, match="is what is judged"):
            cx_judge(folder, "--gate", gate, "--json", path)
        assert path.exists()


def test_a_missing_run_json_is_told_with_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two folders are compared, and one of them has none."""
    folder, other = (stored(tmp_path / name, samples(1000)) for name in "ab")
    (other / "run.json").unlink()
    assert cli.main(["report", "--compare", str(folder), str(other)]) == 5
    assert f"{other / 'run.json'} is missing" in capsys.readouterr().err


def test_an_edited_verdict_is_shown_as_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has judged what verdict.json says, and the page tells so."""
    folder = stored(tmp_path / "run", samples(1000, over=100))
    verdict = folder / "verdict.json"
    cx_judge(folder, "--gate", gate_file(tmp_path, P99), "--json", verdict)
    verdict.write_text(verdict.read_text(encoding="utf-8").replace("FAIL", "PASS"), encoding="utf-8")
    assert cx_report(folder) == 0
    assert "As stored in verdict.json, not judged anew: " in (folder / "report.html").read_text(
        encoding="utf-8"
    )
    assert "PASS as stored in verdict.json" in capsys.readouterr().out
    assert cx_report(folder, "--gate", gate_file(tmp_path, P99)) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "FAIL: staging load" in page
    assert "As stored" not in page


WRONG: tuple[Any, ...] = (None, "x", [], {}, [5], [{}], {"a": None}, {"8 users": "x"}, float("inf"), 1e400)
FIELDS = (
    "text",
    "reason",
    "limit",
    "unit",
    "blocking",
    "value",
    "low",
    "n",
    "n_effective",
    "more",
    "measured",
)


def test_a_damaged_verdict_is_told_and_never_a_traceback(tmp_path: Path) -> None:
    """Each field with each wrong thing in it, also as nothing but brackets."""
    folder = stored(tmp_path / "run", samples(1000, over=2))
    cx_judge(folder, "--gate", gate_file(tmp_path, P99), "--json", folder / "verdict.json")
    whole = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    damaged = ["[" * 100_000, "[]", "{", "null"]
    for wrong in WRONG:
        for field in ("gate", "verdict", "reason", "criteria", "checks", "warm_up"):
            damaged.append(json.dumps({**whole, field: wrong}))
        for field in FIELDS:
            broken = copy.deepcopy(whole)
            broken["criteria"][0][field] = wrong
            damaged.append(json.dumps(broken))
    refused = 0
    for text in damaged:
        (folder / "verdict.json").write_text(text, encoding="utf-8")
        refused += cli.main(["report", str(folder)]) == 2
    assert refused > 0.7 * len(damaged)
