"""The generator does not stand in line with other processes where the machine's rights allow it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxlib.clients import load_part, locust, process
from cxlib.judge import validity
from cxlib.model.load import LoadLevel
from cxlib.settings import CHECKOUT
from tests.judge import made
from tests.load.known_delay import answering
from tests.serving import serving

LOAD = "import os\nfrom cxlib.load import precedence\n"
ASK = "print(precedence.take(), os.sched_getscheduler(0) & 15)"
HOG = "while True: pass"
PROFILE = """
from locust import FastHttpUser, task
class Poster(FastHttpUser):
    @task
    def post(self):
        self.client.post("/predict", json={"instances": [[0]]})
"""


def said(before: str) -> list[str]:
    argv = [sys.executable, "-c", f"{LOAD}{before}\n{ASK}"]
    return process.run(argv, timeout=30, cwd=CHECKOUT).stdout.split()


@pytest.fixture(scope="module")
def allowed() -> bool:
    """Whether this machine lets us, asked of the kernel without our code."""
    ask = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    return process.run([sys.executable, "-c", ask], timeout=30, expect=None).code == 0


def test_precedence_is_taken_where_it_may_be(allowed: bool) -> None:
    """Real time (2) with the right to it, the usual order (0) without, and it says which."""
    assert said("") == (["True", "2"] if allowed else ["False", "0"])


def test_a_refusal_is_told_and_nothing_breaks() -> None:
    """An ordinary user and a pod have no such right; their loads are sent all the same."""
    drop = "if os.geteuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)"
    assert said(drop) == ["False", "0"]


def test_it_is_given_back() -> None:
    """What comes after the load, reports and archives, is nobody's measurement."""
    more = "; precedence.give_back(); print(os.sched_getscheduler(0) & 15)"
    argv = [sys.executable, "-c", f"{LOAD}{ASK}{more}"]
    assert process.run(argv, timeout=30, cwd=CHECKOUT).stdout.split()[-1] == "0"


def test_others_on_the_machine_make_no_late_starts(tmp_path: Path, allowed: bool) -> None:
    """Busy processes on every processor: a generator in line with them was 27 to 137 ms late at p99 (two
    processors), and would have told it as the service's latency."""
    (tmp_path / "poster.py").write_text(PROFILE)
    level = LoadLevel(0, 4, 50, "constant")
    errand = locust.Errand(tmp_path / "poster.py", "", (level,), "1", tmp_path, 20)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with answering(tmp_path, 0.005) as url:
        hogs = [serving([sys.executable, "-c", HOG], tmp_path / "hog.log") for _ in range(2)]
        with hogs[0], hogs[1]:
            folders, _ = locust.alone(replace(errand, host=url), scratch)
    part = load_part.read(folders[0], [level])
    assert part.generator_first is allowed
    assert len(part.samples) == 200
    late = float(np.quantile(part.samples.started - part.samples.scheduled, 0.9))
    assert late < (0.01 if allowed else 1.0)


def test_a_report_says_whether_it_stood_in_line() -> None:
    """Who reads a slow run wants to know whether the generator itself may have waited."""
    told = {
        first: next(c.seen for c in validity.checks(made.run(generator_first=first), made.samples())
                    if c.name == "generator")
        for first in (True, False, None)
    }  # fmt: skip
    assert told[True] == "41% of its processor time used, before all else on its machine"
    assert told[False] == "41% of its processor time used, in line with all else on its machine"
    assert told[None] == "41% of its processor time used"
