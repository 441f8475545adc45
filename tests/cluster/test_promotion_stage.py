"""The harness promotes and rolls back on real parts: API server, MLflow, registry, keys, and the
workflows' own code under the charts' own rights."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from cxlib.clients import argocd, workflows
from cxlib.clients.mlflow import Tracking
from cxlib.errors import ConfigError, StageFailed, Unrecoverable
from cxlib.evidence.statement import EvidenceRefused
from cxlib.parallel import run_all
from cxlib.settings import MODEL_NAME, load_site
from cxlib.stage import break_glass, environment, model, promotion, promotion_log, rollback, trust, under_way
from cxlib.stage.break_glass import BreakGlass
from cxlib.stage.environment import Candidate
from cxlib.wait import Budget, Look, wait_until
from services.pipeline.claim import UNDER_WAY, Before, Claim
from services.pipeline.target import Wanted
from tests.apart import Apart
from tests.cluster.harness import LoopbackSite, promote_to_canary
from tests.cluster.promotion_doubles import TIP
from tests.cluster.promotion_engine import working
from tests.cluster.promotion_site import Staged

pytestmark = pytest.mark.usefixtures("workflows_api")
INSTALLED = ("staging", "canary")


@dataclass
class World:
    """What is promoted, where, and the controller that can be paused."""

    staged: Staged
    site: LoopbackSite
    paused: threading.Event
    folder: Path

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.staged.version, self.staged.digest)

    def serves(self, name: str) -> Candidate:
        return environment.look(self.staged.stand.kube, self.site, name).candidate

    def attempts(self) -> list[str]:
        order = promotion.order("canary", self.candidate, TIP)
        return [r.name for r in workflows.runs(self.staged.stand.kube, order.template, order.inputs)]


@pytest.fixture
def world(
    staged: Staged, kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Staging holds a new version with evidence, the canary an older one; the harness knows both."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    stand = staged.stand
    # no pod here from which the registry can be asked
    monkeypatch.setattr(model, "image_digest", lambda kube, tag: stand.tagged(tag))
    site = LoopbackSite(**load_site("local").model_dump(), mlflow=stand.mlflow, served=stand.rollouts.url)
    shutil.copy(kubeconfig, site.kubeconfig)
    with working(stand) as paused:
        for name in INSTALLED:
            environment.install(stand.kube, site, name)
        pinned = [name for name in INSTALLED if name != "staging"]
        run_all(partial(environment.settle, stand.kube, site, name, []) for name in pinned)
        argocd.wait_synced(stand.kube, "birdclef-staging", TIP)
        yield World(staged, site, paused, tmp_path)
    for run in stand.kube.list("Workflow", workflows.NAMESPACE):
        stand.kube.delete("Workflow", run["metadata"]["name"], workflows.NAMESPACE)
    stand.kube.delete("ConfigMap", trust.NAME, trust.NAMESPACE)


def test_what_staging_proved_comes_to_the_canary_once(world: World) -> None:
    """One promotion brings all that must agree; the same command again changes nothing."""
    found = promotion.converge(world.site, "canary")
    assert found.candidate == world.candidate
    assert found.did == tuple(world.attempts())
    assert promotion.converge(world.site, "canary").did == ()
    assert len(world.attempts()) == 1
    assert world.staged.stand.seen("canary") == world.staged.new()


def test_without_evidence_nothing_is_even_asked_for(world: World) -> None:
    """The refusal names every reason, and says what measures it; the workflow would refuse as well."""
    world.staged.stand.trust(gates={"staging": ["staging", "another"]})
    with pytest.raises(
        EvidenceRefused, match=r"gate 'another' has no PASS.*--env=staging measures what lacks proof"
    ):
        promotion.converge(world.site, "canary")
    assert world.attempts() == []
    assert world.staged.stand.seen("canary") == world.staged.old()


def test_no_stage_is_skipped(world: World) -> None:
    """Production gets what runs in the canary, and that has no proof of its own there yet."""
    staged = world.staged  # put there by hand: nothing on record says how it came
    staged.stand.install("production", staged.old_version, staged.old_digest)
    with pytest.raises(EvidenceRefused, match="gate 'canary' has no PASS for this image"):
        promotion.converge(world.site, "production")


def test_only_what_was_approved_is_promoted(world: World) -> None:
    """Staging may have got another version between the approval and the job that waited for it."""
    approved = Candidate(world.staged.old_version, world.staged.old_digest)
    with pytest.raises(StageFailed, match=f"wanted {approved}, which was approved, saw {world.candidate}"):
        promotion.converge(world.site, "canary", only=approved)
    assert world.attempts() == []
    assert promotion.converge(world.site, "canary", only=world.candidate).candidate == world.candidate


def test_an_override_is_signed_and_shown(world: World) -> None:
    """Break-glass opens the way, and says who, why and until when, in this run and in later ones."""
    promotion.require_gates(world.site, {"staging": {"another": ("p95 of GET / < 1 s",)}})
    person = BreakGlass("somebody@here", "the site is down", world.folder / "override")
    found = promotion.converge(world.site, "canary", person)
    assert found.candidate == world.candidate
    (signed,) = break_glass.overrides(world.site, world.candidate.digest, "canary")
    assert break_glass.told(signed).startswith("somebody@here until ")
    assert break_glass.told(signed).endswith(": the site is down")
    event = promotion_log.events(world.site, "canary")[-1]
    assert event.override == "somebody@here: the site is down"


def test_an_override_that_is_not_needed_is_not_signed(world: World) -> None:
    """What is proven needs no glass broken, and the record must not say that it was."""
    person = BreakGlass("somebody@here", "just in case", world.folder / "override")
    promotion.converge(world.site, "canary", person)
    assert break_glass.overrides(world.site, world.candidate.digest, "canary") == []


def test_what_was_rolled_back_does_not_come_again_by_itself(world: World) -> None:
    """Back to the version before, alias included; then only a person brings the other one again."""
    stand = world.staged.stand
    old = Candidate(world.staged.old_version, world.staged.old_digest)
    stand.log(old.digest, stand.evidence("staging", old.version, old.digest))
    promotion.converge(world.site, "canary")
    history = [event.to for event in promotion_log.events(world.site, "canary")]
    assert history[-1] == world.candidate
    back = workflows.submit(stand.kube, rollback.order("canary", old), 1)
    under_way.follow(stand.kube, back)
    assert world.serves("canary") == old
    with pytest.raises(EvidenceRefused, match=r"was rolled back from canary .* only a new version"):
        promotion.converge(world.site, "canary")
    assert len(world.attempts()) == 1
    assert rollback.roll_back(world.site, "canary", old.version).candidate == old
    person = BreakGlass("somebody@here", "it was the network", world.folder / "override")
    assert promotion.converge(world.site, "canary", person).candidate == world.candidate
    newest = promotion_log.events(world.site, "canary")[-1]
    assert (newest.to, newest.override) == (world.candidate, "somebody@here: it was the network")


def test_a_rollback_to_what_serves_puts_an_alias_right_that_was_moved(world: World) -> None:
    """`cx status` names this command where tag or alias say something else than what serves."""
    promotion.converge(world.site, "canary")
    version = world.candidate.version
    stand = world.staged.stand
    Tracking(stand.mlflow)._client().set_registered_model_alias(
        MODEL_NAME, "canary", world.staged.old_version
    )
    found = rollback.roll_back(world.site, "canary", version)
    assert (found.candidate, found.alias) == (world.candidate, version)
    assert len(found.did) == 1


def leave(world: World, at: Candidate) -> None:
    """What a workflow to the candidate leaves that was deleted an hour ago, when the canary is ``at``."""
    staged, kube = world.staged, world.staged.stand.kube
    staged.stand.install("canary", at.version, at.digest)
    parameters = Wanted("canary", at.version, f"canary-1.0.{at.version}", at.digest).parameters
    before = Before(parameters, None, at.version, served=True)
    to = Wanted("canary", staged.version, f"canary-1.0.{staged.version}", staged.digest)
    until = datetime.now(UTC) - timedelta(hours=1)
    left = Claim("promote-model-gone-1", "gone", "t", until, to, before, source="staging")
    note = {"metadata": {"annotations": {UNDER_WAY: left.text}}}
    kube.patch("Application", "birdclef-canary", argocd.NAMESPACE, note)


def promoted_once(world: World, version: Candidate, *, proven: bool) -> Candidate:
    """The log has a promotion of ``version`` to the canary, and MLflow its evidence if it is ``proven``."""
    stand = world.staged.stand
    if proven:
        stand.log(version.digest, stand.evidence("staging", version.version, version.digest))
    tags = {"environment": "canary", "outcome": "promoted", "digest": version.digest}
    tags |= {"model-version": version.version, "workflow": "before", "from-digest": ""}
    stand.tracking.log(promotion_log.EXPERIMENT, "p", tags={f"cx.{key}": v for key, v in tags.items()})
    return version


def test_a_rollback_goes_to_what_the_cluster_accepts_and_stays_there(world: World) -> None:
    """A newer version without evidence is passed over, and the same command again changes nothing."""
    stand = world.staged.stand
    old = promoted_once(world, Candidate(world.staged.old_version, world.staged.old_digest), proven=True)
    promoted_once(world, Candidate(stand.version(), stand.image("unproven")), proven=False)
    promotion.converge(world.site, "canary")
    back = rollback.roll_back(world.site, "canary")
    assert (back.candidate, len(back.did)) == (old, 1)
    assert rollback.roll_back(world.site, "canary").did == ()
    assert world.serves("canary") == old


def test_a_rollback_ends_what_a_deleted_workflow_left(world: World) -> None:
    """All else is at the wanted version already: `cx status` would be red for ever."""
    old = promoted_once(world, Candidate(world.staged.old_version, world.staged.old_digest), proven=True)
    leave(world, old)
    assert len(rollback.roll_back(world.site, "canary", old.version).did) == 1
    assert world.staged.stand.seen("canary") == world.staged.old()


@pytest.mark.parametrize("moved", [False, True], ids=["before its alias moved", "but for its note"])
def test_the_same_promotion_ends_what_a_deleted_workflow_left(world: World, moved: bool) -> None:
    """Source and target have the same candidate already, and there is something to be done all the same."""
    leave(world, Candidate(world.staged.old_version, world.staged.old_digest))
    stand = world.staged.stand
    to = Wanted("canary", world.staged.version, f"canary-1.0.{world.staged.version}", world.staged.digest)
    spec = {"spec": {"source": {"helm": {"parameters": to.parameters}}}}
    stand.kube.patch("Application", "birdclef-canary", argocd.NAMESPACE, spec)
    if moved:
        client = Tracking(stand.mlflow)._client()
        client.set_registered_model_alias(MODEL_NAME, "canary", world.candidate.version)
    assert promotion.converge(world.site, "canary").candidate == world.candidate
    assert stand.seen("canary") == world.staged.new()


def test_an_alias_that_was_moved_is_put_right_by_the_same_promotion(world: World) -> None:
    """Instead of a run that fails at it for ever."""
    promotion.converge(world.site, "canary")
    client = Tracking(world.staged.stand.mlflow)._client()
    client.set_registered_model_alias(MODEL_NAME, "canary", world.staged.old_version)
    assert len(promotion.converge(world.site, "canary").did) == 1
    assert world.staged.stand.seen("canary") == world.staged.new()


def test_a_rollback_to_a_version_that_never_served_is_refused(world: World) -> None:
    """Nothing was proven of it there."""
    with pytest.raises(ConfigError, match="version 987654 never served canary"):
        rollback.roll_back(world.site, "canary", "987654")


def test_a_promotion_that_fails_names_the_cause(world: World) -> None:
    """The canary serves what it served before, by everyone's word."""
    world.staged.stand.rollouts.behaviour[world.candidate.digest] = "crashing"
    with pytest.raises(Unrecoverable, match="CrashLoopBackOff"):
        promotion.converge(world.site, "canary")
    assert world.staged.stand.seen("canary") == world.staged.old()


