"""A promoter that is killed or put to sleep in the middle: see test_promotion_killed."""

from __future__ import annotations

import os
import signal

from cxlib import progress
from services.pipeline import promotion
from services.pipeline.admission import Order
from services.pipeline.world import World
from tests.cluster.faults import At


def promote(order: Order, world: World, at: str, number: signal.Signals) -> None:
    """Sends itself ``number`` when it is ``at`` a step; says how it ended, if it comes to that."""
    progress.listen(At(at, lambda: os.kill(os.getpid(), number)))
    try:
        ended = promotion.run(order, world)
    except Exception as exc:  # noqa: BLE001  # told to the test, which judges it
        print(f"{type(exc).__name__}: {exc}", flush=True)
    else:
        print(ended.outcome, flush=True)
