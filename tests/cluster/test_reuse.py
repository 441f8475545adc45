"""Fresh evidence in place of a measurement: a real API server for staging, a real MLflow for the proof."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cxlib import settings
from cxlib.clients.kube import Kube
from cxlib.evidence.statement import Subject
from cxlib.model.load import Load, LoadLevel
from cxlib.stage import evidence, gate, promotion, reuse
from tests.cluster.test_evidence import LINE, LoopbackSite, judged
from tests.cluster.test_status import application, clear

pytestmark = pytest.mark.usefixtures("argocd_api", "workflows_api")
LOAD = Load("classify", (LoadLevel(8, 30),))
Ask = Callable[[Load], reuse.Proven | None]


@pytest.fixture
def ask(
    kube: Kube, kubeconfig: Path, mlflow_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ask]:
    """What a run to the canary finds of staging's gate under a load, when there is a PASS under ``LOAD``."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    site = LoopbackSite(**settings.load_site("local").model_dump(), mlflow=mlflow_url)
    site.kubeconfig.write_bytes(kubeconfig.read_bytes())
    digest = f"sha256:{secrets.token_hex(32)}"
    clear(kube)
    kube.apply(application("staging", digest, "7", "staging-1.0.7"))
    evidence.record(
        site, "staging", judged(), Subject(digest, "7"), tmp_path / "run",
        started=datetime.now(UTC), text=gate.text([LINE], LOAD), kube=kube,
    )  # fmt: skip

    def asked(load: Load) -> reuse.Proven | None:
        text = gate.text([LINE], load)
        promotion.require_gates(site, {"staging": {"staging": text}})
        return reuse.proven(site, "staging", "staging", text, kube=kube)

    yield asked
    clear(kube)


def test_a_pass_under_the_same_load_is_used_again(ask: Ask) -> None:
    """Nothing changed, so a run that goes further needn't measure."""
    found = ask(LOAD)
    assert found is not None
    assert (found.gate, found.statement.verdict) == ("staging", "PASS")


@pytest.mark.parametrize("level", [LoadLevel(16, 30), LoadLevel(8, 60), LoadLevel(0, 30, 8.0)])
def test_a_pass_under_another_load_is_measured_again(ask: Ask, level: LoadLevel) -> None:
    """Who widens the levels wants them proven today, not when the old evidence ends."""
    assert ask(replace(LOAD, levels=(level,))) is None
