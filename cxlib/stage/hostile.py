"""What is done to a change of production while it is under way, and what has to be true afterwards."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from cxlib import progress, settings
from cxlib.clients import process, workflows
from cxlib.clients.kube import Kube
from cxlib.errors import ConfigError, StageFailed
from cxlib.model.standing import Environment
from cxlib.settings import Site
from cxlib.stage import caller, claim, environment, platform, promotion_log, status, under_way
from cxlib.stage.caller import Heard
from cxlib.stage.environment import Candidate
from cxlib.wait import Budget, Look, wait_until

NAME = "production"
# Two signs that a change has got so far: it holds the Application; the Application points at the new image.
MOMENTS = ("as soon as it holds production", "as soon as production points at the other version")
_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Change:
    """A change of production that was disturbed, once all is at rest again. ``code``: how the command ended,
    None when it was killed; ``said``: its last words; ``now``: what production is, by all parts."""

    before: Candidate
    to: Candidate
    code: int | None
    said: str
    heard: Heard
    now: Environment


def other(site: Site) -> Candidate:
    """A version that served production before and isn't what it serves now. Raises ``ConfigError``."""
    kube = platform.connect(site)
    now = environment.pointed(kube, NAME)
    for event in reversed(promotion_log.events(site, NAME)):
        if event.arrived and event.to.version not in (now.version, ""):
            return event.to
    raise ConfigError(
        f"{NAME} of {site.name}",
        "it has served one version only, so there is nothing to change to",
        "Promote another one: change what is trained and run --env=production",
    )


def change(site: Site, to: Candidate, moment: str, disturb: Callable[[Kube, int], None]) -> Change:
    """`cx rollback` of production to ``to`` as a person asks for it, disturbed once it has got as far as
    ``moment``. ``disturb`` is given the cluster and the command's process.

    Raises ``StageFailed`` when the command ends before that.
    """
    kube = platform.connect(site)
    before = environment.pointed(kube, NAME)
    argv = [sys.executable, "-m", "cxlib.cli", "rollback", f"--env={NAME}", f"--site={site.name}"]
    with (
        caller.asking(site, NAME) as heard,
        process.background([*argv, f"--to={to.version}"], cwd=settings.CHECKOUT) as command,
    ):
        wait_until(
            f"the change of {NAME}", lambda: _got(kube, to, moment, command), wanted=moment,
            within=Budget.ROLLOUT, every=_EVERY,
        )  # fmt: skip
        disturb(kube, command.pid)
        code = wait_until("the command", lambda: _ended(command), wanted="its end", within=Budget.WORKFLOW)
        return Change(before, to, code, command.tail(), heard, rest(site, kube))


def kill(_: Kube, pid: int) -> None:
    """The harness is gone at once, as by the kernel when memory is short."""
    progress.note("the command is killed")
    os.kill(pid, signal.SIGKILL)


def kill_pod(kube: Kube, _: int) -> None:
    """Every pod that works for a change of production is deleted, as when its machine is drained."""
    for run in under_way.of(kube, NAME):
        for pod in workflows.pods(kube, run.name):
            if pod["status"].get("phase") == "Running":
                progress.note(f"pod {pod['metadata']['name']} is deleted")
                kube.delete("Pod", pod["metadata"]["name"], workflows.NAMESPACE)


def rest(site: Site, kube: Kube) -> Environment:
    """Wait until nothing is under way for production and all parts answer again; what they say.

    Raises ``WaitTimedOut`` naming what keeps it.
    """
    under_way.wait_out(kube, NAME)

    def look() -> Look[Environment]:
        found = status.standing(site)
        now = next((e for e in found.environments if e.name == NAME), None)
        if found.down or now is None:
            return Look("; ".join(f"{part}: {why}" for part, why in (found.down or {}).items()))
        wrong = [d.what for d in found.disagreements if d.environment == NAME]
        busy = [holder.workflow for holder in now.holders]
        return Look("; ".join([*busy, *wrong]), now, done=not busy and not wrong)

    return wait_until(NAME, look, wanted="nothing under way, all parts to agree", within=Budget.ROLLOUT)


def require_whole(done: Change) -> Candidate:
    """What production serves, all new or all old, as the command said. Raises ``StageFailed``."""
    now = done.now
    serves = Candidate(now.serving.model_version, now.serving.digest) if now.serving else None
    if serves not in (done.to, done.before) or now.claim:
        wanted = f"{done.before} or {done.to}, and no claim"
        raise StageFailed(NAME, wanted=wanted, seen=f"{serves}, {now.claim or 'no claim'}")
    if done.code is not None and (done.code == 0) != (serves == done.to):
        raise StageFailed("the command", wanted=f"to say that {NAME} serves {serves}", seen=done.said)
    if unknown := set(done.heard.digests) - {done.to.digest, done.before.digest}:
        raise StageFailed(NAME, wanted="the old image or the new one", seen=", ".join(unknown))
    return serves


def require_unharmed(done: Change) -> None:
    """Every question that was asked meanwhile was answered. Raises ``StageFailed``."""
    if done.heard.failures:
        seen = f"{len(done.heard.failures)}, the first: {done.heard.failures[0]}"
        raise StageFailed(f"{done.heard.asked} questions to {NAME}", wanted="no failure", seen=seen)


def _got(kube: Kube, to: Candidate, moment: str, command: process.Background) -> Look[None]:
    if command.ended():
        return Look(f"its end: {command.tail()}", hopeless=True)
    held = claim.held(kube, NAME) is not None
    there = held if moment == MOMENTS[0] else held and environment.pointed(kube, NAME) == to
    return Look("held" if held else "not begun", done=there)


def _ended(command: process.Background) -> Look[int | None]:
    """A command that was killed has no exit code of its own."""
    if not command.ended():
        return Look("at work")
    return Look("ended", None if command.code == -signal.SIGKILL else command.code, done=True)
