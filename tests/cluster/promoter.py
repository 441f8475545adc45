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
from tests.cluster.faults import At


def main(text: str) -> int:
    asked = json.loads(text)
    where = asked["world"]
    cluster = Cluster(where["url"], Path(where["token"]), Path(where["ca"]))
    pace = Pace(**where["pace"])
    world = World(cluster, where["registry"], where["mlflow"], where["places"], where["question"], pace)
    struck = getattr(signal, asked["signal"])
    progress.listen(At(asked["at"], lambda: os.kill(os.getpid(), struck)))
    try:
        ended = promotion.run(Order(**asked["order"]), world)
    except Exception as exc:  # noqa: BLE001  # told to the test, which judges it
        print(f"{type(exc).__name__}: {exc}")
        return 1
    print(ended.outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
