"""`cx status` asked of a real API server and a real MLflow.

Only what answers at an environment's address, and what the registry says of a tag, is told by the test.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cxlib import settings
from cxlib.clients import argocd
from cxlib.clients.kube import Kube, Object
from cxlib.clients.mlflow import Tracking
from cxlib.clients.mlflow_rest import Lookup
from cxlib.errors import Unreachable
from cxlib.evidence import EXPERIMENT, envelope
from cxlib.evidence.statement import Statement, Subject
from cxlib.model.standing import Environment, Image, Standing
from cxlib.settings import MODEL_NAME, Site
from cxlib.stage import identity, status, trust
from tests.cluster.test_argocd import controller_says
from tests.cluster.test_pod import READY, container, running

pytestmark = pytest.mark.usefixtures("argocd_api", "workflows_api")
OTHER = "sha256:" + "2" * 64
NOW = datetime.now(UTC)
TAG = "staging-1.0.7"
SHA = "a" * 64


@dataclass
class Place:
    """A site on which staging serves model 7 from ``digest``, and what a test does to it."""

    site: Site
    kube: Kube
    tracking: Tracking
    doors: status.Doors
    digest: str
    serving: dict[str, Image] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def look(self, **other: Any) -> Standing:
        return status.standing(self.site, through=replace(self.doors, **other))

    def staging(self) -> Environment:
        return self.look().environments[0]

    def wrong(self) -> list[str]:
        return [d.part for d in self.look().disagreements]

    def alias(self, version: str) -> None:
        self.tracking._client().set_registered_model_alias(MODEL_NAME, "staging", version)

    def prove(self, verdict: str, *, ago: float = 1, tamper: bool = False, **other: Any) -> str:
        """Keep the word of staging's gate, given ``ago`` hours, in MLflow; its run."""
        finished = NOW - timedelta(hours=ago)
        made = Statement(
            gate="fast", gate_sha256=SHA, environment="staging",
            site=identity.fingerprint(self.site, self.kube), subject=Subject(self.digest, "7"),
            verdict=verdict, reason=f"it is {verdict}",
            criteria=({"text": "nodes ready >= 3", "verdict": verdict},), samples_sha256="", commit="",
            started=finished - timedelta(minutes=1), finished=finished,
            expires=finished + timedelta(hours=24),
        )  # fmt: skip
        raw = envelope.sign(replace(made, **other), identity.private_key(self.site))
        path = self.site.state / "evidence.json"
        path.write_bytes(raw.replace(b"e30", b"e31", 1) + b" " if tamper else raw)
        tags = {
            "cx.digest": self.digest,
            "cx.gate": "fast",
            "cx.environment": "staging",
            "cx.verdict": verdict,
        }
        return self.tracking.log(EXPERIMENT, "fast", tags=tags, files=[path]).run_id


def application(name: str, digest: str, version: str, tag: str) -> Object:
    made = argocd.manifest(
        f"birdclef-{name}", repository="http://git/site.git", path="deploy/app", namespace=f"birdclef-{name}",
        project="birdclef",
    )  # fmt: skip
    listed = {"image.tag": tag, "image.digest": digest, "model.version": version}
    parameters = [{"name": key, "value": value} for key, value in listed.items()]
    made["spec"]["source"]["helm"] = {"parameters": parameters}
    return made


def clear(kube: Kube) -> None:
    for name in settings.ENVIRONMENTS:
        kube.delete("Application", f"birdclef-{name}", argocd.NAMESPACE)
        for pod in kube.list("Pod", f"birdclef-{name}"):
            kube.delete("Pod", pod["metadata"]["name"], f"birdclef-{name}")
    for workflow in kube.list("Workflow", "argo"):
        kube.delete("Workflow", workflow["metadata"]["name"], "argo")
    kube.delete("ConfigMap", trust.NAME, trust.NAMESPACE)


