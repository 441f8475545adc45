"""The accepted run of what production serves: found, or refused with the reason, and not taken for none."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cxlib import settings
from cxlib.clients import argocd, runfolder
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.evidence.statement import Subject
from cxlib.judge.baseline import Refused
from cxlib.model.load import Load, LoadLevel
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from cxlib.settings import Site
from cxlib.stage import baseline, evidence, identity
from cxlib.stage.evidence import Recorded
from tests.cluster import generated
from tests.cluster.loopback_site import LoopbackSite, ServedSite, answering
from tests.judge.made import run, samples

NAMES = ("run.json", "samples.parquet")


@pytest.fixture
def site(
    mlflow_url: str, kubeconfig: Path, workflows_api: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Site:
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    made = LoopbackSite(**settings.load_site("local").model_dump(), mlflow=mlflow_url)
    made.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(kubeconfig, made.kubeconfig)
    return made


@pytest.fixture
def digest(request: pytest.FixtureRequest, kube: Kube, argocd_api: None) -> Iterator[str]:
    """What production serves, an image of the test's own."""
    found = "sha256:" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()
    app = argocd.manifest(
        "birdclef-production", repository="http://git/site.git", path="deploy/app",
        namespace="birdclef-production", project="birdclef",
    )  # fmt: skip
    argocd.ensure(kube, app, {"image.digest": found, "model.version": "7"})
    yield found
    kube.delete("Application", "birdclef-production", argocd.NAMESPACE)


def passed(site: Site, kube: Kube, folder: Path, digest: str, kept: Sequence[str] = NAMES) -> Recorded:
    """An accepted run in staging, as its gate leaves it."""
    runfolder.write(folder, run(site=identity.fingerprint(site, kube)), samples())
    one = CriterionResult("p95", Verdict.PASS, "", 30.0, "ms", value=10.0, n=1000)
    return evidence.record(
        site, "staging", GateVerdict("staging", Verdict.PASS, "", (one,)), Subject(digest, "7"), folder,
        started=datetime.now(UTC), files=[folder / name for name in kept], kube=kube,
    )  # fmt: skip


def found(site: Site, kube: Kube, profile: str = "classify") -> object:
    return baseline.find(site, kube, "staging", "staging", profile)


def test_there_is_none_before_production_serves_a_model(site: Site, kube: Kube, argocd_api: None) -> None:
    """The first promotion has nothing to be compared with."""
    assert found(site, kube) is None


def test_the_accepted_run_is_found_as_it_was_signed(
    site: Site, kube: Kube, tmp_path: Path, digest: str
) -> None:
    """And refused where the load is another one, or a file isn't what was signed any more."""
    made = passed(site, kube, tmp_path / "run", digest)
    accepted = found(site, kube)
    assert isinstance(accepted, tuple)
    assert len(accepted[1]) == 1000
    other = found(site, kube, "browse")
    assert isinstance(other, Refused)
    assert "of the load profile 'classify', this one of 'browse'" in other.why
    changed = json.loads((tmp_path / "run" / "run.json").read_text()) | {"profile": "browse"}
    (tmp_path / "run.json").write_text(json.dumps(changed))
    Tracking(site.url("mlflow"))._client().log_artifact(made.logged.run_id, str(tmp_path / "run.json"))
    tampered = found(site, kube, "browse")
    assert isinstance(tampered, Refused)
    assert "another run.json than was signed" in tampered.why


def test_a_lost_run_is_not_taken_for_none(site: Site, kube: Kube, tmp_path: Path, digest: str) -> None:
    """Who removes its samples from MLflow would else have made the comparison not applicable."""
    passed(site, kube, tmp_path / "run", digest, kept=NAMES[:1])
    lost = found(site, kube)
    assert isinstance(lost, Refused)
    assert "has no samples.parquet" in lost.why


def test_staging_compares_with_what_production_serves(
    site: Site, kube: Kube, mlflow_url: str, tmp_path: Path, digest: str
) -> None:
    """`vs baseline` was never applicable in staging; and without the accepted run it is INVALID."""
    load, lines = Load("classify", (LoadLevel(8, 60),)), ["p95 of POST /predict vs baseline by 10 %"]
    says = itertools.repeat(json.dumps({"image_digest": "sha256:" + "1" * 64, "model_version": "8"}))
    with answering(says) as url:
        there = ServedSite(**dict(site), app=url)

        def measured(name: str) -> tuple[Verdict, str]:
            one = baseline.measure(
                there, "staging", "staging", lines, load, tmp_path / name, generate=generated.answered
            )
            return one.result.verdict, one.result.outcome.criteria[0].reason

        verdict, reason = measured("without")
        assert verdict is Verdict.INVALID
        assert "keeps no PASS of gate 'staging' of staging about it" in reason
        passed(site, kube, tmp_path / "run", digest)
        verdict, reason = measured("with")
        assert verdict is Verdict.PASS
        assert "10 ms against the baseline's 10 ms" in reason
