"""Several generator processes as one: they begin together, are watched, and hand over what they measured."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from cxlib import progress
from cxlib.errors import CxError, StageFailed, Unreachable
from cxlib.parallel import run_all
from cxlib.wait import Budget, Look, wait_until

# In how many seconds all begin: time to tell every worker, some through a cluster's API.
BEGIN_SECONDS = 2.0
# A worker that was asked and doesn't answer may be busy; one that doesn't for so long is lost.
SILENT_SECONDS = 15.0


@dataclass(slots=True)
class Worker:
    """A generator process that loads ``cxlib.load.control``.

    ``ask(method, path)`` is its answer's body and raises ``Unreachable``. ``ended()`` says how it
    ended, and is empty while it runs.
    """

    name: str
    ask: Callable[[str, str], bytes]
    ended: Callable[[], str]
    lost: str = ""
    _heard: float = field(default_factory=time.monotonic)

    def state(self) -> tuple[str, str]:
        """Its state (starting, ready, running, done, or lost) and what it says; never raises for it."""
        if why := self.lost or self.ended():
            self.lost = why
            return "lost", why
        try:
            told = json.loads(self.ask("GET", "/state"))
        except (Unreachable, ValueError) as exc:
            if time.monotonic() - self._heard > SILENT_SECONDS:
                self.lost = f"silent for {SILENT_SECONDS:.0f} s: {exc}"
            return "lost" if self.lost else "silent", str(exc)
        self._heard = time.monotonic()
        return str(told["state"]), str(told["said"])


class _Answer(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...


def body(answer: _Answer, path: str) -> bytes:
    """The body of a worker's answer about ``path``. Raises ``Unreachable`` for anything but a 200."""
    if answer.status != 200:
        raise Unreachable(f"{path}: answered {answer.status}: {answer.body[:200]!r}")
    return answer.body


def drive(
    workers: Sequence[Worker], seconds: float, folder: Path, *, ready: float, stop: float
) -> list[Path]:
    """Have ``workers`` send a load of ``seconds`` together; the folders of those that handed over.

    Those that were lost on the way are told and missing. ``ready`` bounds the wait for their readiness,
    ``stop`` what requests under way may take. Raises ``StageFailed`` when one can't even begin.
    """
    wait_until("the load workers", partial(_all_ready, workers), wanted="all ready", within=ready, every=0.2)
    _begin(workers)
    wait_until(
        "the load run",
        partial(_all_over, workers),
        wanted="every worker done",
        within=BEGIN_SECONDS + seconds + stop + Budget.ANSWER,
    )
    found = run_all([partial(_collect, worker, folder) for worker in workers])
    for worker in workers:
        if worker.lost:
            progress.note(f"load worker {worker.name} is lost: {worker.lost}")
    return [path for path in found if path]


def _all_ready(workers: Sequence[Worker]) -> Look[None]:
    states = run_all([worker.state for worker in workers])
    for worker, (state, said) in zip(workers, states, strict=True):
        if state == "lost":
            return Look(f"{worker.name}: {said}", hopeless=True)
    ready = [state for state, _ in states if state == "ready"]
    return Look(f"{len(ready)} of {len(workers)} ready", done=len(ready) == len(workers))


def _begin(workers: Sequence[Worker]) -> None:
    """Every worker is told how long from now, so that their clocks need not agree."""
    at = time.monotonic() + BEGIN_SECONDS

    def tell(worker: Worker) -> None:
        try:
            worker.ask("POST", f"/go?after={at - time.monotonic():.4f}")
        except Unreachable as exc:
            raise StageFailed(f"load worker {worker.name}", wanted="it begins", seen=str(exc)) from exc

    run_all([partial(tell, worker) for worker in workers], at_once=max(1, len(workers)))
    if time.monotonic() > at:
        raise StageFailed("the load workers", wanted=f"all told within {BEGIN_SECONDS:g} s", seen="too late")


def _all_over(workers: Sequence[Worker]) -> Look[None]:
    states = run_all([worker.state for worker in workers])
    over = [state in ("done", "lost") for state, _ in states]
    said = "; ".join(said for state, said in states if state == "running" and said)
    return Look(said or f"{sum(over)} of {len(workers)} done", done=all(over))


def _collect(worker: Worker, folder: Path) -> Path | None:
    if worker.lost:
        return None
    into = folder / worker.name
    try:
        packed = worker.ask("GET", "/result")
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(into, filter="data")
        worker.ask("POST", "/bye")
    except (CxError, tarfile.TarError, OSError) as exc:
        worker.lost = f"it did not hand over what it measured: {exc}"
        return None
    return into
