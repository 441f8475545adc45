"""What is refused before anything is written, and that nothing was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cxlib.clients import argocd
from cxlib.errors import StageFailed
from cxlib.evidence.statement import EvidenceRefused, Override
from services.pipeline import promotion
from tests.cluster.promotion_doubles import api
from tests.cluster.promotion_site import PACE, Keys, Staged, Stand, order, staged_without_evidence
from tests.tiers import further, sampled

DAY = timedelta(days=1)


@pytest.fixture
def bare(stand: Stand) -> Staged:
    """A version in staging about which nothing is proven."""
    return staged_without_evidence(stand)


def untouched(bare: Staged, uid: str) -> None:
    """Canary is as it was, to the last byte that a promotion could have written, and the refusal is noted."""
    app = bare.stand.kube.get("Application", "birdclef-canary", argocd.NAMESPACE)
    assert app is not None
    assert not [key for key in app["metadata"].get("annotations") or {} if key.startswith("cx.birdclef/")]
    assert bare.stand.seen("canary") == bare.old()
    assert bare.stand.tagged(f"canary-1.0.{bare.version}") is None
    assert [noted["cx.outcome"] for noted in bare.stand.ended(uid)] == ["refused"]


def tampered(raw: bytes) -> bytes:
    """The envelope with one bit of its payload turned."""
    at = raw.index(b'"payload":"') + 40
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


Lay = Callable[[Staged], None]


def lay(*, change: Callable[[bytes], bytes] = bytes, **changes: object) -> Lay:
    """Evidence for staging that differs from the right one in ``changes``, or by ``change`` to its bytes."""

    def run(bare: Staged) -> None:
        raw = bare.stand.evidence("staging", bare.version, bare.digest, **changes)
        bare.stand.log(bare.digest, change(raw))

    return run


def of_another_digest(bare: Staged) -> None:
    raw = bare.stand.evidence("staging", bare.version, "sha256:" + "ab" * 32)
    bare.stand.log(bare.digest, raw)


def revoked(bare: Staged) -> None:
    lay()(bare)
    lay(verdict="FAIL", reason="p95 too high", finished=datetime.now(UTC))(bare)


def revoked_and_deleted(bare: Staged) -> None:
    """The FAIL's run is deleted by somebody who would like to see it promoted."""
    lay()(bare)
    raw = bare.stand.evidence(
        "staging",
        bare.version,
        bare.digest,
        verdict="FAIL",
        reason="p95 too high",
        finished=datetime.now(UTC),
    )
    bare.stand.tracking.remove(bare.stand.log(bare.digest, raw))


def without_trust(bare: Staged) -> None:
    lay()(bare)
    bare.stand.kube.delete("ConfigMap", "cx-trust", "argo")


def without_gates(bare: Staged) -> None:
    lay()(bare)
    bare.stand.trust(gates={})


def of_a_gate_that_is_not_the_only_one(bare: Staged) -> None:
    lay()(bare)
    bare.stand.trust(gates={"staging": ["staging", "model"]})


LATER = datetime.now(UTC) + DAY
REFUSED: dict[str, tuple[Lay, str]] = {
    "missing": (lambda _: None, "has no PASS for this image"),
    "expired": (
        lay(started=LATER - 3 * DAY, finished=LATER - 3 * DAY, expires=LATER - 2 * DAY),
        "it expired at",
    ),
    "revoked": (revoked, "revoked by the FAIL"),
    "revoked, and the FAIL deleted": (revoked_and_deleted, "revoked by the FAIL"),
    "of another digest": (of_another_digest, "has no PASS for this image"),
    "of another gate text": (lay(gate_sha256="0" * 64), "the gate's text has changed"),
    "of another site": (lay(site="other:99999999"), "of another site"),
    "of another environment": (lay(environment="canary"), "it is of canary, not of staging"),
    "tampered": (lay(change=tampered), "is refused"),
    "cut off": (lay(change=lambda raw: raw[:-20]), "is no JSON"),
    "signed by another key": (lay(key=Keys.made().private), "signed by another key"),
    "only inconclusive": (lay(verdict="INCONCLUSIVE"), "only INCONCLUSIVE"),
    "of one gate of two": (of_a_gate_that_is_not_the_only_one, "gate 'model' has no PASS"),
    "an override for elsewhere": (
        lay(verdict="OVERRIDE", override=Override("me", "why", "production")),
        "has no PASS for this image",
    ),
    "without a key to trust": (without_trust, "nothing is believed"),
    "without gates": (without_gates, "no gate is set for staging"),
}
# The rules themselves have tests of their own (tests/evidence); here it is that they are asked.
EVERY_RUN = ("missing", "expired", "revoked, and the FAIL deleted", "tampered", "without a key to trust")


