"""Evidence on real parts: signed by the site's key, kept by a real MLflow, believed by a real API server."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cxlib import settings
from cxlib.clients import argocd
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.evidence import FILE, envelope, rules
from cxlib.evidence.rules import State
from cxlib.evidence.statement import EvidenceRefused, Subject
from cxlib.model.load import Load, LoadLevel
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from cxlib.settings import Evidence, Site
from cxlib.stage import evidence, identity, ledger, trust
from cxlib.stage.evidence import Recorded
from tests.cluster import generated
from tests.cluster.loopback_site import LoopbackSite, ServedSite, answering
from tests.evidence.made import keys

LINE = "p95 of POST /predict < 30 ms"
TEXT = rules.gate_sha256("staging", [LINE])


@pytest.fixture
def site(mlflow_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """With a key of the test's own."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    return LoopbackSite(**settings.load_site("local").model_dump(), mlflow=mlflow_url)


@pytest.fixture(autouse=True)
def clean(kube: Kube, workflows_api: None) -> Iterator[None]:
    """Every test begins without trust."""
    yield
    kube.delete("ConfigMap", trust.NAME, trust.NAMESPACE)


@pytest.fixture
def digest(request: pytest.FixtureRequest) -> str:
    """An image of the test's own: all tests share one MLflow."""
    return "sha256:" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()


def judged(verdict: Verdict = Verdict.PASS) -> GateVerdict:
    one = CriterionResult(LINE, verdict, "13 of 5,000 over", 30.0, "ms", value=12.5, n=5000)
    return GateVerdict("staging", verdict, f"it is {verdict.value}", (one,))


def record(
    site: Site, kube: Kube, folder: Path, digest: str, verdict: Verdict = Verdict.PASS, **other: Any
) -> Recorded:
    """A gate of staging, judged just now."""
    return evidence.record(
        site, "staging", judged(verdict), Subject(digest, "7"), folder,
        started=datetime.now(UTC), kube=kube, **other,
    )  # fmt: skip


def test_what_is_recorded_opens_the_way(site: Site, kube: Kube, tmp_path: Path, digest: str) -> None:
    """The whole way: sign, keep, find by the digest, and ask by the cluster's own policy."""
    made = record(site, kube, tmp_path / "run", digest)
    trust.require(kube, "staging", {"staging": TEXT})
    assert evidence.find(site, digest) == [made.path.read_bytes()]
    found = evidence.accepted(site, "staging", digest, kube=kube, target="canary")
    assert found.passes == (made.statement,)
    assert found.model_version == "7"
    assert evidence.verify(site, made.logged, kube=kube) == made.statement


def test_a_promotions_search_finds_it_by_its_tags(
    site: Site, kube: Kube, tmp_path: Path, digest: str
) -> None:
    """Pods and `cx status` look for these names in MLflow."""
    made = record(site, kube, tmp_path / "run", digest)
    (run,) = Tracking(site.url("mlflow")).search("cx-gates", {"cx.digest": digest})
    assert run.run_id == made.logged.run_id
    assert {k: v for k, v in run.tags.items() if k.startswith("cx.")} == {
        "cx.gate": "staging",
        "cx.environment": "staging",
        "cx.verdict": "PASS",
        "cx.digest": digest,
        "cx.model-version": "7",
        "cx.site": identity.fingerprint(site, kube),
        "cx.expires": made.statement.expires.isoformat(timespec="seconds"),
    }


