"""``cx report``: the HTML report of a load run, of two runs beside each other, or of a gate's history."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib.errors import ConfigError

if TYPE_CHECKING:
    from cxlib.model.verdict import GateVerdict
    from cxlib.report.compare import Side

HELP = "write the HTML report of a load run, compare two runs, or show a gate's last runs"
_AS_STORED = "As stored in verdict.json, not judged anew"
_FORM = "Write 'cx report RUN_DIR', 'cx report --compare A B' or 'cx report --history GATE'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One of a run folder, two of them to compare, and a gate's name."""
    parser.add_argument("run_dir", type=Path, nargs="?", metavar="RUN_DIR", help="run.json and samples")
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A", "B"), help="two run folders: how B differs from A"
    )
    parser.add_argument("--history", metavar="GATE", help="the last runs of a gate, from the site's MLflow")
    parser.add_argument("--gate", type=Path, metavar="FILE", help="judge by this gate, not by verdict.json")
    parser.add_argument(
        "--baseline", type=Path, metavar="RUN_DIR", help="the accepted run to draw and compare with"
    )
    parser.add_argument("--site", default="local", help="for --history: a folder of sites/ (default: local)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to (default: RUN_DIR/report.html, B/compare.html or history-GATE.html)",
    )


def run(args: argparse.Namespace) -> int:
    """0 when the report was written, 5 when a run can't be read. Raises ``ConfigError``, ``Unreachable``."""
    asked = [name for name in ("run_dir", "compare", "history") if getattr(args, name) is not None]
    if len(asked) != 1:
        raise ConfigError("cx report", f"asked for {len(asked)} things, one is wanted", _FORM)
    if asked != ["run_dir"] and (args.gate or args.baseline):
        raise ConfigError("cx report", "--gate and --baseline are for a single run", _FORM)
    if args.history is not None:
        return _history(args.history, args.site, args.out)
    return _compare(args.compare[0], args.compare[1], args.out) if args.compare else _single(args)


def _single(args: argparse.Namespace) -> int:
    from cxlib.clients import gatefile, runfolder
    from cxlib.judge import gate as judging
    from cxlib.model.criterion import Gate
    from cxlib.report import load

    gate = gatefile.read(args.gate) if args.gate else None
    target = args.out or args.run_dir / "report.html"
    baseline = runfolder.read(args.baseline) if args.baseline else None
    try:
        measured = runfolder.read(args.run_dir)
    except runfolder.BrokenRun as exc:
        _write(target, load.render_verdict(judging.broken(gate or Gate("no gate", ()), str(exc))))
        print(f"INVALID: {exc}")
        return exc.exit_code
    outcome = None if gate else _stored(args.run_dir / "verdict.json")
    if outcome:
        print(f"{outcome.verdict.value} as stored in verdict.json; judge anew with --gate FILE")
        outcome = replace(outcome, reason=f"{_AS_STORED}: {outcome.reason}")
    else:
        outcome = judging.judge(*measured, gate or Gate("no gate", ()), baseline=baseline)
    _write(target, load.render(*measured, outcome, baseline=baseline))
    return 0


def _compare(a: Path, b: Path, out: Path | None) -> int:
    from cxlib.report import compare

    _write(out or b / "compare.html", compare.render(_side(a), _side(b)))
    return 0


def _history(gate: str, name: str, out: Path | None) -> int:
    from cxlib.clients.mlflow import Tracking
    from cxlib.evidence import EXPERIMENT
    from cxlib.report import page, past
    from cxlib.settings import load_site
    from cxlib.stage import history, platform, trust

    site = load_site(name)
    tracking = Tracking(site.url("mlflow"))
    criteria = history.last_criteria(tracking, EXPERIMENT, gate)
    runs = history.past(tracking, EXPERIMENT, gate, [c.text for c in criteria])
    key = trust.read(platform.connect(site)).public_key
    marks = history.overrides(tracking, EXPERIMENT, key)
    where = f"site {site.name}, MLflow experiment {EXPERIMENT}"
    text = past.render(gate, where, runs, criteria, marks)
    for one in runs:
        when = page.moment(one.recorded) if one.recorded else ""
        print(f"{when}  {one.verdict:<12}  model {one.model_version or 'unknown'}  {page.short(one.digest)}")
    _write(out or Path(f"history-{page.css(gate)}.html"), text)
    return 0


def _side(folder: Path) -> Side:
    from cxlib.clients import runfolder
    from cxlib.report.compare import Side

    measured = runfolder.read(folder)
    stored = _stored(folder / "verdict.json")
    return Side(
        str(folder), *measured, f"{stored.verdict.value} of {stored.gate}, as stored" if stored else ""
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError("--out", f"{path} cannot be written: {exc.strerror}", "Name another file") from exc
    print(path)


def _stored(path: Path) -> GateVerdict | None:
    from cxlib.model.verdict import GateVerdict

    if not path.is_file():
        return None
    try:
        return GateVerdict.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as exc:
        raise ConfigError(str(path), f"no verdict of ours: {exc}", "Judge anew with --gate FILE") from exc
