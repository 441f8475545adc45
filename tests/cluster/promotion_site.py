"""A site on loopback for promotions: real API server with the chart's own rights, real registry, real
MLflow, real keys; only what runs pods is a double (``promotion_doubles``)."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import requests
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cxlib.clients import argocd
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.evidence import envelope, rules
from cxlib.evidence.statement import Statement, Subject
from cxlib.wait import Budget, Look, wait_until
from services.pipeline import claim, logbook, model, registry, tracking
from services.pipeline.admission import Order
from services.pipeline.cluster import Cluster
from services.pipeline.image import REPOSITORY
from services.pipeline.pace import Pace
from services.pipeline.target import SOURCES
from services.pipeline.world import World
from tests.cluster.promotion_doubles import TIP, Rollouts, api

SITE = "test:0123abcd"
# Looks often, and waits as long as a busy machine needs: tests of what never comes say for how long.
PACE = Pace(every=0.05, rollout=60, served=60, stuck=0.4, outage=60, lease=60, silence=2)
CRITERIA = ["p95 of POST /predict < 30 ms at 1 users"]
QUESTION = json.dumps({"instances": [[0] * 64]})
OLD_CHART = "a" * 40  # what canary and production are pinned to before anything is promoted
_OCI = "application/vnd.oci.image"


@dataclass(slots=True)
class Keys:
    """The harness's pair of keys, as PEM."""

    private: bytes
    public: bytes

    @classmethod
    def made(cls) -> Keys:
        key = Ed25519PrivateKey.generate()
        return cls(
            key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()),
            key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo),
        )


