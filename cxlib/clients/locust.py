"""Locust in child processes (importing it would patch ours), with every raw sample kept."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cxlib import progress
from cxlib.clients import http, load_part, load_worker, process, runfolder
from cxlib.errors import ConfigError, CxError, Unreachable
from cxlib.model.load import LoadLevel
from cxlib.model.run import Run, Served, ServedSpan
from cxlib.model.sample import Samples
from cxlib.settings import CHECKOUT

PLUGIN = Path("cxlib") / "load" / "plugin.py"
STOP_SECONDS = 15
START_SECONDS = 60.0
MOST_USERS = 1000


@dataclass(frozen=True, slots=True)
class Errand:
    """What generators are to do: send ``host`` the ``levels`` by the users of the locustfile ``profile``.

    ``seed`` makes their chances repeatable; logs go to ``folder``. In the open model each worker makes
    at most ``most_users`` users of a class, and further arrivals wait for one of them.
    """

    profile: Path
    host: str
    levels: tuple[LoadLevel, ...]
    seed: str
    folder: Path
    most_users: int = MOST_USERS

    @property
    def seconds(self) -> float:
        return sum(level.seconds for level in self.levels)

    def order(self, index: int, of: int, processors: float, control: tuple[str, int] | None) -> str:
        """What worker ``index`` of ``of`` is told, as ``cxlib.load.plugin`` reads it; users are its share.

        ``processors`` is how much processor time a second it gets, ``control`` where it listens.
        """
        share = [(level.users + of - 1 - index) // of for level in self.levels]
        levels = [[n, lv.seconds, lv.rate, lv.arrivals] for n, lv in zip(share, self.levels, strict=True)]
        told = {"levels": levels, "seed": self.seed, "index": index, "of": of, "processors": processors}
        told |= {"control": control, "stop_seconds": STOP_SECONDS, "most_users": self.most_users}
        return json.dumps(told)

    def argv(self, python: str, profile: str, plugin: str) -> list[str]:
        """The command of a worker whose files lie at ``profile`` and ``plugin``."""
        argv = [python, "-m", "locust", "--headless", "--only-summary", "--host", self.host]
        argv += ["--locustfile", f"{profile},{plugin}", "--stop-timeout", str(STOP_SECONDS)]
        return [*argv, "--exit-code-on-error", "0", "--loglevel", "WARNING"]


# Does an errand with a scratch folder: the folders of the parts measured, and how many workers were lost.
Generate = Callable[[Errand, Path], tuple[list[Path], int]]


def run(
    profile: Path,
    *,
    host: str,
    levels: Sequence[LoadLevel],
    folder: Path,
    site: str,
    served: Callable[[], Served],
    seed: int = 1,
    generate: Generate | None = None,
) -> tuple[Run, Samples]:
    """Drive ``host`` with the users of the locustfile ``profile``, level after level.

    Appends to the run that ``folder`` may already hold (an extension), writes the folder and
    returns its whole content. ``served`` says what answers, and is asked before and after.
    ``generate`` is who sends the load: ``alone`` unless told, ``processes(n)``, or pods.
    Raises ``ConfigError``, ``ProcessFailed`` (a locustfile that breaks), ``ProcessTimedOut``,
    ``StageFailed`` (workers that cannot begin).
    """
    check(levels)
    before = runfolder.read(folder) if (folder / "run.json").exists() else None
    folder.mkdir(parents=True, exist_ok=True)
    chances = f"{seed}+{len(before[0].levels)}" if before else str(seed)
    errand = Errand(profile, host, tuple(levels), chances, folder)
    at_start = _ask(served)
    with tempfile.TemporaryDirectory(prefix="cx-load-") as scratch:
        folders, lost = (generate or alone)(errand, Path(scratch))
        part = load_part.together([load_part.read(path, levels) for path in folders], levels)
    span = ServedSpan(start=at_start, end=_ask(served))
    done = _describe(errand, part, site, seed, lost, span), part.samples
    whole = load_part.extended(before, done) if before else done
    runfolder.write(folder, *whole)
    return whole


def check(levels: Sequence[LoadLevel]) -> None:
    """Raises ``ConfigError`` when the levels are none, or of both models: users of one would stand in
    the other's way."""
    if not levels:
        raise ConfigError("load levels", "there is none", "Give it one")
    if len({level.open for level in levels}) > 1:
        said = ", ".join(map(str, levels))
        raise ConfigError("load levels", f"{said} mix users and rates", "Make two gates of them")


