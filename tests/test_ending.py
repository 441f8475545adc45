"""The end of a process of ours that gets a signal while a child of it needs longer than its patience."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cxlib.settings import CHECKOUT
from cxlib.wait import Look, wait_until

# The child writes its state after the signal, as Terraform does, and takes four times our patience for it.
PROGRAM = """
import sys
from cxlib.clients import process
from cxlib.ending import Ending
from cxlib.parallel import run_all

ENDS = "echo int >> ints; sleep 2; echo whole > state; exit 0"
CHILD = f"trap '{ENDS}' INT; touch up; while :; do sleep 0.1; done"
ending = Ending(patience=0.5)
ending.install()

def work():
    process.run(["sh", "-c", CHILD], timeout=60, grace=20)

try:
    run_all([work]) if sys.argv[1] == "in-a-thread" else work()
except KeyboardInterrupt:
    pass
ending.restore()
ending.leave_no_one(130)
"""


@pytest.mark.parametrize("where", ["in-the-main-thread", "in-a-thread"])
def test_child_that_needs_longer_than_our_patience_is_asked_once_and_waited_for(
    tmp_path: Path, where: str
) -> None:
    """At a second signal Terraform leaves at once, its state locked and what it makes half made."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, where],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    try:
        up = tmp_path / "up"
        wait_until("child", lambda: Look("…", done=up.exists()), wanted="up", within=20, every=0.02)
        for _ in range(2):
            child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
    finally:
        child.kill()
    assert (tmp_path / "ints").read_text() == "int\n"
    assert (tmp_path / "state").read_text() == "whole\n"
