"""The chart of an environment is promoted, undone and rolled back with its image."""

from __future__ import annotations

import uuid

import pytest

from cxlib.clients import argocd
from services.pipeline import logbook, promotion
from services.pipeline.undoing import Undone
from tests.cluster.faults import with_act
from tests.cluster.promotion_doubles import TIP
from tests.cluster.promotion_site import OLD_CHART, PACE, Staged, order, rollback

THIRD = "d" * 40


def proven_and_noted(staged: Staged, chart: str) -> None:
    """The old version came to the canary by evidence, with ``chart``."""
    stand, version, digest = staged.stand, staged.old_version, staged.old_digest
    stand.log(digest, stand.evidence("staging", version, digest))
    came = logbook.Entry(
        "promote-model-0",
        uuid.uuid4().hex,
        logbook.PROMOTED,
        "canary",
        "staging",
        version,
        digest,
        chart=chart,
    )
    logbook.write(stand.mlflow, came, PACE)


def test_what_is_promoted_to_is_pinned_to_the_commit_that_its_source_runs(staged: Staged) -> None:
    """Staging follows a branch; an edit of the chart reaches it, and nothing that was promoted to."""
    asked = order("canary", staged.version)
    promotion.run(asked, staged.stand.world())
    assert staged.stand.seen("canary")["chart"] == TIP
    (noted,) = staged.stand.ended(asked.uid)
    assert noted["cx.chart"] == TIP


@pytest.mark.parametrize(("noted", "chart"), [(OLD_CHART, OLD_CHART), ("", TIP)])
def test_a_rollback_brings_back_the_chart_of_its_time(staged: Staged, noted: str, chart: str) -> None:
    """The image ran well by that one; where nobody noted it, the chart stays."""
    proven_and_noted(staged, noted)
    promotion.run(order("canary", staged.version), staged.stand.world())
    promotion.run(rollback("canary", staged.old_version), staged.stand.world("rollback-model"))
    assert staged.stand.seen("canary") == staged.old() | {"chart": chart}


def test_a_chart_that_somebody_pins_meanwhile_is_left_alone_and_named(staged: Staged) -> None:
    """As everything else that a person sets under a promotion."""
    kube = staged.stand.kube

    def pin() -> None:
        change = {"spec": {"source": {"targetRevision": THIRD}}}
        kube.patch("Application", "birdclef-canary", argocd.NAMESPACE, change)

    asked = order("canary", staged.version)
    with pytest.raises(Undone, match=f"chart {THIRD[:8]}"):
        with_act("point", pin, lambda: promotion.run(asked, staged.stand.world()))
    assert staged.stand.seen("canary")["chart"] == THIRD
