"""Promoters that are killed or put to sleep in the middle; they run in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cxlib.settings import CHECKOUT
from cxlib.wait import Look, wait_until
from services.pipeline import promotion
from services.pipeline.admission import Order
from tests.cluster.promotion_site import PACE, Staged, order

STEPS = (
    *("evidence", "record", "retag", "point", "synced", "served"),
    *("smoke", "alias", "agree", "release", "note"),
)
POINTS = [f"{step} {when}" for step in STEPS for when in ("before", "after")]
UNTOUCHED = ("evidence before", "evidence after", "record before")
WHOLE_FROM = ("release after", "note before", "note after")


def start(staged: Staged, asked: Order, at: str, what: str, lease: float) -> subprocess.Popen[str]:
    """A promoter that does ``what`` to itself ``at`` a step."""
    world = staged.stand.world(pace=replace(PACE, lease=lease))
    where = {
        "url": world.cluster.url, "token": str(world.cluster.token_file), "ca": str(world.cluster.ca_file),
        "registry": world.registry, "mlflow": world.mlflow, "places": dict(world.places),
        "question": world.question, "pace": asdict(world.pace),
    }  # fmt: skip
    plain = {key: value for key, value in asdict(asked).items() if key != "submitted"}
    text = json.dumps({"world": where, "order": plain, "at": at, "signal": what})
    argv = [sys.executable, "-m", "tests.cluster.promoter", text]
    return subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("at", POINTS)
def test_a_killed_promotion_is_ended_by_its_retry(staged: Staged, at: str) -> None:
    """SIGKILL; Argo starts the pod again, which finds how far it had come, and goes on."""
    asked = order("canary", staged.version)
    assert start(staged, asked, at, "SIGKILL", 30).wait(60) == -signal.SIGKILL
    assert promotion.run(asked, staged.stand.world()).outcome == "promoted"
    assert staged.stand.seen("canary") == staged.new()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["promoted"]


@pytest.mark.parametrize("at", POINTS)
def test_a_killed_promotion_is_undone_by_the_exit_handler(staged: Staged, at: str) -> None:
    """SIGKILL, and no retry: it was stopped, or its time was over."""
    asked = order("canary", staged.version)
    assert start(staged, asked, at, "SIGKILL", 30).wait(60) == -signal.SIGKILL
    settled = promotion.settle(asked.uid, "canary", "Failed", staged.stand.world())
    whole = at in WHOLE_FROM
    assert settled == ("promoted" if whole else "nothing to settle" if at in UNTOUCHED else "undone")
    assert staged.stand.seen("canary") == (staged.new() if whole else staged.old())
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") == (staged.digest if whole else None)


@pytest.mark.parametrize(
    "at", [f"{step} before" for step in ("retag", "point", "synced", "alias", "release")]
)
def test_a_stale_promoter_cannot_write(staged: Staged, at: str) -> None:
    """Paused past its lease, then woken: another has promoted meanwhile, and it must not touch that."""
    asked = order("canary", staged.version)
    sleeper = start(staged, asked, at, "SIGSTOP", 1)
    wait_until("the promoter", lambda: _stopped(sleeper.pid), wanted="stopped", within=30, every=0.05)
    other = order("canary", staged.version)
    wait_until("its lease", lambda: _promoted(other, staged), wanted="over", within=30, every=0.2)
    os.kill(sleeper.pid, signal.SIGCONT)
    said, _ = sleeper.communicate(timeout=60)
    assert said.startswith("Stale:")
    assert other.workflow in said
    assert staged.stand.seen("canary") == staged.new()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["undone"]


def _stopped(pid: int) -> Look[bool]:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return Look(state, True, done=state == "T")


def _promoted(other: Order, staged: Staged) -> Look[bool]:
    from services.pipeline.claim import Held

    try:
        return Look.found(promotion.run(other, staged.stand.world()).outcome == "promoted")
    except Held as exc:
        return Look(str(exc))
