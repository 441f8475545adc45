"""The nights of a site, kept in its state: one line a nightly run, only ever appended."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from cxlib import journal
from cxlib.harness.redact import redact
from cxlib.harness.state import Run
from cxlib.judge import nights as judging
from cxlib.model.night import History, Night

_READ = 400  # nights that are looked back at


def file(run: Run) -> Path:
    """Where the nights of the run's site are kept."""
    return run.site.state / "nightly" / "history.jsonl"


def close(run: Run) -> tuple[History, ...]:
    """Keep what this run found, when it is a nightly one, and say how it compares with the nights before.

    A scenario that was interrupted or never ran says nothing. Empty for any other run.
    """
    checks = {
        one.name: " ".join(redact(one.cause or "no cause was told").split()) if one.status == "failed" else ""
        for one in run.scenarios
        if "nightly" in one.tags and one.status in ("passed", "failed")
    }
    if not checks:
        return ()
    tonight = Night(run.started, run.environment, checks)
    path = file(run)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    before = read(path)
    journal.append(path, tonight.as_json())
    found = judging.history([*before, tonight])
    told = {"night": tonight.as_json(), "history": [_plain(one) for one in found]}
    (run.folder / "nightly.json").write_text(redact(json.dumps(told, indent=1, ensure_ascii=False)) + "\n")
    return found


def read(path: Path) -> list[Night]:
    """The nights in ``path``, oldest first. A line that a crash cut off is passed over."""
    found = []
    for line in path.read_text().splitlines()[-_READ:] if path.exists() else ():
        try:
            found.append(Night.from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return sorted(found, key=lambda night: night.at)


def _plain(one: History) -> dict[str, object]:
    return {**asdict(one), "since": one.since.isoformat(timespec="seconds") if one.since else None}
