"""The MLflow client against a real server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cxlib.clients.mlflow import Tracking
from cxlib.errors import ConfigError, Unreachable

MODEL = "ModelOfTheClientsTests"  # other tests use the same server


def register(tracking: Tracking, run_id: str) -> str:
    client = tracking._client()
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    source = client.get_run(run_id).info.artifact_uri + "/model"
    return str(client.create_model_version(MODEL, source, run_id).version)


def test_what_is_logged_comes_back(tracking: Tracking, tmp_path: Path) -> None:
    """Parameters, metrics and artifacts, the latter through the server: clients hold no keys of a store."""
    path = tmp_path / "report.html"
    path.write_text("<p>ä</p>")
    logged = tracking.log("cx-gates", "gate", params={"a": "1"}, metrics={"p95": 12.5}, files=[path])
    assert tracking.run(logged.run_id) == ({"a": "1"}, {"p95": 12.5})
    assert tracking.artifact(logged.run_id, "report.html") == path.read_bytes()


def test_a_search_finds_the_newest_first_and_only_what_carries_the_tags(tracking: Tracking) -> None:
    """Evidence is found by the digest that it is about; a gate's name may hold a quote."""
    for number, gate in enumerate(["Ann's", "Ann's", "other"]):
        tracking.log("cx-search", f"run {number}", metrics={"p95": number}, tags={"cx.gate": gate})
    found = tracking.search("cx-search", {"cx.gate": "Ann's"})
    assert [(f.name, f.metrics["p95"]) for f in found] == [("run 1", 1.0), ("run 0", 0.0)]
    assert [f.name for f in tracking.search("cx-search", {}, most=1)] == ["run 2"]
    assert tracking.search("cx-no-such-experiment", {}) == []


def test_a_tag_that_no_filter_can_hold_is_refused(tracking: Tracking) -> None:
    """MLflow's filters know no escape: half a filter would find what it should not."""
    with pytest.raises(ConfigError, match="both kinds of quotes"):
        tracking.search("cx-search", {"cx.gate": """a'b"c"""})


def test_an_experiment_is_made_once(tracking: Tracking) -> None:
    """All evidence of a gate lies in one place."""
    first, second = (tracking.log("cx-again", "x") for _ in range(2))
    assert first.experiment_id == second.experiment_id
    assert first.run_id != second.run_id


def test_an_alias_is_found_and_a_missing_one_is_none(tracking: Tracking) -> None:
    """Before the first deployment there is no alias, and before the first training no model."""
    assert tracking.alias("NoSuchModel", "staging") is None
    logged = tracking.log("cx-models", "train", metrics={"test_accuracy": 0.97})
    version = register(tracking, logged.run_id)
    assert tracking.alias(MODEL, "staging") is None
    tracking._client().set_registered_model_alias(MODEL, "staging", version)
    assert tracking.alias(MODEL, "staging") == version


def test_a_version_brings_its_runs_metrics(tracking: Tracking) -> None:
    """What the scenario judges a model by is what its own run logged."""
    logged = tracking.log("cx-models", "train", metrics={"test_accuracy": 0.93})
    version = register(tracking, logged.run_id)
    found = tracking.version(MODEL, version)
    assert found is not None
    assert (found.run_id, found.metrics) == (logged.run_id, {"test_accuracy": 0.93})
    assert version in tracking.versions(MODEL)


def test_a_version_that_is_not_there_is_none(tracking: Tracking) -> None:
    """Somebody may have deleted what an old workflow had registered: then it is trained again."""
    register(tracking, tracking.log("cx-models", "train").run_id)
    assert tracking.version(MODEL, "999999") is None


def test_a_removed_run_is_no_longer_active(tracking: Tracking) -> None:
    """Checks clean up behind themselves."""
    logged = tracking.log("cx-checks", "check")
    tracking.remove(logged.run_id)
    assert tracking._client().get_run(logged.run_id).info.lifecycle_stage == "deleted"


def test_a_server_that_is_down_is_told_soon() -> None:
    """The library's own defaults would take many minutes to give up."""
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"MLflow at http://127\.0\.0\.1:1"):
        Tracking("http://127.0.0.1:1").versions(MODEL)
    assert time.monotonic() - began < 20