def test_samples_and_gate_are_bound_by_their_hashes(
    site: Site, kube: Kube, tmp_path: Path, digest: str
) -> None:
    """Other samples beside the same envelope, or another gate, can be told apart by anybody."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "samples.parquet").write_bytes(b"samples")
    (folder / "run.json").write_bytes(b"run")
    made = record(site, kube, folder, digest, files=[folder / "samples.parquet"])
    assert made.statement.samples_sha256 == hashlib.sha256(b"samples").hexdigest()
    assert made.statement.run_sha256 == hashlib.sha256(b"run").hexdigest()
    assert made.statement.gate_sha256 == TEXT
    assert evidence.kept(site, made.logged, "samples.parquet") == b"samples"
    verdict = json.loads(evidence.kept(site, made.logged, "verdict.json"))
    assert GateVerdict.from_json(verdict) == judged()


def test_evidence_lasts_as_long_as_the_site_says(site: Site, kube: Kube, tmp_path: Path, digest: str) -> None:
    """A day unless site.toml says otherwise."""
    short = site.model_copy(update={"evidence": Evidence(hours=0.5)})
    for asked, wanted in ((site, timedelta(hours=24)), (short, timedelta(minutes=30))):
        one = record(asked, kube, tmp_path / str(wanted.seconds), digest).statement
        assert one.expires - one.finished == wanted


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID])
def test_every_verdict_is_kept_and_signed(
    site: Site, kube: Kube, tmp_path: Path, digest: str, verdict: Verdict
) -> None:
    """What failed belongs on record as much as what passed, and opens nothing."""
    made = record(site, kube, tmp_path / "run", digest, verdict)
    assert evidence.verify(site, made.logged, kube=kube).verdict == verdict.value
    with pytest.raises(EvidenceRefused, match=f"no PASS for this image, only {verdict.value}"):
        evidence.accepted(site, "staging", digest, {"staging": TEXT}, kube=kube)


def test_a_gate_about_nothing_is_kept_too(site: Site, kube: Kube, tmp_path: Path) -> None:
    """A service that never answered has no digest; its FAIL is signed all the same, a PASS can't be."""
    made = record(site, kube, tmp_path / "run", "", Verdict.FAIL)
    assert evidence.verify(site, made.logged, kube=kube).subject.digest == ""
    with pytest.raises(EvidenceRefused, match="must name the image"):
        record(site, kube, tmp_path / "other", "")


def test_a_later_fail_revokes_even_when_its_run_was_deleted(
    site: Site, kube: Kube, tmp_path: Path, digest: str
) -> None:
    """Deleting in MLflow hides a run from people, not from the decision."""
    record(site, kube, tmp_path / "passed", digest)
    failed = record(site, kube, tmp_path / "failed", digest, Verdict.FAIL)
    gates = {"staging": TEXT}
    with pytest.raises(EvidenceRefused, match="revoked by the FAIL"):
        evidence.accepted(site, "staging", digest, gates, kube=kube)
    Tracking(site.url("mlflow")).remove(failed.logged.run_id)
    with pytest.raises(EvidenceRefused, match="revoked by the FAIL"):
        evidence.accepted(site, "staging", digest, gates, kube=kube)


@pytest.mark.parametrize("answers_first", [True, False])
def test_a_fail_that_takes_the_service_down_revokes(
    site: Site,
    kube: Kube,
    kubeconfig: Path,
    argocd_api: None,
    tmp_path: Path,
    digest: str,
    answers_first: bool,
) -> None:
    """Nobody is left to say which image it was: what answered before the load counts, or else what the
    Application is pointed at. Such a FAIL was about no image, and the PASS before it opened the way."""
    meant = digest if not answers_first else "sha256:" + "0" * 64
    app = argocd.manifest(
        "birdclef-staging", repository="http://git/site.git", path="deploy/app", namespace="birdclef-staging",
        project="birdclef",
    )  # fmt: skip
    argocd.ensure(kube, app, {"image.digest": meant, "model.version": "7"})
    record(site, kube, tmp_path / "passed", digest)
    shutil.copy(kubeconfig, site.kubeconfig)
    says = iter([json.dumps({"image_digest": digest, "model_version": "7"})] if answers_first else [])
    with answering(says) as url:
        there = ServedSite(**dict(site), app=url)
        load = Load("classify", (LoadLevel(8, 60),))
        lines = ["fail of POST /predict < 1 %"]
        failed = evidence.measure(
            there, "staging", "staging", lines, load, tmp_path / "failed", generate=generated.refused
        )
    kube.delete("Application", "birdclef-staging", argocd.NAMESPACE)
    assert failed.recorded.statement.verdict == "FAIL"
    assert failed.recorded.statement.subject == Subject(digest, "7")
    with pytest.raises(EvidenceRefused, match="revoked by the FAIL"):
        evidence.accepted(site, "staging", digest, {"staging": TEXT}, kube=kube)