def test_a_version_put_there_by_hand_is_noticed(world: World) -> None:
    """It serves, but nothing let it in: a run that called that unchanged would hide it."""
    stand = world.staged.stand
    stranger = Candidate(stand.version(), stand.image("by hand"))
    for name in ("staging", "canary"):
        stand.install(name, stranger.version, stranger.digest, chart=TIP)
    with pytest.raises(EvidenceRefused, match="no promotion brought it there"):
        promotion.converge(world.site, "canary")


def apart(world: World) -> Apart:
    """The same command as a person gives it again, in a process that can be killed."""
    state = {"CX_STATE": os.environ["CX_STATE"]}
    return Apart(promote_to_canary, world.site, env=state, warm=["mlflow.tracking", "kubernetes.dynamic"])


@pytest.mark.parametrize("when", ["before it began", "while it was at work"])
def test_a_killed_harness_comes_back_to_one_whole_promotion(world: World, when: str) -> None:
    """kill -9, then the same command: the promotion under way is followed, nothing is done twice."""
    if when == "before it began":
        world.paused.set()
    harness = apart(world)
    wait_until(
        "the promotion",
        lambda: Look("none yet", done=bool(world.attempts())),
        wanted="submitted",
        within=Budget.BOOT,
        every=0.05,
    )
    harness.send(signal.SIGKILL)
    assert harness.ended(60) == -signal.SIGKILL
    world.paused.clear()
    second = apart(world).end(within=240)
    assert second.stdout.split()[:1] == [world.candidate.digest], second.stderr
    assert len(world.attempts()) == 1
    assert world.staged.stand.seen("canary") == world.staged.new()
