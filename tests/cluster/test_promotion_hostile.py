"""Promotions on bad days: services that are down, images that don't run, others who want the same."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from cxlib.evidence.statement import EvidenceRefused
from services.pipeline import promotion
from services.pipeline.admission import Order
from services.pipeline.claim import Held
from services.pipeline.undoing import NotUndone, Undone
from tests.cluster.door import Door, door
from tests.cluster.faults import with_act, with_acts
from tests.cluster.promotion_site import OLD_CHART, PACE, Staged, Stand, order, rollback
from tests.tiers import sampled


def address(stand: Stand, service: str) -> str:
    urls = {
        "api": stand.kube.configuration.host,
        "mlflow": stand.mlflow,
        "registry": f"http://{stand.registry}",
    }
    return urlsplit(urls[service]).netloc


def behind(shut: Door, service: str) -> dict[str, str]:
    """Where a promotion finds the service that stands behind the door."""
    at = f"127.0.0.1:{shut.port}"
    return {
        "api": {"url": f"https://{at}"},
        "mlflow": {"mlflow": f"http://{at}"},
        "registry": {"registry": at},
    }[service]


DOWN = [
    ("api", "record"),
    ("api", "point"),
    ("api", "synced"),
    ("api", "release"),
    ("registry", "evidence"),
    ("registry", "retag"),
    ("registry", "agree"),
    ("mlflow", "evidence"),
    ("mlflow", "alias"),
    ("mlflow", "note"),
]


@pytest.mark.parametrize(
    ("service", "step"),
    sampled(DOWN, every_run=[("api", "synced"), ("registry", "retag"), ("mlflow", "alias")]),
)
def test_a_service_that_is_down_for_a_while_is_waited_for(staged: Staged, service: str, step: str) -> None:
    """A restart of the registry is no reason to undo anything."""
    asked = order("canary", staged.version)
    with door(address(staged.stand, service)) as shut:

        def outage() -> None:
            shut.shut()
            threading.Timer(0.8, shut.unlock).start()

        world = staged.stand.world(**behind(shut, service))
        with_act(step, outage, lambda: promotion.run(asked, world))
    assert staged.stand.seen("canary") == staged.new()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["promoted"]


@pytest.mark.parametrize(
    ("service", "step"),
    sampled([("api", "synced"), ("registry", "agree"), ("mlflow", "alias")], every_run=[("api", "synced")]),
)
def test_a_service_that_stays_down_leaves_nothing_half_done(staged: Staged, service: str, step: str) -> None:
    """What the step could not undo itself, the exit handler does as soon as it can."""
    asked = order("canary", staged.version)
    with door(address(staged.stand, service)) as shut:
        world = staged.stand.world(pace=replace(PACE, outage=0.5), **behind(shut, service))
        with pytest.raises(Exception, match="wanted an answer"):
            with_act(step, shut.shut, lambda: promotion.run(asked, world))
    assert promotion.settle(asked.uid, "canary", "Failed", staged.stand.world()) == "undone"
    assert staged.stand.seen("canary") == staged.old()
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") is None
    assert promotion.settle(asked.uid, "canary", "Failed", staged.stand.world()) == "undone"
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["undone"]


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    sampled(
        [
            ("unpullable", "ImagePullBackOff: manifest unknown"),
            ("crashing", "CrashLoopBackOff: back-off restarting"),
            ("unready", "isn't ready: probe failed"),
            ("wrong version", "999"),
            ("no predictions", "this image holds no model"),
        ],
        every_run=[("crashing", "CrashLoopBackOff: back-off restarting"), ("wrong version", "999")],
    ),
)
def test_an_image_that_does_not_serve_is_undone_and_the_cause_named(
    staged: Staged, behaviour: str, cause: str
) -> None:
    """It worked in staging; it doesn't here. The old one serves on."""
    asked, pace = order("canary", staged.version), replace(PACE, rollout=2, served=0.6)

    def turn_bad() -> None:
        staged.stand.rollouts.behaviour[staged.digest] = behaviour

    with pytest.raises(Undone, match=cause):
        with_act("record", turn_bad, lambda: promotion.run(asked, staged.stand.world(pace=pace)))
    assert staged.stand.seen("canary") == staged.old()
    assert cause in staged.stand.params(asked.uid)["why"]


def test_one_answer_that_did_not_come_does_not_excuse_an_undoing(staged: Staged) -> None:
    """What served before has to serve again, also when it was silent for a moment as it was recorded."""
    stand, rollouts = staged.stand, staged.stand.rollouts

    def silent() -> None:
        rollouts.dropped = 1

    def both_turn_bad() -> None:
        rollouts.behaviour.update({staged.digest: "wrong version", staged.old_digest: "wrong version"})

    asked, world = order("canary", staged.version), stand.world(pace=replace(PACE, served=0.5))
    try:
        with pytest.raises(NotUndone, match="999"):
            with_acts({"record": silent, "served": both_turn_bad}, lambda: promotion.run(asked, world))
        assert rollouts.dropped == 0
    finally:
        rollouts.behaviour.clear()
    assert promotion.settle(asked.uid, "canary", "Failed", stand.world()) == "undone"
    assert stand.seen("canary") == staged.old()


def test_the_first_promotion_is_undone_to_the_first_build(staged: Staged) -> None:
    """Which has no digest in its parameters, no model, and no alias."""
    stand, first = staged.stand, staged.stand.image("first build")
    stand.tag("canary-1.0.0", stand.manifest(first))
    stand.install("canary", "", "", tag="canary-1.0.0")

    def turn_bad() -> None:
        stand.rollouts.behaviour[staged.digest] = "no predictions"

    world = stand.world(pace=replace(PACE, served=0.6))
    with pytest.raises(Undone):
        with_act("record", turn_bad, lambda: promotion.run(order("canary", staged.version), world))
    assert stand.seen("canary") == {
        "version": "", "digest": "", "tag": "canary-1.0.0", "tagged": first, "alias": None,
        "chart": OLD_CHART, "served": (None, ""), "claim": None,
    }  # fmt: skip


