"""Keeps every raw sample of a Locust process, and watches how hard that process works."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]

CPU_WINDOW_SECONDS = 5
MOST_TEXTS = 500
COLUMNS = ("scheduled", "started", "finished", "status", "name", "error", "level")


class Visit:
    """What one arrival of the open model does: its load level, and when it was due, in epoch seconds."""

    __slots__ = ("due", "lag", "level", "requests")

    def __init__(self, level: int, due: float) -> None:
        self.level, self.due, self.lag, self.requests = level, due, 0.0, 0

    def scheduled(self, start: float) -> float:
        """When a request that started at ``start`` was meant to. The visit's first one: when the visit was
        due. Each further one: as much earlier as the first one was late."""
        self.requests += 1
        if self.requests == 1:
            self.lag = max(0.0, start - self.due)
        return start - self.lag


# The visit that the running greenlet is on; None in the closed model.
VISIT: ContextVar[Visit | None] = ContextVar("VISIT", default=None)
# Requests of a user's own on_start and on_stop are no arrivals.
PREPARING = Visit(-1, 0.0)


class Recorder:
    """One entry a request in each array; names and errors by their number in ``texts``.

    ``processors`` is how much processor time a second the process is given. In the closed model
    ``level`` is -1: the time tells it. ``first`` is whether it runs before all else on its machine.
    """

    def __init__(self, processors: float = 1.0) -> None:
        self.scheduled, self.started, self.finished = array("d"), array("d"), array("d")
        self.status, self.level = array("h"), array("h")
        self.name, self.error = array("i"), array("i")
        self.texts: dict[str, int] = {"": 0}
        self.level_starts: list[float] = []
        self.ended: float | None = None
        self.highest_cpu = 0.0
        self.first = False
        self.failures = 0
        self.said = ""
        self._processors = processors
        self._window: tuple[float, float] | None = None

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
        visit = VISIT.get()
        if visit is PREPARING or not self.level_starts:
            return  # what gets ready before the load is no load
        seconds = response_time / 1000
        start = start_time if start_time is not None else time.time() - seconds
        self.scheduled.append(visit.scheduled(start) if visit else start)
        self.level.append(visit.level if visit else -1)
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

    def watch(self, load: Callable[[int], str]) -> None:
        """Greenlet: the highest share of its processor time that this process took in 5 s, and a line a
        second; ``load`` names the load level of a number."""
        told, self._window = 0, (time.monotonic(), time.process_time())
        while True:
            gevent.sleep(1)
            told += 1
            level = load(max(0, len(self.level_starts) - 1))
            self.said = f"{level}, {len(self.started)} requests, {self.failures} failed"
            print(self.said, flush=True)  # noqa: T201  the parent shows it
            if told % CPU_WINDOW_SECONDS == 0:
                self._close_window()

    def _close_window(self) -> None:
        now, used = time.monotonic(), time.process_time()
        if self._window and now - self._window[0] >= 1:
            share = (used - self._window[1]) / (now - self._window[0]) / self._processors
            self.highest_cpu = max(self.highest_cpu, share)
            self._window = now, used

    def save(self, folder: Path, **more: Any) -> None:
        """The columns as raw machine numbers, then what explains them and ``more``, in ``facts.json``."""
        if not self.highest_cpu:  # a run shorter than a window is one
            self._close_window()
        for column in COLUMNS:
            with (folder / f"{column}.raw").open("wb") as sink:
                getattr(self, column).tofile(sink)
        facts = {
            "texts": list(self.texts),
            "level_starts": self.level_starts,
            "ended": self.ended or time.time(),
            "generator_cpu": self.highest_cpu,
            "generator_first": self.first,
            **more,
        }
        (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