@pytest.fixture
def unproven(
    kube: Kube, kubeconfig: Path, mlflow_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """All parts of staging agree, but that there is no evidence yet."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    site = settings.load_site("local")
    shutil.copy(kubeconfig, site.kubeconfig)
    digest = f"sha256:{secrets.token_hex(32)}"
    serving, tags = {"staging": Image(digest, "7", TAG)}, {TAG: digest}
    doors = status.Doors(
        Lookup(mlflow_url, connect=2), lambda: kube, _asked(serving), lambda _, tag: tags.get(tag)
    )
    made = Place(site, kube, Tracking(mlflow_url), doors, digest, serving, tags)
    clear(kube)
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "birdclef-staging"}})
    kube.apply(application("staging", digest, "7", TAG))
    controller_says(kube, "birdclef-staging")
    _run_pod(kube, "one", digest)
    _register(made.tracking)
    _forget_aliases(made.tracking)
    made.alias("7")
    trust.publish_trust(kube, site)
    trust.require(kube, "staging", {"fast": SHA})
    yield made
    clear(kube)


@pytest.fixture
def place(unproven: Place) -> Place:
    """All parts of staging agree."""
    unproven.prove("PASS")
    return unproven


def _forget_aliases(tracking: Tracking) -> None:
    """Other tests' promotions moved them, in the same MLflow."""
    for name in settings.ENVIRONMENTS[1:]:
        if tracking.alias(MODEL_NAME, name):
            tracking._client().delete_registered_model_alias(MODEL_NAME, name)


def _asked(serving: dict[str, Image]) -> Callable[[str], Image]:
    def ask(name: str) -> Image:
        if name not in serving:
            raise Unreachable(f"GET http://{name}/version: no answer: refused")
        return serving[name]

    return ask


def _run_pod(kube: Kube, name: str, digest: str) -> None:
    running(kube, "birdclef-staging", name, {
        "conditions": [READY], "containerStatuses": [container(f"registry/birdclef-app@{digest}")],
    })  # fmt: skip
    kube.patch("Pod", name, "birdclef-staging", {"metadata": {"labels": {"app": "birdclef-app"}}})


def _register(tracking: Tracking) -> None:
    """The model has seven versions."""
    client = tracking._client()
    if not client.search_registered_models(f"name = '{MODEL_NAME}'"):
        client.create_registered_model(MODEL_NAME)
    while len(client.search_model_versions(f"name = '{MODEL_NAME}'")) < 7:
        client.create_model_version(MODEL_NAME, "s3://models/made-for-the-test")


def test_everything_that_agrees_is_told_and_nothing_is_wrong(place: Place) -> None:
    """One look gives what would take five programs, and the exit code says that all is well."""
    found = place.look()
    assert found.agrees, (found.disagreements, found.down)
    staging, canary, production = found.environments
    assert (staging.wanted, staging.serving) == (Image(place.digest, "7", TAG), Image(place.digest, "7", TAG))
    assert (staging.pods, staging.tagged, staging.alias) == ((place.digest,), place.digest, "7")
    assert [(p.gate, p.verdict, p.refused) for p in staging.proofs or ()] == [("fast", "PASS", "")]
    assert (canary.installed, production.installed) == (False, False)
    assert found.fingerprint == identity.fingerprint(place.site, place.kube)


def test_json_says_the_same(place: Place) -> None:
    """Machines read it: it has no object that JSON doesn't know."""
    told = json.loads(json.dumps(place.look().as_json()))
    assert told["agrees"] is True
    assert told["environments"][0]["proofs"][0]["expires"].endswith("+00:00")


def test_alias_that_was_moved_by_hand_is_seen(place: Place) -> None:
    """Who loads the model by its alias gets another than who asks the service."""
    place.alias("6")
    assert place.wrong() == ["alias"]


def test_image_replaced_under_its_tag_is_seen(place: Place) -> None:
    """Digests rule; a tag that says otherwise is a trap for the next who follows it."""
    place.tags[TAG] = OTHER
    assert place.wrong() == ["tag"]
    place.tags.clear()
    assert place.wrong() == ["tag"]


def test_pod_of_another_image_is_seen(place: Place) -> None:
    """One of several pods that was left behind answers every other request."""
    _run_pod(place.kube, "two", OTHER)
    assert place.wrong() == ["pods"]


def test_address_that_serves_something_else_is_seen(place: Place) -> None:
    """What people get is what counts."""
    place.serving["staging"] = Image(OTHER, "6", "staging-1.0.6")
    assert place.wrong() == ["serves"]


def test_application_that_is_out_of_sync_is_seen(place: Place) -> None:
    """Somebody changed the cluster, or git went on."""
    controller_says(place.kube, "birdclef-staging", sync="OutOfSync")
    assert place.wrong() == ["Application"]


def test_pass_that_a_later_fail_revoked_counts_no_more(place: Place) -> None:
    """Also when somebody deleted the run of the FAIL: what it said was said."""
    run = place.prove("FAIL", ago=0.5)
    assert place.wrong() == ["evidence"]
    assert "revoked by the FAIL" in (place.staging().proofs or ())[0].refused
    place.tracking.remove(run)
    assert place.wrong() == ["evidence"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"ago": 30}, "expired"),
        ({"gate_sha256": "b" * 64}, "the gate's text has changed"),
        ({"site": "local:00000000"}, "another site"),
        ({"tamper": True}, ""),
        ({"environment": "canary"}, ""),
        ({"subject": Subject(OTHER, "7")}, ""),
    ],
)
def test_evidence_that_does_not_count_is_said_with_its_reason(
    unproven: Place, changed: dict[str, Any], says: str
) -> None:
    """The page must believe exactly what a promotion would believe."""
    unproven.prove("PASS", **changed)
    assert unproven.wrong() == ["evidence"]
    assert says in (unproven.staging().proofs or ())[0].refused


