"""Tells GitHub Actions of a run, where it runs there: annotations in the log, and the job's summary."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from cxlib.harness import summary
from cxlib.harness.redact import redact
from cxlib.model.verdict import GateVerdict
from cxlib.report.run_record import RunRecord


def tell(record: RunRecord, write_line: Callable[[str], None]) -> None:
    """Write annotations by ``write_line``, the job's summary, and what a green run has for the next job.

    Does nothing elsewhere. Secrets are taken out before.
    """
    from cxlib.report import github as report

    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in report.commands(record):
            write_line(redact(line))
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a") as out:
            out.write(redact(report.job_summary(record)))
    path = os.environ.get("GITHUB_OUTPUT")
    if path and record.verdict == "GREEN":
        with Path(path).open("a") as out:
            out.writelines(f"{key}={value}\n" for key, value in summary.outputs())


def gates(folder: Path) -> tuple[GateVerdict, ...]:
    """The verdicts of the gates that a run judged, by the files in its folder; unreadable ones left out."""
    found = []
    for path in sorted(folder.rglob("verdict.json")):
        try:
            found.append(GateVerdict.from_json(json.loads(path.read_text())))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(found)
