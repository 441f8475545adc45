"""Several things at once, ended together when a person says stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from cxlib.clients import process

T = TypeVar("T")


def run_all(tasks: Iterable[Callable[[], T]], *, at_once: int = 8) -> list[T]:
    """Run ``tasks`` in threads; their results in order. The first error is raised, the rest cancelled.

    Ctrl-C reaches only the main thread: every child process gets one SIGINT from here.
    """
    pool = ThreadPoolExecutor(at_once)
    futures = [pool.submit(task) for task in tasks]
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
        failed = next((f for f in futures if f.done() and f.exception()), None)
        if failed:
            failed.result()
        return [f.result() for f in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        process.interrupt_all()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
