"""``cx report``: write the HTML report of a load run folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxlib.model.verdict import GateVerdict

HELP = "write the HTML report of a load run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folder, and a gate to judge it by instead of its own verdict.json."""
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder with run.json and samples")
    parser.add_argument("--gate", type=Path, metavar="FILE", help="judge by this gate, not by verdict.json")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (default: RUN_DIR/report.html)")


def run(args: argparse.Namespace) -> int:
    """0 when the report was written, 5 when the run cannot be read. Raises ``ConfigError``."""
    from cxlib.clients import gatefile, runfolder
    from cxlib.judge import gate as judging
    from cxlib.model.criterion import Gate
    from cxlib.report import load

    gate = gatefile.read(args.gate) if args.gate else None
    target = args.out or args.run_dir / "report.html"
    try:
        measured = runfolder.read(args.run_dir)
    except runfolder.BrokenRun as exc:
        target.write_text(load.render_verdict(judging.broken(gate or Gate("no gate", ()), str(exc))))
        print(f"{target}\nINVALID: {exc}")
        return exc.exit_code
    outcome = judging.judge(*measured, gate) if gate else _stored(args.run_dir / "verdict.json")
    target.write_text(load.render(*measured, outcome or judging.judge(*measured, Gate("no gate", ()))))
    print(target)
    return 0


def _stored(path: Path) -> GateVerdict | None:
    from cxlib.errors import ConfigError
    from cxlib.model.verdict import GateVerdict

    if not path.is_file():
        return None
    try:
        return GateVerdict.from_json(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ConfigError(str(path), f"no verdict of ours: {exc}", "Judge anew with --gate FILE") from exc
