"""Shows a run while it goes on: one status line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from typing import TextIO

from cxlib.errors import duration
from cxlib.harness.redact import redact

PLAIN_EVERY_SECONDS = 30.0
_LIVE_EVERY_SECONDS = 0.5
_FRESH_SECONDS = 15.0  # a state older than this says nothing of what happens now
_CLEAR = "\r\x1b[2K"
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Display:
    """A ``progress.Listener`` that owns ``stream``. With ``live`` it keeps a status line at its end;
    without, the status is a line of its own whenever nothing was said for ``every`` seconds."""

    def __init__(
        self,
        stream: TextIO,
        *,
        live: bool,
        every: float = PLAIN_EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        on_stage: Callable[[str, float, str], None] = lambda *_: None,
    ) -> None:
        self._stream, self._live, self._every, self._clock = stream, live, every, clock
        self._on_stage = on_stage
        self._lock = threading.RLock()
        self._stages: list[tuple[str, float]] = []
        self._doing: tuple[str, float] | None = None
        self._state: tuple[str, float] | None = None
        self._said = clock()
        self._drawn = ""
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def start(self) -> None:
        self._ticker.start()

    def close(self) -> None:
        self._stop.set()
        if self._ticker.is_alive():
            self._ticker.join()
        self.doing(None)

    def line(self, text: str, *styles: str) -> None:
        """A line that stays."""
        text = redact(text)
        with self._lock:
            if self._live:
                codes = ";".join(_STYLES[style] for style in styles)
                text = f"\x1b[{codes}m{text}\x1b[0m" if codes else text
            self._stream.write((_CLEAR if self._drawn else "") + text + "\n" + self._drawn)
            self._stream.flush()
            self._said = self._clock()

    def doing(self, text: str | None) -> None:
        """What is being done now, shown while no stage says more."""
        with self._lock:
            self._doing = (text, self._clock()) if text else None
            self._state = None
            if self._live and text is None and self._drawn:
                self._stream.write(_CLEAR)
                self._stream.flush()
                self._drawn = ""

    def began(self, stage: str) -> None:
        with self._lock:
            self._stages.append((stage, self._clock()))
            self._state = None
            if not self._live:
                self.line(f"    [{stage}] …")

    def state(self, waiting_for: str, last: str) -> None:
        with self._lock:
            self._state = (f"waiting for {waiting_for}: {last}", self._clock())

    def note(self, line: str) -> None:
        self.line(f"      {line}", "dim")

    def ended(self, stage: str, seconds: float, outcome: str) -> None:
        with self._lock:
            self._stages = [entry for entry in self._stages if entry[0] != stage]
            self._state = None
            self.line(f"    [{stage}] {outcome} in {duration(seconds)}", "dim")
        self._on_stage(stage, seconds, outcome)

    def status(self) -> str:
        """Stage, what is being waited for, last state, elapsed; empty when nothing goes on."""
        with self._lock:
            now = self._clock()
            current = self._stages[-1] if self._stages else self._doing
            if current is None:
                return ""
            name, since = current
            what = f"[{name}]" if self._stages else name
            fresh = self._state and now - self._state[1] < _FRESH_SECONDS + (0 if self._live else self._every)
            state = f" {self._state[0]}" if self._state and fresh else ""
            return f"{what}{state} · {duration(now - since)}"

    def refresh(self) -> None:
        """Draw the status if it is due."""
        with self._lock:
            status = self.status()
            if self._live:
                self._draw(status)
            elif status and self._clock() - self._said >= self._every:
                self.line(f"      … {status}")

    def _draw(self, status: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        text = "  " + redact(" ".join(status.split()))
        drawn = text[: width - 1] + "…" if len(text) > width else text
        drawn = drawn if status else ""
        if drawn != self._drawn:
            self._stream.write(_CLEAR + drawn)
            self._stream.flush()
            self._drawn = drawn

    def _tick(self) -> None:
        while not self._stop.wait(_LIVE_EVERY_SECONDS if self._live else min(1.0, self._every)):
            self.refresh()