@pytest.mark.parametrize("kind", sampled(REFUSED, every_run=EVERY_RUN))
def test_evidence_is_checked_inside_the_cluster(bare: Staged, kind: str) -> None:
    """Also for whoever submits the workflow from Argo's own page: no evidence, no promotion."""
    prepare, reason = REFUSED[kind]
    prepare(bare)
    asked = order("canary", bare.version)
    with pytest.raises(EvidenceRefused, match=reason):
        promotion.run(asked, bare.stand.world())
    untouched(bare, asked.uid)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"target": "production"}, "staging to canary, canary to production, saw staging to production"),
        further({"target": "staging", "source": "canary"}, "saw canary to staging"),
        ({"version": "424242"}, "what runs in staging"),
        further({"digest": "sha256:" + "cd" * 32}, "what runs in staging"),
        ({"version": "2; rm"}, "the number of a registered version"),
        further({"version": "0"}, "the number of a registered version"),
        further({"digest": "latest"}, "64 hex digits"),
    ],
)
def test_only_what_runs_in_the_source_goes_along_the_chain(
    bare: Staged, change: dict[str, str], reason: str
) -> None:
    """By hand anything went from anywhere to anywhere."""
    lay()(bare)
    bare.install_old("production")
    asked = replace(order("canary", bare.version), **change)
    with pytest.raises(StageFailed, match=reason):
        promotion.run(asked, bare.stand.world(pace=replace(PACE, outage=1)))
    assert bare.stand.seen("canary") == bare.old()


def test_what_is_not_installed_is_not_promoted_to(bare: Staged) -> None:
    """And the exit handler finds nothing to settle there, instead of trying again and again."""
    lay()(bare)
    bare.stand.kube.delete("Application", "birdclef-canary", argocd.NAMESPACE)
    asked = order("canary", bare.version)
    with pytest.raises(StageFailed, match="birdclef-canary"):
        promotion.run(asked, bare.stand.world())
    assert promotion.settle(asked.uid, "canary", "Failed", bare.stand.world()) == "nothing to settle"
    assert [noted["cx.outcome"] for noted in bare.stand.ended(asked.uid)] == ["refused"]


def test_a_source_that_serves_something_else_is_no_source(bare: Staged) -> None:
    """What the Application says and what answers must be one: only that was tested."""
    lay()(bare)
    bare.stand.rollouts.behaviour[bare.digest] = "wrong version"
    asked = order("canary", bare.version)
    with pytest.raises(StageFailed, match="/version: wanted"):
        promotion.run(asked, bare.stand.world(pace=replace(PACE, served=0.3)))
    untouched(bare, asked.uid)


def test_a_source_is_only_read(bare: Staged) -> None:
    """Nothing is proven yet: a source whose syncs are asked for by a person isn't synced by a promotion."""
    kube, name = bare.stand.kube, "birdclef-canary"
    bare.install_old("production")
    source = (kube.get("Application", name, argocd.NAMESPACE) or {})["spec"]["source"]
    by_hand = {"sync": {"status": "OutOfSync", "comparedTo": {"source": source, "destination": {}}}}
    change = {"spec": {"syncPolicy": {"automated": None}}, "status": by_hand}
    found = kube.patch("Application", name, argocd.NAMESPACE, change)
    with pytest.raises(StageFailed, match="saw OutOfSync"):
        asked = order("production", bare.old_version)
        promotion.run(asked, bare.stand.world(pace=replace(PACE, served=0.5)))
    seen = kube.get("Application", name, argocd.NAMESPACE) or {}
    assert "operation" not in seen
    assert seen["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]


def test_a_break_glass_opens_and_is_marked(bare: Staged) -> None:
    """Signed like evidence, for this digest and this target; the record says who and why."""
    lay(verdict="OVERRIDE", override=Override("Ada", "the old one leaks", "canary"))(bare)
    asked = order("canary", bare.version)
    ended = promotion.run(asked, bare.stand.world())
    assert ended.override == "Ada: the old one leaks"
    (noted,) = bare.stand.ended(asked.uid)
    assert noted["cx.override"] == "Ada: the old one leaks"


def test_an_image_replaced_under_its_tag_is_noticed_and_not_followed(staged: Staged) -> None:
    """Digests rule: what was tested is promoted, whatever the tag of staging names by now."""
    evil = staged.stand.image("evil")
    content = staged.stand.manifest(evil)
    staged.stand.tag(f"staging-1.0.{staged.version}", content)
    staged.stand.tag(f"canary-1.0.{staged.version}", content)
    asked = order("canary", staged.version)
    promotion.run(asked, staged.stand.world())
    assert staged.stand.seen("canary") == staged.new()
    assert "names " + evil in staged.stand.params(asked.uid)["noticed"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("PATCH", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/birdclef-staging"),
        ("PATCH", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/birdclef-platform"),
        ("DELETE", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/birdclef-canary"),
        ("POST", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"),
        ("GET", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"),
        ("PATCH", "/api/v1/namespaces/argo/configmaps/cx-trust"),
        ("GET", "/api/v1/namespaces/argo/configmaps/workflow-controller-configmap"),
        ("GET", "/api/v1/namespaces/argocd/secrets"),
        ("GET", "/api/v1/namespaces/birdclef-platform/secrets/minio-credentials"),
        ("DELETE", "/api/v1/namespaces/birdclef-canary/pods/birdclef-app-1"),
        ("POST", "/api/v1/namespaces/birdclef-canary/pods"),
        ("PATCH", "/apis/apps/v1/namespaces/birdclef-production/deployments/birdclef-app"),
        ("POST", "/apis/argoproj.io/v1alpha1/namespaces/argo/workflows"),
    ],
)
@pytest.mark.parametrize("account", ["promote-model", "rollback-model"])
def test_the_accounts_can_touch_nothing_else(stand: Stand, account: str, verb: str, path: str) -> None:
    """Asked of the API server with the account's own token; it knows all rights that the charts give."""
    answer = api(stand.kube, verb, path, {}, token=stand.accounts[account].read_text())
    assert answer.status_code == 403
