"""A promoter that waits for a service while its claim is taken: when the service is back, it is too late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cxlib.wait import Look, wait_until
from services.pipeline import promotion
from services.pipeline.claim import Stale
from tests.cluster.door import door
from tests.cluster.faults import with_acts
from tests.cluster.promotion_site import Staged, order
from tests.cluster.test_promotion_hostile import address, behind
from tests.tiers import sampled

_ALIAS = b"POST /api/2.0/mlflow/registered-models/alias"
# Which service goes away at which request; and whether that is on the way back, when another comes after.
WRITES = {
    "alias": ("mlflow", _ALIAS, False),
    "tag": ("registry", b"PUT ", False),
    "alias put back": ("mlflow", _ALIAS, True),
    "tag put back": ("registry", b"DELETE ", True),
}


@pytest.mark.parametrize("write", sampled(WRITES, every_run=["alias", "alias put back"]))
def test_a_write_that_was_waited_for_is_not_made_when_the_claim_is_taken(staged: Staged, write: str) -> None:
    """Alias and tag have no compare-and-set, so the claim is looked at before each attempt, not once."""
    service, words, back = WRITES[write]
    asked, stand = order("canary", staged.version), staged.stand
    with door(address(stand, service)) as shut, ThreadPoolExecutor(1) as pool:

        def lose_it() -> None:
            shut.shut_at(words)
            if back:
                raise ConnectionError("so that it goes back")

        world = stand.world(**behind(shut, service))
        acts = {"agree" if back else "record": lose_it}
        waiting = pool.submit(with_acts, acts, lambda: promotion.run(asked, world))
        wait_until(
            "the promoter",
            lambda: Look("at work", True, done=shut.is_shut),
            wanted=f"before the {write}",
            within=60,
            every=0.05,
        )
        assert promotion.settle(asked.uid, "canary", "Failed", stand.world()) == "undone"
        if back:
            promotion.run(order("canary", staged.version), stand.world())
        shut.unlock()
        with pytest.raises(Stale):
            waiting.result(60)
    assert stand.seen("canary") == (staged.new() if back else staged.old())
    assert stand.tagged(f"canary-1.0.{staged.version}") == (staged.digest if back else None)
