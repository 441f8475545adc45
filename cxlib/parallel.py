"""Several things at once, ended together when a person says stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from cxlib.clients import process

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