@dataclass
class Stand:
    """The site, and what tests do to it and ask of it."""

    kube: Kube
    rollouts: Rollouts
    registry: str
    mlflow: str
    folder: Path
    keys: Keys = field(default_factory=Keys.made)

    @cached_property
    def accounts(self) -> dict[str, Path]:
        """A file with a real token of each account, as a pod has it."""
        return {name: self._token(name) for name in ("promote-model", "rollback-model")}

    def _token(self, account: str) -> Path:
        path = f"/api/v1/namespaces/argo/serviceaccounts/{account}/token"
        spec = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = api(self.kube, "POST", path, spec)
        assert answer.status_code == 201, answer.text
        file = self.folder / f"{account}.token"
        file.write_text(answer.json()["status"]["token"])
        return file

    def world(self, account: str = "promote-model", pace: Pace = PACE, **other: str) -> World:
        """The site as a pod of that account sees it; ``other``: registry or mlflow elsewhere, or url."""
        where = self.kube.configuration
        url = other.get("url", where.host)
        cluster = Cluster(url, self.accounts[account], Path(where.ssl_ca_cert))
        at = self.rollouts.places()
        return World(
            cluster,
            other.get("registry", self.registry),
            other.get("mlflow", self.mlflow),
            at,
            QUESTION,
            pace,
        )

    def image(self, content: str) -> str:
        """Push an image of one layer; its digest."""
        config, layer = self._blob(b"{}"), self._blob(content.encode())
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": {"mediaType": f"{_OCI}.config.v1+json", **config},
            "layers": [{"mediaType": f"{_OCI}.layer.v1.tar", **layer}],
        }
        # spaces that a rewriting registry or client would lose, and with them the digest
        return self.tag(f"made-{uuid.uuid4().hex}", json.dumps(manifest, indent=3).encode())

    def tag(self, tag: str, content: bytes) -> str:
        """Put a manifest under a tag; its digest."""
        url = f"http://{self.registry}/v2/{REPOSITORY}/manifests/{tag}"
        headers = {"Content-Type": f"{_OCI}.manifest.v1+json"}
        assert requests.put(url, data=content, headers=headers, timeout=10).status_code == 201
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    def _blob(self, data: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        begun = requests.post(f"http://{self.registry}/v2/{REPOSITORY}/blobs/uploads/", timeout=10)
        sep = "&" if "?" in begun.headers["Location"] else "?"
        done = requests.put(f"{begun.headers['Location']}{sep}digest={digest}", data=data, timeout=10)
        assert done.status_code == 201, done.text
        return {"digest": digest, "size": len(data)}

    def version(self) -> str:
        """A version of the model in MLflow, made now."""
        body = {"name": self._model, "source": "s3://models/made-for-the-test"}
        made = requests.post(f"{self.mlflow}/api/2.0/mlflow/model-versions/create", json=body, timeout=20)
        return str(made.json()["model_version"]["version"])

    @cached_property
    def _model(self) -> str:
        """The model's name; registered, if it wasn't."""
        at = f"{self.mlflow}/api/2.0/mlflow/registered-models/create"
        requests.post(at, json={"name": model.MODEL_NAME}, timeout=20)
        return model.MODEL_NAME

    def install(
        self, environment: str, version: str, digest: str, tag: str = "", chart: str = OLD_CHART
    ) -> None:
        """An environment that runs this image now, tag and alias included; by ``chart`` if it is pinned."""
        tag = tag or f"{environment}-1.0.{version}"
        named = {"image.tag": tag, "image.digest": digest, "model.version": version}
        app = argocd.manifest(
            f"birdclef-{environment}", repository="http://git/site.git", path="deploy/app",
            namespace=f"birdclef-{environment}", project="birdclef",
            value_files=[f"values-{environment}.yaml"],
            revision="chart" if environment == "staging" else None,
        )  # fmt: skip
        self.kube.delete("Application", f"birdclef-{environment}", argocd.NAMESPACE)
        argocd.ensure(self.kube, app, named, None if environment == "staging" else chart)
        if digest:
            registry.point(self.registry, REPOSITORY, tag, digest)
        alias = version if version not in ("", "0") else None
        model.set_alias(self.mlflow, environment, alias)

    def evidence(self, gate: str, version: str, digest: str, **changes: object) -> bytes:
        """A signed PASS of the environment that is named as its gate; ``changes`` to it, or ``key``."""
        now = datetime.now(UTC)
        key = changes.pop("key", self.keys.private)
        assert isinstance(key, bytes)
        made = Statement(
            gate=gate, gate_sha256=rules.gate_sha256(gate, CRITERIA), environment=gate,
            site=SITE, subject=Subject(digest, version), verdict="PASS", reason="",
            criteria=tuple({"text": line, "verdict": "PASS"} for line in CRITERIA),
            samples_sha256="", commit="", started=now - timedelta(seconds=2),
            finished=now - timedelta(seconds=1),
            expires=now + timedelta(hours=1),
        )  # fmt: skip
        return envelope.sign(replace(made, **changes), key)  # type: ignore[arg-type]

    def log(self, digest: str, raw: bytes) -> str:
        """Keep an envelope in MLflow as the harness does; the run's id."""
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        (folder / "evidence.json").write_bytes(raw)
        logged = Tracking(self.mlflow).log(
            "cx-gates", "gate", tags={"cx.digest": digest}, files=[folder / "evidence.json"]
        )
        return logged.run_id

    def trust(self, public: bytes | None = None, gates: dict[str, list[str]] | None = None) -> None:
        """Publish key, site and policy: a gate of its own name for each environment."""
        wanted = gates if gates is not None else {name: [name] for name in ("staging", "canary")}
        policy = {
            environment: {"gates": {gate: rules.gate_sha256(gate, CRITERIA) for gate in listed}}
            for environment, listed in wanted.items()
        }
        data = {
            "public-key.pem": (public or self.keys.public).decode(),
            "site": SITE,
            "policy.json": json.dumps(policy),
        }
        meta = {"name": "cx-trust", "namespace": "argo"}
        self.kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})

    def seen(self, environment: str) -> dict[str, object]:
        """All that must agree: what the Application says, the tag, the alias, what answers; and the claim."""
        app = self.kube.get("Application", f"birdclef-{environment}", argocd.NAMESPACE)
        assert app is not None
        named = argocd.parameters(app)
        answer = requests.get(f"{self.rollouts.url}/{environment}/version", timeout=5).json()
        return {
            "version": named["model.version"],
            "chart": app["spec"]["source"].get("targetRevision"),
            "digest": named["image.digest"],
            "tag": named["image.tag"],
            "tagged": registry.digest_of(self.registry, REPOSITORY, named["image.tag"]),
            "alias": model.alias_version(self.mlflow, environment),
            "served": (answer["model_version"], answer["image_digest"]),
            "claim": claim.read(app),
        }

    def tagged(self, tag: str) -> str | None:
        return registry.digest_of(self.registry, REPOSITORY, tag)

    def manifest(self, digest: str) -> bytes:
        """The bytes of an image's manifest."""
        there = registry.manifest(self.registry, REPOSITORY, digest)
        assert there is not None
        return there.content

    @property
    def tracking(self) -> Tracking:
        """The harness's own client of the same MLflow."""
        return Tracking(self.mlflow)

    def params(self, uid: str) -> dict[str, str]:
        """The parameters of what the logbook has of a workflow."""
        (run,) = tracking.search(self.mlflow, "cx-promotions", {"cx.workflow-uid": uid})
        return self.tracking.run(run.run_id)[0]

    def ended(self, uid: str) -> list[dict[str, str]]:
        """The tags of what the logbook has of a workflow."""
        found = tracking.search(self.mlflow, "cx-promotions", {"cx.workflow-uid": uid})
        return [dict(run.tags) for run in found]


