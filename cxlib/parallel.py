"""Several things at once, ended together when a person says stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, TypeVar

from cxlib.clients import process
from cxlib.errors import CxError

T = TypeVar("T")


def run_all(tasks: Iterable[Callable[[], T]], *, at_once: int = 8) -> list[T]:
    """Run ``tasks`` in threads; their results in order. The first error is raised, the rest cancelled.

    Ctrl-C reaches only the main thread: the tasks' child processes get one SIGINT from here, no others.
    """
    pool, ours = ThreadPoolExecutor(at_once), process.Family()
    futures = [pool.submit(copy_context().run, ours.call, task) for task in tasks]
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
        failed = next((f for f in futures if f.done() and f.exception()), None)
        if failed:
            failed.result()
        return [f.result() for f in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        ours.interrupt()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def together(asked: Mapping[str, Callable[[], Any]], within: float) -> tuple[dict[str, Any], dict[str, str]]:
    """The answers to all questions, asked at once, and why the others have none after ``within`` seconds.

    An error that isn't ours is raised: it is a mistake in here.
    """
    told: dict[str, Any] = {}
    silent: dict[str, str] = {}
    broken: list[Exception] = []

    def ask(name: str, question: Callable[[], Any]) -> None:
        try:
            told[name] = question()
        except CxError as exc:
            silent[name] = str(exc).splitlines()[0]
        except Exception as exc:  # noqa: BLE001  raised below, in the thread that people see
            broken.append(exc)

    # daemons: one that hangs in a connection must not keep the process
    threads = {
        name: threading.Thread(target=ask, args=(name, question), daemon=True)
        for name, question in asked.items()
    }
    for thread in threads.values():
        thread.start()
    deadline = time.monotonic() + within
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    if broken:
        raise broken[0]
    late = {name: f"no answer within {within:.0f} s" for name, t in threads.items() if t.is_alive()}
    return dict(told), {**late, **silent}
