"""The first thing that a newcomer types."""

from __future__ import annotations

import shutil
from pathlib import Path

from cxlib.clients import process
from cxlib.settings import CHECKOUT


def test_help_needs_no_more_than_any_machine_has(tmp_path: Path) -> None:
    """It is asked before anything is installed."""
    for name in ("make", "awk"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = process.run(["make", "help"], timeout=30, cwd=CHECKOUT, env={"PATH": str(tmp_path)})
    listed = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert {"help", "staging", "test", "test-exhaustive", "down"} <= set(listed)
    assert "from nothing to a model in staging" in listed["staging"]
