"""A promoter in a process of its own, to be killed or stopped in the middle: see test_promotion_killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from cxlib import progress
from services.pipeline import promotion
from services.pipeline.admission import Order
from services.pipeline.cluster import Cluster
from services.pipeline.pace import Pace
from services.pipeline.world import World


class Fault(progress.PlainListener):
    """Does something to this process right before or right after a step: ``"retag after"``."""

    def __init__(self, at: str, signal_number: int) -> None:
        super().__init__()
        self._at, self._signal = at, signal_number

    def began(self, stage: str) -> None:
        self._hit(f"{stage} before")

    def ended(self, stage: str, seconds: float, outcome: str) -> None:
        if outcome == "done":
            self._hit(f"{stage} after")

    def _hit(self, here: str) -> None:
        if here == self._at:
            os.kill(os.getpid(), self._signal)


def main(text: str) -> int:
    asked = json.loads(text)
    where = asked["world"]
    cluster = Cluster(where["url"], Path(where["token"]), Path(where["ca"]))
    pace = Pace(**where["pace"])
    world = World(cluster, where["registry"], where["mlflow"], where["places"], where["question"], pace)
    progress.listen(Fault(asked["at"], getattr(signal, asked["signal"])))
    try:
        ended = promotion.run(Order(**asked["order"]), world)
    except Exception as exc:  # noqa: BLE001  # told to the test, which judges it
        print(f"{type(exc).__name__}: {exc}")
        return 1
    print(ended.outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