@dataclass(slots=True)
class Staged:
    """Staging runs ``version`` from ``digest`` with evidence; canary runs something older."""

    stand: Stand
    version: str
    digest: str
    old_version: str
    old_digest: str

    def new(self, environment: str = "canary") -> dict[str, object]:
        """What is seen when all of it has come to the new version."""
        return self._seen(environment, self.version, self.digest, TIP)

    def old(self, environment: str = "canary") -> dict[str, object]:
        """What was seen before."""
        return self._seen(environment, self.old_version, self.old_digest, OLD_CHART)

    def install_old(self, environment: str) -> None:
        """The older version, until all say so; on record as promoted there, by the chart of its time."""
        self.stand.install(environment, self.old_version, self.old_digest)
        came = logbook.Entry(
            "promote-model-0", uuid.uuid4().hex, logbook.PROMOTED, environment, SOURCES[environment],
            self.old_version, self.old_digest, chart=OLD_CHART,
        )  # fmt: skip
        logbook.write(self.stand.mlflow, came, PACE)

        def look() -> Look[bool]:
            seen = self.stand.seen(environment)
            return Look(str(seen), True, done=seen == self.old(environment))

        wait_until(environment, look, wanted="all old", within=Budget.BOOT, every=0.05)

    def _seen(self, environment: str, version: str, digest: str, chart: str) -> dict[str, object]:
        tag = f"{environment}-1.0.{version}"
        return {
            "version": version, "digest": digest, "tag": tag, "tagged": digest, "alias": version,
            "chart": chart, "served": (version, digest), "claim": None,
        }  # fmt: skip


def staged(stand: Stand) -> Staged:
    """A new version in staging with evidence, an older one in canary."""
    made = staged_without_evidence(stand)
    stand.log(made.digest, stand.evidence("staging", made.version, made.digest))
    return made


def staged_without_evidence(stand: Stand) -> Staged:
    """A new version in staging about which nothing is proven, an older one in canary."""
    old, new = stand.version(), stand.version()
    made = Staged(stand, new, stand.image(f"new {new}"), old, stand.image(f"old {old}"))
    stand.install("staging", new, made.digest)
    stand.trust()
    made.install_old("canary")
    return made


def order(target: str, version: str, **more: object) -> Order:
    """A promotion of a workflow of its own."""
    uid = uuid.uuid4().hex
    source = {"canary": "staging", "production": "canary"}[target]
    made = Order(f"promote-model-{uid[:6]}", uid, target, source, version)
    return replace(made, **more)  # type: ignore[arg-type]


def rollback(target: str, version: str) -> Order:
    """A rollback of a workflow of its own."""
    made = order(target, version)
    return replace(made, workflow=made.workflow.replace("promote", "rollback"), rollback=True)