def test_a_tag_that_was_there_is_pointed_back(staged: Staged) -> None:
    """By its digest; a tag of the same name may have served somebody."""
    other = staged.stand.image("other")
    tag = f"canary-1.0.{staged.version}"
    staged.stand.tag(tag, staged.stand.manifest(other))

    def turn_bad() -> None:
        staged.stand.rollouts.behaviour[staged.digest] = "no predictions"

    world = staged.stand.world(pace=replace(PACE, served=0.6))
    with pytest.raises(Undone):
        with_act("record", turn_bad, lambda: promotion.run(order("canary", staged.version), world))
    assert staged.stand.tagged(tag) == other


def outcome(asked: Order, staged: Staged) -> str:
    account = "rollback-model" if asked.rollback else "promote-model"
    try:
        return promotion.run(asked, staged.stand.world(account)).outcome
    except (Held, EvidenceRefused) as exc:
        return str(exc)


@pytest.mark.parametrize("number", sampled(range(100), every_run=range(3)))
def test_of_two_at_once_one_wins_and_the_other_names_it(staged: Staged, number: int) -> None:
    """Without Argo's mutex in between: the claim alone decides."""
    now = datetime.now(UTC)
    both = [order("canary", staged.version, submitted=now) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda asked: outcome(asked, staged), both))
    (winner,) = [asked for asked, text in zip(both, ended, strict=True) if text == "promoted"]
    (said,) = [text for text in ended if text != "promoted"]
    assert winner.workflow in said
    assert staged.stand.seen("canary") == staged.new()


def test_who_waited_while_another_promoted_is_told_so(staged: Staged) -> None:
    """In Argo the second waits for the mutex; what it was submitted for is no longer what there is."""
    submitted = datetime(2026, 1, 1, tzinfo=UTC)
    first = order("canary", staged.version)
    promotion.run(first, staged.stand.world())
    with pytest.raises(Held, match=f"{first.workflow} held canary when this was submitted"):
        promotion.run(order("canary", staged.version, submitted=submitted), staged.stand.world())
    again = order("canary", staged.version, submitted=datetime.now(UTC))
    assert promotion.run(again, staged.stand.world()).outcome == "promoted"


def proven_old(staged: Staged) -> None:
    """The older version was promoted with evidence, a week ago; it expired since."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    raw = staged.stand.evidence(
        "staging", staged.old_version, staged.old_digest, gate_sha256="1" * 64, started=then, finished=then,
        expires=then.replace(day=2),
    )  # fmt: skip
    staged.stand.log(staged.old_digest, raw)


def test_a_rollback_brings_back_what_was_proven_alias_included(staged: Staged) -> None:
    """Its evidence may be old, and its gate's text another one by now: it counted in its time."""
    proven_old(staged)
    promotion.run(order("canary", staged.version), staged.stand.world())
    asked = rollback("canary", staged.old_version)
    ended = promotion.run(asked, staged.stand.world("rollback-model"))
    assert (ended.outcome, ended.left) == ("rolled-back", staged.digest)
    assert staged.stand.seen("canary") == staged.old()
    assert [noted["cx.outcome"] for noted in staged.stand.ended(asked.uid)] == ["rolled-back"]


def test_a_rollback_to_what_was_never_proven_is_refused(staged: Staged) -> None:
    """A way back is no way round."""
    promotion.run(order("canary", staged.version), staged.stand.world())
    with pytest.raises(Exception, match="has no PASS for this image"):
        promotion.run(rollback("canary", staged.old_version), staged.stand.world("rollback-model"))
    assert staged.stand.seen("canary") == staged.new()


def test_a_rollback_to_what_failed_there_is_refused(staged: Staged) -> None:
    """A canary that turned bad is not what one goes back to."""
    proven_old(staged)
    raw = staged.stand.evidence(
        "canary", staged.old_version, staged.old_digest, verdict="FAIL", reason="it turned bad"
    )
    staged.stand.log(staged.old_digest, raw)
    promotion.run(order("canary", staged.version), staged.stand.world())
    with pytest.raises(Exception, match="it turned bad"):
        promotion.run(rollback("canary", staged.old_version), staged.stand.world("rollback-model"))


def test_a_promotion_and_a_rollback_at_once_never_mix(staged: Staged) -> None:
    """Whoever comes second is refused or comes after; in the end all agree on one version."""
    proven_old(staged)
    promotion.run(order("canary", staged.version), staged.stand.world())
    both = [order("canary", staged.version), rollback("canary", staged.old_version)]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda asked: outcome(asked, staged), both))
    assert {"promoted", "rolled-back"} & set(ended)
    assert staged.stand.seen("canary") in (staged.old(), staged.new())


def test_the_chain_goes_on_to_production(staged: Staged) -> None:
    """With canary's own evidence, for what canary runs."""
    staged.install_old("production")
    promotion.run(order("canary", staged.version), staged.stand.world())
    with pytest.raises(Exception, match="gate 'canary' has no PASS"):
        promotion.run(order("production", staged.version), staged.stand.world())
    staged.stand.log(staged.digest, staged.stand.evidence("canary", staged.version, staged.digest))
    promotion.run(order("production", staged.version), staged.stand.world())
    assert staged.stand.seen("production") == staged.new("production")
