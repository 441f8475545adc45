"""How promotions ended: noted in MLflow once and whole, and read from an Application."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from cxlib.errors import WaitTimedOut
from services.pipeline import claim, logbook, tracking
from services.pipeline.pace import Pace
from services.pipeline.target import Wanted
from tests.cluster.door import door

PACE = Pace(every=0.05, outage=20)


def entry() -> logbook.Entry:
    """A promotion's end."""
    return logbook.Entry(
        "promote-model-1", uuid.uuid4().hex, logbook.PROMOTED, "canary", "staging", "7", "sha256:a1",
        params={"gates": "staging", "why": "w" * 700},
    )  # fmt: skip


def noted(mlflow: str, ended: logbook.Entry) -> list[tracking.Run]:
    return list(tracking.search(mlflow, logbook.EXPERIMENT, {"cx.workflow-uid": ended.uid}))


def test_what_was_half_noted_is_noted_whole(mlflow_url: str) -> None:
    """Killed after the run was made and before it had its parameters: the next one ends it."""
    ended = entry()
    with door(urlsplit(mlflow_url).netloc) as shut:
        shut.shut_at(b"POST /api/2.0/mlflow/runs/log-batch")
        with pytest.raises(WaitTimedOut):
            logbook.write(f"http://127.0.0.1:{shut.port}", ended, replace(PACE, outage=0.1))
    (half,) = noted(mlflow_url, ended)
    assert (dict(half.params), half.finished) == ({}, False)
    for _ in range(2):
        logbook.write(mlflow_url, ended, PACE)
    (whole,) = noted(mlflow_url, ended)
    assert whole.finished
    assert whole.params == {"gates": "staging", "why": "w" * 500}
    assert whole.tags.items() >= ended.tags.items()


def test_what_has_its_parameters_already_keeps_them(mlflow_url: str) -> None:
    """MLflow lets none be changed; a reason may be told in other words the second time."""
    ended = entry()
    with door(urlsplit(mlflow_url).netloc) as shut:
        shut.shut_at(b"POST /api/2.0/mlflow/runs/update")
        with pytest.raises(WaitTimedOut):
            logbook.write(f"http://127.0.0.1:{shut.port}", ended, replace(PACE, outage=0.1))
    logbook.write(mlflow_url, replace(ended, params={"why": "in other words"}), PACE)
    (whole,) = noted(mlflow_url, ended)
    assert whole.finished
    assert whole.params == {"gates": "staging", "why": "w" * 500}


def app(text: str) -> dict[str, object]:
    return {"metadata": {"annotations": {claim.LAST: text}}}


@pytest.mark.parametrize(
    "text",
    [
        "", "no JSON", "[1]", "null", "7", '{"uid": "u"}',
        json.dumps({"workflow": "w", "uid": "u", "outcome": "promoted", "version": "7", "finished": "noon"}),
        json.dumps({"workflow": "w", "uid": "u", "outcome": "promoted", "version": "7",
                    "finished": "2026-01-01T00:00:00"}),
        json.dumps({"workflow": "w", "uid": "u", "outcome": "promoted", "finished": "2026-01-01T00:00:00Z"}),
    ],
)  # fmt: skip
def test_a_last_promotion_that_cannot_be_read_is_none(text: str) -> None:
    """It tells of the past: an annotation that somebody has damaged must not close the environment."""
    assert claim.last(app(text)) == {}


def test_a_last_promotion_is_read_as_it_was_kept() -> None:
    """By whoever comes next, or comes back."""
    kept = {**entry().kept, "finished": "2026-01-01T00:00:00+00:00"}
    assert claim.last(app(json.dumps(kept))) == kept


def test_a_claim_whose_time_has_no_zone_is_read_as_utc() -> None:
    """Somebody has written it by hand; a comparison that fails would close the environment."""
    to, before = Wanted("canary", "7", "canary-1.0.7", "sha256:a1"), claim.Before([], None, None, served=True)
    held = claim.Claim("promote-model-1", "u", "t", datetime(2026, 1, 1, 12), to, before)
    read = claim.read({"metadata": {"annotations": {claim.UNDER_WAY: held.text}}})
    assert read is not None
    assert read.until == datetime(2026, 1, 1, 12, tzinfo=UTC)
