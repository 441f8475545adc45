"""What the site looked like when a step failed, collected before anything is cleaned up."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cxlib.clients import process
from cxlib.errors import duration
from cxlib.harness.redact import redact, redact_file

Collector = Callable[[Path], None]
WITHIN_SECONDS = 30.0
_collectors: dict[str, Collector] = {}


def register(name: str, collector: Collector) -> None:
    """Call ``collector(folder)`` at the first failing step of a scenario.

    It writes what it finds into ``folder``, which is its own, as text files. It may take 30 s, all
    collectors together; what it raises is written down and harms nobody. Secrets are taken out of
    all that it wrote. Registering a name again replaces the collector.
    """
    _collectors[name] = collector


def collect(folder: Path, *, within: float = WITHIN_SECONDS) -> list[str]:
    """Run all collectors at once, for ``within`` seconds at most; what they found is in ``folder``.

    Returns the names of those that failed or were not done; why is in ``<name>/collector-failed.txt``.
    """
    if not _collectors:
        return []
    raw = Path(tempfile.mkdtemp(prefix="cx-diagnostics-"))  # mode 0700: not redacted yet
    try:
        problems = _run(raw, within)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in list(_collectors):
            _publish(raw / name, folder / name, problems.get(name))
    finally:
        shutil.rmtree(raw, ignore_errors=True)
    return sorted(problems)


def _run(raw: Path, within: float) -> dict[str, str]:
    """Name to what went wrong, for each collector that failed or was not done in time."""
    problems: dict[str, str] = {}
    threads = {}
    for name, collector in list(_collectors.items()):
        (raw / name).mkdir(parents=True)
        threads[name] = threading.Thread(
            target=_guarded,
            args=(name, collector, raw / name, problems),
            name=f"diagnose-{name}",
            daemon=True,
        )
        threads[name].start()
    deadline = time.monotonic() + within
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    late = [name for name, thread in threads.items() if thread.is_alive()]
    if late:
        process.interrupt_all()  # their children would outlive us
    return problems | {name: f"not done within {duration(within)}" for name in late}


def _guarded(name: str, collector: Collector, folder: Path, problems: dict[str, str]) -> None:
    try:
        collector(folder)
    except Exception as exc:  # noqa: BLE001  a broken collector must not hide the failure it looks at
        problems[name] = f"{type(exc).__name__}: {exc}"


def _publish(raw: Path, folder: Path, problem: str | None) -> None:
    """Copy what a collector wrote, redacted first."""
    for path in raw.rglob("*"):
        if path.is_file() and not path.is_symlink():
            redact_file(path)
    if any(raw.iterdir()) or problem:
        shutil.copytree(raw, folder, dirs_exist_ok=True, symlinks=True)
    if problem:
        (folder / "collector-failed.txt").write_text(redact(problem) + "\n")
