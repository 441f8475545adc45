"""A new model to production on the local site, and back: how long that takes, and what callers notice of it.

Works in a clone of the last commit whose `site.toml` names another classifier of the sample trainer, and
leaves the site with the new model in production. Takes ten minutes, so it runs only when it is named.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from benchmarks import promotions
from benchmarks.figure import Figure, at_most
from cxlib import settings
from cxlib.clients import load_part, locust, process
from cxlib.clients.mlflow import Tracking
from cxlib.errors import StageFailed
from cxlib.model.load import LoadLevel
from cxlib.model.sample import Samples
from cxlib.settings import MODEL_NAME, Site
from cxlib.stage import environment
from cxlib.stage.environment import Serving
from cxlib.wait import Look, wait_until

TARGET = "production"
# Two that the sample trainer offers and that are about as good: the bench goes from the one to the other.
CLASSIFIERS = ("logistic-regression", "support-vector")
RATE, LOAD_SECONDS = 50.0, 150.0
RUN_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Change:
    """Production changed what it serves: seconds from the command's start to the first answer of the new
    image, and what callers got meanwhile."""

    until_served: float
    callers: Samples


def measure() -> list[Figure]:
    """Raises ``ProcessFailed`` when a run isn't green, ``StageFailed`` when production serves no model."""
    site = settings.load_site("local")
    old = environment.served(site, TARGET)
    if not old.model_version:
        raise StageFailed(TARGET, wanted="a model to be served: run --env=production", seen="the first build")
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as name:
        folder = Path(name)
        clone = _clone(folder / "clone", _next(site, old.model_version))
        _python(clone, "-m", "pytest", "features/", "--env=canary")
        there = _change(site, folder / "there", lambda: _promote(clone))
        new = environment.served(site, TARGET)
        back = _change(site, folder / "back", lambda: _roll_back(clone))
        if environment.served(site, TARGET) != old:
            raise StageFailed(TARGET, wanted=str(old), seen=str(environment.served(site, TARGET)))
        _roll_back(clone, f"--to={new.model_version}")
    until = "rollback until the old digest serves, with the command's start"
    return [
        *promotions.stored(),
        at_most(until, back.until_served, promotions.ROLLBACK_SECONDS, "s"),
        *(_unharmed(what, change) for what, change in (("promotion", there), ("rollback", back))),
    ]


def _clone(folder: Path, classifier: str) -> Path:
    """The last commit, with a site that trains ``classifier``."""
    process.run(["git", "clone", "--quiet", str(settings.CHECKOUT), str(folder)], timeout=60)
    with (folder / "sites" / "local" / "site.toml").open("a") as file:
        file.write(f'\n[training]\nmodel_name = "{classifier}"\n')
    return folder


def _next(site: Site, version: str) -> str:
    """The classifier after the one that ``version`` is."""
    found = Tracking(site.url("mlflow")).version(MODEL_NAME, version)
    now = next((c for c in CLASSIFIERS if found and c in found.params.values()), CLASSIFIERS[-1])
    return CLASSIFIERS[(CLASSIFIERS.index(now) + 1) % len(CLASSIFIERS)]


def _python(clone: Path, *argv: str) -> None:
    process.run([sys.executable, *argv], timeout=RUN_SECONDS, cwd=clone)


def _promote(clone: Path) -> None:
    _python(clone, "-m", "pytest", "features/", f"--env={TARGET}")


def _roll_back(clone: Path, *more: str) -> None:
    _python(clone, "-m", "cxlib.cli", "rollback", f"--env={TARGET}", *more)


def _change(site: Site, folder: Path, do: Callable[[], None]) -> Change:
    """``do`` changes what production serves, while callers ask it ``RATE`` times a second."""
    before = environment.served(site, TARGET)
    with ThreadPoolExecutor(2) as beside:
        callers = beside.submit(_ask, site, folder)
        began = monotonic()
        doing = beside.submit(do)
        until = wait_until(
            f"{TARGET}'s answer", lambda: _look(site, before, doing), wanted="another image",
            within=LOAD_SECONDS, every=0.2,
        ) - began  # fmt: skip
        doing.result()
        seconds = monotonic() - began
        if callers.done():
            seen = f"{seconds:.0f} s, longer than the callers ask"
            raise StageFailed("the change", wanted=f"{LOAD_SECONDS:g} s at most", seen=seen)
        return Change(until, callers.result())


def _look(site: Site, before: Serving, doing: Future[None]) -> Look[float]:
    now = environment.served(site, TARGET)
    if doing.done():
        doing.result()
    return Look(f"{now.digest[:19]}", monotonic(), done=now.digest != before.digest)


def _ask(site: Site, folder: Path) -> Samples:
    """Every answer that production gave to the sample's users, at a constant rate."""
    folder.mkdir()
    level = LoadLevel(0, LOAD_SECONDS, RATE, "constant")
    profile = settings.CHECKOUT / "locustfiles" / "classify.py"
    parts, _ = locust.alone(locust.Errand(profile, site.url(TARGET), (level,), "1", folder), folder)
    return load_part.read(parts[0], [level]).samples


def _unharmed(what: str, change: Change) -> Figure:
    """What callers noticed of it."""
    failed = int(change.callers.failed.sum())
    slowest = 1000 * float(change.callers.latency.max())
    told = f"{failed} of {len(change.callers)} requests failed, the slowest took {slowest:.0f} ms"
    return Figure(f"callers at {RATE:g} rps during a {what}", told, "no failed request", failed == 0)