def test_without_any_gate_nothing_is_proven(place: Place) -> None:
    """A policy that asks for nothing must not look like one that is met."""
    place.kube.patch("ConfigMap", trust.NAME, trust.NAMESPACE, {"data": {"policy.json": "{}"}})
    assert place.wrong() == ["evidence"]
    place.kube.delete("ConfigMap", trust.NAME, trust.NAMESPACE)
    assert place.wrong() == ["evidence"]


def test_promotion_under_way_is_shown_with_who_waits_for_it(place: Place) -> None:
    """Whoever comes second must know who holds the lock, since when, and where it is."""
    place.kube.apply(application("canary", "", "0", "canary-1.0.0"))
    for number, waiting in ((1, False), (2, True)):
        name = f"promote-model-abc-{number}"
        given = [
            {"name": "target-environment", "value": "canary"},
            {"name": "source-environment", "value": "staging"},
        ]
        made = {"apiVersion": argocd.API, "kind": "Workflow", "metadata": {"name": name, "namespace": "argo"}}
        spec = {"workflowTemplateRef": {"name": "promote-model"}, "arguments": {"parameters": given}}
        place.kube.create({**made, "spec": spec})
        mutex = {"waiting": [{"mutex": "argo/Mutex/promote-canary"}]} if waiting else {"holding": [{}]}
        body = {"status": {"phase": "Running", "synchronization": {"mutex": mutex}}}
        place.kube.patch("Workflow", name, "argo", body)
    staging, canary, _ = place.look().environments
    assert [(h.workflow, h.waits) for h in canary.holders] == [
        ("promote-model-abc-1", False), ("promote-model-abc-2", True),
    ]  # fmt: skip
    assert staging.holders == ()
    place.kube.patch("Workflow", "promote-model-abc-1", "argo", {"status": {"phase": "Succeeded"}})
    assert [h.workflow for h in place.look().environments[1].holders] == ["promote-model-abc-2"]


def test_mlflow_that_is_down_hides_nothing_else(place: Place) -> None:
    """Alias and evidence aren't told, the rest is; and it isn't well."""
    found = place.look(mlflow=Lookup("http://127.0.0.1:9", connect=1))
    assert list(found.down or {}) == ["MLflow"]
    assert not found.agrees
    assert found.disagreements == ()
    assert (found.environments[0].pods, found.environments[0].alias) == ((place.digest,), None)


def test_mlflow_that_hangs_is_waited_for_only_so_long(place: Place) -> None:
    """A server that takes the connection and says nothing must not hold the page up."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()
        found = place.look(mlflow=Lookup(f"http://127.0.0.1:{mute.getsockname()[1]}", connect=0.3))
    assert time.monotonic() - began < status.ANSWER_SECONDS
    assert list(found.down or {}) == ["MLflow"]


def test_cluster_that_is_down_leaves_what_mlflow_and_the_addresses_say(place: Place) -> None:
    """It may be the API server alone that is gone, while people are served."""
    nobody = place.site.kubeconfig
    text = (
        nobody.read_text().split("server:")[0]
        + "server: https://127.0.0.1:9\n    insecure-skip-tls-verify: true\n"
    )
    nobody.write_text(text)
    found = place.look(connect=status.doors(place.site).connect)
    assert list(found.down or {}) == ["Kubernetes"]
    staging = found.environments[0]
    assert (staging.installed, staging.alias, staging.serving) == (None, "7", Image(place.digest, "7", TAG))
    assert not found.agrees


def test_registry_that_is_down_is_said(place: Place) -> None:
    """The tag isn't told, and isn't taken for one that is missing."""

    def down(_: Kube, tag: str) -> str | None:
        raise Unreachable(f"registry: {tag} answered 503")

    found = place.look(tagged=down)
    assert list(found.down or {}) == ["registry"]
    assert found.environments[0].tagged is None
    assert found.disagreements == ()


def test_site_without_kubeconfig_or_taken_down_is_no_site(place: Place) -> None:
    """Nothing is asked then: no other cluster may answer in its place."""
    folder = place.site.state / "terraform"
    folder.mkdir()
    (folder / "terraform.tfstate").write_text(json.dumps({"resources": []}))
    assert not place.look().exists
    (folder / "terraform.tfstate").write_text(json.dumps({"resources": [{}]}))
    assert place.look().exists
    place.site.kubeconfig.unlink()
    assert not place.look().exists
