"""``cx judge``: replay a gate on the stored samples of a load run, without a cluster."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples
    from cxlib.model.verdict import GateVerdict

_READ = ("run.json", "samples.parquet", "samples.csv")
HELP = "judge the stored samples of a load run by a gate file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folder, the gate and where the verdict goes."""
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder with run.json and samples")
    parser.add_argument(
        "--gate", type=Path, required=True, metavar="FILE", help="YAML: name, criteria, perhaps load"
    )
    parser.add_argument("--baseline", type=Path, metavar="RUN_DIR", help="accepted run to compare with")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the verdict here as JSON")


def run(args: argparse.Namespace) -> int:
    """Exit code of the verdict: 0 PASS, 3 FAIL, 4 INCONCLUSIVE, 5 INVALID. Raises ``ConfigError``."""
    from cxlib.clients import gatefile, runfolder
    from cxlib.judge import gate as judging

    if args.json is not None:
        _clear(args.json, args)
    gate = gatefile.read(args.gate)
    try:
        measured = runfolder.read(args.run_dir)
        baseline = _baseline(args.baseline) if args.baseline else None
        outcome = judging.judge(*measured, gate, baseline=baseline)
    except runfolder.BrokenRun as exc:
        outcome = judging.broken(gate, str(exc))
    if args.json is not None:
        _write(args.json, outcome)
    print(as_text(outcome))
    return outcome.verdict.exit_code


def _baseline(folder: Path) -> tuple[Run, Samples]:
    from cxlib.clients import runfolder

    try:
        return runfolder.read(folder)
    except runfolder.BrokenRun as exc:
        raise runfolder.BrokenRun(f"the baseline {folder}: {exc}") from exc


def _clear(path: Path, args: argparse.Namespace) -> None:
    """An older verdict in ``path`` goes first: whoever reads it after an error must not find a PASS."""
    from cxlib.errors import ConfigError

    read = (
        args.gate,
        *(folder / name for folder in (args.run_dir, args.baseline) if folder for name in _READ),
    )
    try:
        if any(one.exists() and path.exists() and one.samefile(path) for one in read):
            raise ConfigError("--json", f"{path} is what is judged", "Name another file")
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise ConfigError("--json", f"{path} cannot be written: {exc.strerror}", "Name another file") from exc


def _write(path: Path, outcome: GateVerdict) -> None:
    from cxlib.errors import ConfigError

    text = json.dumps(outcome.as_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError("--json", f"{path} cannot be written: {exc.strerror}", "Name another file") from exc


def as_text(outcome: GateVerdict) -> str:
    """The verdict, why, and each criterion on lines of its own."""
    lines = [f"{outcome.verdict.value}  {outcome.gate}: {outcome.reason}"]
    for c in outcome.criteria:
        more = f"; needs {c.more:,} more samples" if c.more else ""
        lines.append(f"  {c.verdict.value:<12}  {c.text}\n                {c.reason}{more}")
    return "\n".join(lines)
