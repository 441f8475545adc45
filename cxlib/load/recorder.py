"""Loaded by Locust next to the user's locustfile: drives the load levels and keeps every raw sample.

Runs in the child process only, with the standard library and Locust. Reads its order from the file
that ``CX_LOAD_ORDER`` names; at the end writes the raw columns beside it.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import LoadTestShape, events

ORDER = Path(os.environ["CX_LOAD_ORDER"])
LEVELS: list[list[float]] = json.loads(ORDER.read_text())["levels"]
SPAWN_RATE = 1000
CPU_WINDOW_SECONDS = 5.0
MOST_TEXTS = 500
random.seed(json.loads(ORDER.read_text())["seed"])


class Recorder:
    """One entry a request in each array; names and errors by their number in ``texts``."""

    def __init__(self) -> None:
        self.started, self.finished = array("d"), array("d")
        self.status, self.name, self.error = array("h"), array("i"), array("i")
        self.texts: dict[str, int] = {"": 0}
        self.level_starts: list[float] = []
        self.ended: float | None = None
        self.highest_cpu = 0.0
        self.failures = 0

    def record(
        self,
        request_type: str,
        name: str,
        response_time: float,
        response: Any = None,
        exception: BaseException | None = None,
        start_time: float | None = None,
        **_: Any,
    ) -> None:
        """Listener of ``events.request``; ``response_time`` in ms, ``start_time`` in epoch seconds."""
        seconds = response_time / 1000
        start = start_time if start_time is not None else time.time() - seconds
        self.started.append(start)
        self.finished.append(start + seconds)
        self.status.append(getattr(response, "status_code", 0) or 0)
        self.name.append(self._number(f"{request_type} {name}"))
        self.error.append(self._number(str(exception)[:200] or repr(exception)) if exception else 0)
        self.failures += exception is not None

    def _number(self, text: str) -> int:
        known = self.texts.get(text)
        if known is None:
            if len(self.texts) >= MOST_TEXTS:
                text = "(more different texts than are kept)"
            known = self.texts.setdefault(text, len(self.texts))
        return known

    def watch_processor(self) -> None:
        """Greenlet: the highest share of one processor that this process took in 5 s, and a line a second."""
        wall, used, told = time.monotonic(), time.process_time(), 0
        while True:
            gevent.sleep(1)
            told += 1
            users = int(LEVELS[max(0, len(self.level_starts) - 1)][0])
            sys.stdout.write(f"{users} users, {len(self.started)} requests, {self.failures} failed\n")
            sys.stdout.flush()
            if told % int(CPU_WINDOW_SECONDS) == 0:
                now, busy = time.monotonic(), time.process_time()
                self.highest_cpu = max(self.highest_cpu, (busy - used) / (now - wall))
                wall, used = now, busy

    def save(self) -> None:
        """The columns as raw machine numbers, then what explains them, in one file each."""
        for column in ("started", "finished", "status", "name", "error"):
            with (ORDER.parent / f"{column}.raw").open("wb") as sink:
                getattr(self, column).tofile(sink)
        facts = {
            "texts": list(self.texts),
            "level_starts": self.level_starts,
            "ended": self.ended or time.time(),
            "generator_cpu": self.highest_cpu,
        }
        (ORDER.parent / "facts.json").write_text(json.dumps(facts))


recorder = Recorder()
events.request.add_listener(recorder.record)  # type: ignore[no-untyped-call]


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _begin(**_: Any) -> None:
    gevent.spawn(recorder.watch_processor)


@events.quit.add_listener  # type: ignore[untyped-decorator]
def _end(**_: Any) -> None:
    recorder.save()


class Levels(LoadTestShape):
    """Each load level for its seconds, one after the other."""

    def tick(self) -> tuple[int, float] | None:
        """The users wanted now; None when the last level's time is up."""
        now, passed = time.time(), 0.0
        begun = recorder.level_starts
        for number, (users, seconds) in enumerate(LEVELS):
            passed += seconds
            if not begun or now < begun[0] + passed - 0.01:
                if len(begun) <= number:
                    begun.append(now)
                return int(users), SPAWN_RATE
        recorder.ended = now
        return None
