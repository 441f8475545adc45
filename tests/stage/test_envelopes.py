"""Which envelopes a page of truth rests on, however much else was measured: asked of a real MLflow."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from cxlib.clients.mlflow import Tracking
from cxlib.clients.mlflow_rest import Lookup
from cxlib.evidence import EXPERIMENT, FILE
from cxlib.evidence.policy import Asked, Policy
from cxlib.stage import envelopes

POLICY = Policy({"staging": (Asked({"nodes": "1", "staging": "2"}),), "canary": (Asked({"canary": "3"}),)})


@dataclass(frozen=True)
class Kept:
    """What MLflow keeps about one image."""

    tracking: Tracking
    lookup: Lookup
    folder: Path
    digest: str

    def log(self, gate: str, verdict: str, environment: str = "staging", **more: str) -> bytes:
        """An envelope as the harness keeps it; its bytes."""
        raw = secrets.token_bytes(8)
        path = self.folder / FILE
        path.write_bytes(raw)
        tags = {
            "cx.gate": gate,
            "cx.verdict": verdict,
            "cx.environment": environment,
            "cx.digest": self.digest,
        }
        self.tracking.log(EXPERIMENT, gate, tags={**tags, **more}, files=[path])
        return raw

    def crowd(self, gate: str, verdict: str, number: int) -> None:
        """That many runs more of a gate of staging."""
        client = self.tracking._client()
        where = client.get_experiment_by_name(EXPERIMENT).experiment_id
        tags = {"cx.gate": gate, "cx.verdict": verdict, "cx.environment": "staging", "cx.digest": self.digest}
        for _ in range(number):
            client.create_run(where, tags=tags)

    def about(self, *environments: str) -> set[bytes]:
        running = dict.fromkeys(environments, self.digest)
        return set(envelopes.about(self.lookup, running, POLICY, within=20))


@pytest.fixture
def kept(mlflow_url: str, tmp_path: Path) -> Kept:
    """An image of the test's own."""
    return Kept(
        Tracking(mlflow_url), Lookup(mlflow_url, connect=5), tmp_path, f"sha256:{secrets.token_hex(32)}"
    )


def test_no_number_of_later_runs_hides_what_let_an_image_in(kept: Kept) -> None:
    """Each run of staging adds one a gate: after two weeks the canary's own PASS was out of sight."""
    override = kept.log("override", "OVERRIDE", **{"cx.override": "production"})
    soak, nodes = kept.log("canary", "PASS", "canary"), kept.log("nodes", "PASS")
    kept.crowd("staging", "PASS", 40)
    kept.crowd("nodes", "INCONCLUSIVE", 4)
    assert {soak, nodes} <= kept.about("canary")
    assert {soak, override} <= kept.about("production")


def test_a_fail_is_found_wherever_it_was(kept: Kept) -> None:
    """It revokes in whatever environment, and behind whatever came after it."""
    failed = kept.log("staging", "FAIL", "canary")
    kept.crowd("staging", "PASS", 5)
    assert failed in kept.about("staging")


def test_what_neither_lets_in_nor_out_is_not_asked_for(kept: Kept) -> None:
    """The page has three seconds; each envelope costs a request."""
    soak = kept.log("canary", "PASS", "canary")
    assert kept.about("staging") == set()
    assert kept.about("production") == {soak}