def _ask(served: Callable[[], Served]) -> Served:
    """What answers now; unknown when it cannot be learnt, which no gate takes for a PASS."""
    try:
        return served()
    except CxError as exc:
        progress.note(f"what is served cannot be learnt: {exc}")
        return Served(digest=None, model_version=None)


def _environment(order: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LOCUST_")}
    path = os.pathsep.join(filter(None, [str(CHECKOUT), kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, "CX_LOAD_ORDER": str(order)}


def alone(errand: Errand, scratch: Path) -> tuple[list[Path], int]:
    """One process of this machine sends it all."""
    order = scratch / "order.json"
    order.write_text(errand.order(0, 1, 1.0, None), encoding="utf-8")
    process.run(
        errand.argv(sys.executable, str(errand.profile), str(CHECKOUT / PLUGIN)),
        timeout=errand.seconds + STOP_SECONDS + START_SECONDS,
        env=_environment(order),
        cwd=scratch,
        on_line=lambda line: progress.state("the load run", line) if "requests," in line else None,
        log=errand.folder / "locust.log",
    )
    return [scratch], 0


def processes(count: int) -> Generate:
    """``count`` processes of this machine share the load; their times and samples become one run.

    A process that dies is a lost worker. Raises ``ConfigError`` for fewer than one.
    """
    if count < 1:
        raise ConfigError("load processes", f"{count} of them", "Write a number from 1 up")
    return alone if count == 1 else lambda errand, scratch: _several(errand, scratch, count)


def require_work(errand: Errand, workers: int) -> None:
    """Raises ``ConfigError`` when a load level has fewer users than there are workers."""
    least = min((lv for lv in errand.levels if not lv.open), key=lambda lv: lv.users, default=None)
    if least and least.users < workers:
        raise ConfigError(f"load level {least}", f"too few for {workers} workers", "Use fewer workers")


def _several(errand: Errand, scratch: Path, count: int) -> tuple[list[Path], int]:
    require_work(errand, count)
    processors = min(1.0, len(os.sched_getaffinity(0)) / count)
    ours = process.Family()
    with ExitStack() as children:
        try:
            starts = [partial(_start, children, errand, scratch, i, count, processors) for i in range(count)]
            workers = [ours.call(start) for start in starts]
            found = load_worker.drive(
                workers, errand.seconds, scratch / "parts", ready=START_SECONDS, stop=STOP_SECONDS
            )
        except BaseException:
            ours.interrupt()  # all at once: each would take its own grace otherwise; no load beside it
            raise
    return found, count - len(found)


def _start(
    children: ExitStack, errand: Errand, scratch: Path, index: int, of: int, processors: float
) -> load_worker.Worker:
    home = scratch / f"worker-{index}"
    home.mkdir()
    order = home / "order.json"
    order.write_text(errand.order(index, of, processors, ("127.0.0.1", 0)), encoding="utf-8")
    argv = errand.argv(sys.executable, str(errand.profile), str(CHECKOUT / PLUGIN))
    log = errand.folder / f"locust-{index}.log"
    child = children.enter_context(process.background(argv, env=_environment(order), cwd=home, log=log))

    def ask(method: str, path: str) -> bytes:
        if not (home / "port").exists():
            raise Unreachable(f"{home.name} does not listen yet")
        url = f"http://127.0.0.1:{(home / 'port').read_text(encoding='utf-8')}{path}"
        return load_worker.body(http.fetch(url, body=None if method == "GET" else {}), path)

    def ended() -> str:
        return f"it ended: {child.tail()}" if child.ended() else ""

    return load_worker.Worker(home.name, ask, ended)


def _describe(
    errand: Errand, part: load_part.Part, site: str, seed: int, lost: int, served: ServedSpan
) -> Run:
    from importlib.metadata import version

    return Run(
        format=1,
        profile=errand.profile.stem,
        site=site,
        started=datetime.fromtimestamp(part.began, UTC),
        planned_seconds=errand.seconds,
        actual_seconds=part.seconds,
        planned_arrivals=part.planned,
        seed=seed,
        levels=part.levels,
        generator_cpu=part.generator_cpu,
        generator_first=part.generator_first,
        workers_lost=lost,
        locust=version("locust"),
        served=served,
    )
