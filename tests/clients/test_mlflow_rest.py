"""Quick looks into a real MLflow: they must say what its own client says."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest

from cxlib.clients import process
from cxlib.clients.mlflow import Tracking
from cxlib.clients.mlflow_rest import Lookup
from cxlib.errors import Unreachable

MODEL = "ModelOfTheQuickLooks"


@pytest.fixture
def lookup(mlflow_url: str) -> Lookup:
    """The same server as ``tracking``'s."""
    return Lookup(mlflow_url)


def test_aliases_are_those_of_the_client(lookup: Lookup, tracking: Tracking) -> None:
    """All of them in one answer; a model that isn't there has none."""
    assert lookup.aliases("NoSuchModel") == {}
    client = tracking._client()
    client.create_registered_model(MODEL)
    assert lookup.aliases(MODEL) == {}
    client.create_model_version(MODEL, "s3://models/x")
    client.set_registered_model_alias(MODEL, "staging", "1")
    assert lookup.aliases(MODEL) == {"staging": "1"}
    assert tracking.alias(MODEL, "staging") == "1"


def test_runs_are_found_by_tag_newest_first_deleted_ones_too(lookup: Lookup, tracking: Tracking) -> None:
    """A FAIL that somebody deleted still speaks against its image."""
    mark = secrets.token_hex(4)
    first, second, _ = (
        tracking.log("quick-looks", "x", tags={"cx.digest": digest}).run_id
        for digest in (mark, mark, "other")
    )
    tracking.remove(second)
    found = lookup.runs(lookup.experiment("quick-looks"), {"cx.digest": mark})
    assert [run.run_id for run in found] == [second, first]
    assert found[0].tags["cx.digest"] == mark
    assert lookup.experiment("no-such-experiment") == ""


def test_artifact_comes_byte_for_byte_and_a_missing_one_is_none(
    lookup: Lookup, tracking: Tracking, tmp_path: Path
) -> None:
    """An envelope with another byte in it is no evidence; a run without one proves nothing."""
    path = tmp_path / "evidence.json"
    path.write_bytes(b'{"payload": "\xc3\xa4"}')
    run = tracking.log("quick-looks", "x", files=[path]).run_id
    assert lookup.artifact(run, "evidence.json") == path.read_bytes()
    assert lookup.artifact(run, "other.json") is None
    tracking.remove(run)
    assert lookup.artifact(run, "evidence.json") == path.read_bytes()


def test_nobody_there_is_an_error_of_ours() -> None:
    """In a second, not in the client's minutes."""
    with pytest.raises(Unreachable, match="no answer"):
        Lookup("http://127.0.0.1:9", connect=1).aliases(MODEL)


def test_looks_do_without_mlflows_client() -> None:
    """Its import alone takes most of the time that `cx status` has."""
    code = (
        "import sys, cxlib.stage.status; print(sorted({'mlflow', 'numpy', 'kubernetes'} & set(sys.modules)))"
    )
    assert process.run([sys.executable, "-c", code], timeout=60).stdout.strip() == "[]"
