"""Overrides that were given, found again in a real MLflow."""

from __future__ import annotations

import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.evidence import EXPERIMENT, FILE
from cxlib.evidence.statement import Subject
from cxlib.stage import break_glass
from tests.evidence import made
from tests.evidence.made import Keys, override, signed
from tests.stage.test_promotion_log import site_of


def trusting(keys: Keys) -> Kube:
    """A cluster that is asked for what it trusts."""
    data = {"public-key.pem": keys.public.decode(), "site": made.SITE, "policy.json": "{}"}
    return cast("Kube", SimpleNamespace(get=lambda *_: {"data": data}))


def test_an_override_is_found_however_much_was_measured_since(
    mlflow_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each later report shows it, also weeks and many runs later."""
    tracking, keys, digest = Tracking(mlflow_url), made.keys(), f"sha256:{secrets.token_hex(32)}"
    given = override("production", subject=Subject(digest, "7"))
    (raw,) = signed(keys, given)
    (tmp_path / FILE).write_bytes(raw)
    tags = {"cx.digest": digest, "cx.override": "production"}
    where = tracking.log(EXPERIMENT, "override", tags=tags, files=[tmp_path / FILE]).experiment_id
    for _ in range(51):
        tracking._client().create_run(where, tags={"cx.digest": digest, "cx.gate": "staging"})
    site, kube = site_of(mlflow_url, monkeypatch), trusting(keys)
    assert break_glass.overrides(site, digest, "production", kube=kube) == [given]
    assert break_glass.overrides(site, digest, "canary", kube=kube) == []
