"""Loaded by Locust next to the user's locustfile: drives the load levels and keeps every raw sample.

Runs in the child process only, with the standard library and Locust. Reads its order from the file
that ``CX_LOAD_ORDER`` names and saves what it measured beside it. The order: ``levels`` (each
``[users, seconds, rate, arrivals]``), ``seed``, ``index`` and ``of`` (which worker of how many this
is), ``processors``, ``stop_seconds``, ``most_users`` of a class, and ``control`` (host and port, or
null for a worker alone).
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
from locust import LoadTestShape, events

from cxlib.load import precedence
from cxlib.load.control import Control
from cxlib.load.generator import Generator
from cxlib.load.recorder import Recorder

FOLDER = Path(os.environ["CX_LOAD_ORDER"]).parent
ORDER: dict[str, Any] = json.loads(Path(os.environ["CX_LOAD_ORDER"]).read_text(encoding="utf-8"))
SPAWN_RATE = 1000
# A tick of Locust's comes once a second; one this early still ends the level.
EARLY_SECONDS = 0.03

random.seed(f"{ORDER['seed']}/{ORDER['index']}")
recorder = Recorder(ORDER["processors"])
events.request.add_listener(recorder.record)  # type: ignore[no-untyped-call]
control = Control(tuple(ORDER["control"]), FOLDER, lambda: recorder.said) if ORDER["control"] else None
generator: Generator | None = None


def _load(number: int) -> str:
    users, _, rate, _ = ORDER["levels"][number]
    behind = f", {generator.waiting} arrivals waiting" if generator and generator.waiting else ""
    return (f"{rate:g} rps" if rate else f"{users} users") + behind


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _begin(environment: Any, **_: Any) -> None:
    """After what the profile does at the start; the load itself begins when this is over."""
    try:
        _get_ready(environment)
    except Exception:
        _give_up(environment)
        raise  # Locust logs it and would go on
    inspect.stack()  # Locust looks at it when it stops; the first look takes 0.1 s of what is under way
    gc.collect()
    gc.freeze()  # what is there by now stays; looking through it again and again would pause the load
    recorder.first = precedence.take()
    gevent.spawn(recorder.watch, _load)
    if generator:
        gevent.spawn(generator.run).link_exception(lambda _: _give_up(environment))
    else:
        recorder.level_starts.append(time.time())


def _get_ready(environment: Any) -> None:
    global generator
    if any(rate for _, _, rate, _ in ORDER["levels"]):
        generator = Generator(environment, recorder, ORDER)
        generator.warm()
    if control:
        control.wait_for_go()


def _give_up(environment: Any) -> None:
    environment.process_exit_code = 3
    gevent.spawn(environment.runner.quit)


@events.quit.add_listener  # type: ignore[untyped-decorator]
def _end(**_: Any) -> None:
    precedence.give_back()
    counted = {"planned": generator.planned, "met": generator.met} if generator else {}
    recorder.save(FOLDER, **counted)
    if control and recorder.ended:
        control.hand_over()


class Levels(LoadTestShape):
    """Each load level for its seconds, one after the other; the open model runs itself."""

    def tick(self) -> tuple[int, float] | None:
        """The users wanted now; None when the last level's time is up."""
        if generator:
            return None if generator.done else (0, SPAWN_RATE)
        now, passed, begun = time.time(), 0.0, recorder.level_starts
        for number, (users, seconds, _, _) in enumerate(ORDER["levels"]):
            passed += seconds
            if not begun or now < begun[0] + passed - EARLY_SECONDS:
                if begun and len(begun) <= number:
                    begun.append(now)
                return users, SPAWN_RATE
        recorder.ended = now
        return None
