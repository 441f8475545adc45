"""Somebody who goes on asking an environment while it changes, and remembers every answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cxlib.errors import CxError
from cxlib.settings import Site
from cxlib.stage import environment

EVERY = 0.1  # seconds from one answer to the next question


@dataclass(slots=True)
class Heard:
    """The answers so far: ``failures`` in words, ``digests`` as they came, each time that it was another;
    ``slowest`` in seconds."""

    asked: int = 0
    failures: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    slowest: float = 0.0


@contextmanager
def asking(site: Site, name: str) -> Iterator[Heard]:
    """Ask the environment what it serves, ten times a second, until the block ends."""
    heard, over = Heard(), threading.Event()

    def ask_on() -> None:
        while not over.wait(EVERY):
            _ask(site, name, heard)

    asker = threading.Thread(target=ask_on, name=f"ask-{name}", daemon=True)
    asker.start()
    try:
        yield heard
    finally:
        over.set()
        asker.join()


def _ask(site: Site, name: str, heard: Heard) -> None:
    heard.asked += 1
    began = time.monotonic()
    try:
        digest = environment.served(site, name).digest
    except CxError as exc:
        heard.failures.append(str(exc).splitlines()[0])
    else:
        if digest not in heard.digests[-1:]:
            heard.digests.append(digest)
    heard.slowest = max(heard.slowest, time.monotonic() - began)