def test_a_changed_gate_makes_old_evidence_void(site: Site, kube: Kube, tmp_path: Path, digest: str) -> None:
    """Who tightens a limit wants it measured again; the list shows it before a promotion is refused."""
    record(site, kube, tmp_path / "run", digest)
    trust.require(kube, "staging", {"staging": rules.gate_sha256("staging", [LINE.replace("30", "20")])})
    with pytest.raises(EvidenceRefused, match="the gate's text has changed since"):
        evidence.accepted(site, "staging", digest, kube=kube)
    (listed,) = ledger.entries(site, digest=digest, kube=kube)
    assert (listed.state, listed.why) == (State.VOID, "the gate's text has changed since")


def test_no_policy_opens_nothing(site: Site, kube: Kube, tmp_path: Path, digest: str) -> None:
    """A cluster that was never told what to ask for lets nothing pass."""
    record(site, kube, tmp_path / "run", digest)
    with pytest.raises(EvidenceRefused, match="no gate is set for staging"):
        evidence.accepted(site, "staging", digest, kube=kube)


def test_a_file_tampered_with_in_mlflow_opens_nothing(
    site: Site, kube: Kube, tmp_path: Path, digest: str
) -> None:
    """Anybody may write to MLflow; a FAIL turned into a PASS there is found out by its signature."""
    made = record(site, kube, tmp_path / "run", digest, Verdict.FAIL)
    passed = tuple(judged().as_json()["criteria"])
    forged = envelope.sign(replace(made.statement, verdict="PASS", criteria=passed), keys().private)
    path = tmp_path / FILE
    path.write_bytes(forged)
    Tracking(site.url("mlflow"))._client().log_artifact(made.logged.run_id, str(path))
    with pytest.raises(EvidenceRefused, match="signed by another key"):
        evidence.accepted(site, "staging", digest, {"staging": TEXT}, kube=kube)
    (listed,) = ledger.entries(site, digest=digest, kube=kube)
    assert listed.state is State.VOID
    assert "signed by another key" in listed.why


def test_an_override_opens_its_target_alone(site: Site, kube: Kube, tmp_path: Path, digest: str) -> None:
    """Break-glass is evidence too: signed, kept, with who and why, and for one door."""
    made = evidence.override(
        site, "staging", "canary", Subject(digest, "7"), tmp_path / "glass",
        who="ann@desk", why="the gate's own bug", hours=1, kube=kube,
    )  # fmt: skip
    found = evidence.accepted(site, "staging", digest, {"staging": TEXT}, target="canary", kube=kube)
    assert found.override == made.statement
    assert made.statement.expires - made.statement.finished == timedelta(hours=1)
    with pytest.raises(EvidenceRefused, match="no PASS"):
        evidence.accepted(site, "staging", digest, {"staging": TEXT}, target="production", kube=kube)


def test_the_list_tells_what_each_is_worth(site: Site, kube: Kube, tmp_path: Path, digest: str) -> None:
    """Newest first; a run that nobody signed is listed as what it is."""
    for number, verdict in enumerate((Verdict.PASS, Verdict.FAIL, Verdict.PASS)):
        record(site, kube, tmp_path / str(number), digest, verdict)
    Tracking(site.url("mlflow")).log("cx-gates", "by hand", tags={"cx.digest": digest, "cx.verdict": "PASS"})
    listed = ledger.entries(site, digest=digest, kube=kube)
    told = [(e.statement.verdict if e.statement else None, e.state) for e in listed]
    assert told == [
        (None, State.VOID),
        ("PASS", State.VALID),
        ("FAIL", State.VALID),
        ("PASS", State.REVOKED),
    ]
    assert listed[0].why == "it is not signed"
    newest = ledger.entries(site, digest=digest, most=1, kube=kube)
    assert [e.run.run_id for e in newest] == [listed[0].run.run_id]


def test_the_list_of_one_environment_knows_the_others(
    site: Site, kube: Kube, tmp_path: Path, digest: str
) -> None:
    """A gate that failed on the same image in the canary revokes what staging proved, listed or not."""
    record(site, kube, tmp_path / "staging", digest)
    evidence.record(
        site, "canary", judged(Verdict.FAIL), Subject(digest, "7"), tmp_path / "canary",
        started=datetime.now(UTC), kube=kube,
    )  # fmt: skip
    (listed,) = ledger.entries(site, environment="staging", digest=digest, kube=kube)
    assert (listed.run.tags["cx.environment"], listed.state) == ("staging", State.REVOKED)
