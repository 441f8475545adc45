"""The chart of an environment is promoted, undone and rolled back with its image."""

from __future__ import annotations

import pytest

from cxlib.clients import argocd
from services.pipeline import logbook, promotion
from services.pipeline.target import Wanted
from services.pipeline.undoing import Undone
from tests.cluster.faults import with_act
from tests.cluster.promotion_doubles import TIP
from tests.cluster.promotion_site import PACE, Staged, order, rollback

THIRD = "d" * 40


def test_what_is_promoted_to_is_pinned_to_the_commit_that_its_source_runs(staged: Staged) -> None:
    """Staging follows a branch; an edit of the chart reaches it, and nothing that was promoted to."""
    asked = order("canary", staged.version)
    promotion.run(asked, staged.stand.world())
    assert staged.stand.seen("canary")["chart"] == TIP
    (noted,) = staged.stand.ended(asked.uid)
    assert noted["cx.chart"] == TIP


def test_a_rollback_brings_back_the_chart_of_its_time(staged: Staged) -> None:
    """The image ran well by that one."""
    stand, version, digest = staged.stand, staged.old_version, staged.old_digest
    stand.log(digest, stand.evidence("staging", version, digest))
    promotion.run(order("canary", staged.version), stand.world())
    promotion.run(rollback("canary", version), stand.world("rollback-model"))
    assert stand.seen("canary") == staged.old()


def test_where_no_chart_is_on_record_it_stays(staged: Staged) -> None:
    """As of versions that came there before charts were promoted: nothing is better known."""
    unknown = logbook.chart(staged.stand.mlflow, "canary", staged.digest, PACE)
    assert unknown == ""
    to = Wanted("canary", "7", "canary-1.0.7", staged.digest, unknown)
    assert "targetRevision" not in to.source
    assert to.said_by({"targetRevision": THIRD, "helm": {"parameters": to.parameters}})


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
