"""The gate on real load: a real Locust child against a real service, good and bad in each way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cxlib.clients import http, runfolder
from cxlib.errors import ConfigError, GateClosed, Unreachable
from cxlib.judge.warmup import WarmUpRule
from cxlib.model.load import LoadLevel
from cxlib.model.run import Served
from cxlib.model.verdict import Verdict
from cxlib.stage.gate import GateResult, require_pass, run_gate
from tests.load.conftest import Service

# Steadiness is judged by tests of its own; here runs are seconds long, on a machine that may be busy.
QUICK = WarmUpRule(seconds=0.5, needed=2, most=100, tolerance=1.0)
P95 = "p95 of POST /predict < 500 ms at 4 users"
FAIL = "fail of POST /predict < 10 % at 4 users"


def served() -> Served:
    return Served(digest="sha256:ab", model_version="7")


def gate(
    url: str, folder: Path, *lines: str, profile: str | Path = "classify", seconds: float = 2.0
) -> GateResult:
    return run_gate(
        name="bites",
        host=url,
        profile=profile,
        criteria_lines=lines,
        levels=[LoadLevel(4, seconds)],
        served=served,
        folder=folder,
        site="test",
        warm_up=QUICK,
    )


def closed(result: GateResult, code: int) -> str:
    """The message of the closed gate, which must leave with ``code``."""
    with pytest.raises(GateClosed) as caught:
        require_pass(result)
    assert caught.value.exit_code == code
    assert str(result.report) in str(caught.value)
    return str(caught.value)


def test_good_service_passes_and_leaves_its_evidence(service: Service, tmp_path: Path) -> None:
    """Two load levels in one run, all files there, and the folder reads back as what was judged."""
    levels = [LoadLevel(1, 2), LoadLevel(8, 2)]
    lines = ["p90 of POST /predict < 900 ms at 1 users", "fail of POST /predict < 5 % at 8 users"]
    result = run_gate(
        name="good",
        host=service.url,
        profile="classify",
        criteria_lines=lines,
        levels=levels,
        served=served,
        folder=tmp_path,
        warm_up=QUICK,
    )
    require_pass(result)
    assert [p.name for p in result.files()] == ["run.json", "samples.parquet", "verdict.json", "report.html"]
    run, samples = runfolder.read(tmp_path)
    assert [level.users for level in run.levels] == [1, 8]
    assert set(samples.users.tolist()) == {1, 8}
    assert set(samples.status.tolist()) == {200}
    assert result.metrics().keys() == {"extended_seconds", *(re.sub("[</%]", "_", line) for line in lines)}
    assert json.loads((tmp_path / "verdict.json").read_text())["verdict"] == "PASS"


def test_injected_delay_fails(service: Service, tmp_path: Path) -> None:
    """A model that got slow must not pass."""
    service.delay = 0.25
    result = gate(service.url, tmp_path, "p95 of POST /predict < 200 ms at 4 users", seconds=3)
    assert "over the limit" in closed(result, 3)


def test_stopped_service_fails(service: Service, tmp_path: Path) -> None:
    """Refused connections are failed requests, not fast ones, and latency cannot pass on them."""
    url = service.url
    service.stop()
    message = closed(gate(url, tmp_path, P95, FAIL), 3)
    assert "succeeded" in message
    assert "failed" in message


def test_answer_of_the_wrong_form_fails(service: Service, tmp_path: Path) -> None:
    """HTTP 200 with nonsense in it is a failure to the user."""
    service.body = b'{"detail": "no model"}'
    assert "failed" in closed(gate(service.url, tmp_path, FAIL), 3)
    _, samples = runfolder.read(tmp_path)
    assert set(samples.status.tolist()) == {200}
    assert set(samples.error.tolist()) == {"the answer is not one prediction"}


def test_no_requests_at_all_are_invalid(service: Service, tmp_path: Path) -> None:
    """Users who do nothing prove nothing; Locust itself leaves with 0 here."""
    idle = tmp_path / "idle.py"
    idle.write_text(
        "from locust import FastHttpUser, constant, task\n"
        "class Idle(FastHttpUser):\n"
        "    wait_time = constant(1)\n"
        "    @task\n"
        "    def rest(self):\n"
        "        pass\n"
    )
    result = gate(service.url, tmp_path / "run", FAIL, profile=idle, seconds=1)
    assert "0 requests" in closed(result, 5)


def test_too_few_samples_are_inconclusive_after_one_extension(service: Service, tmp_path: Path) -> None:
    """The run is extended once and no more, and says how many samples are missing."""
    result = gate(service.url, tmp_path, "p99.99 of POST /predict < 20 s at 4 users", seconds=1)
    assert "more samples" in closed(result, 4)
    run, _ = runfolder.read(tmp_path)
    assert [level.users for level in run.levels] == [4, 4]
    assert run.planned_seconds == 2
    assert run.levels[1].start >= run.levels[0].end


def test_service_that_cannot_say_what_it_is_does_not_pass(service: Service, tmp_path: Path) -> None:
    """Numbers about an unknown model are numbers about nothing."""

    def silent() -> Served:
        raise Unreachable("no answer")

    result = run_gate(
        name="bites",
        host=service.url,
        profile="classify",
        criteria_lines=["fail of POST /predict < 20 %"],
        levels=[LoadLevel(4, 1)],
        served=silent,
        folder=tmp_path,
        warm_up=QUICK,
    )
    assert result.verdict is Verdict.INVALID


def test_service_that_changes_under_the_load_is_invalid(service: Service, tmp_path: Path) -> None:
    """Numbers of two images are numbers of neither: `/version` says another digest at the end."""
    service.on_request = lambda: setattr(service, "digest", "sha256:cd")

    def asked() -> Served:
        now = http.get_json(f"{service.url}/version")
        return Served(digest=now["digest"], model_version=now["model_version"])

    result = run_gate(
        name="bites",
        host=service.url,
        profile="classify",
        criteria_lines=[FAIL],
        levels=[LoadLevel(4, 1)],
        served=asked,
        folder=tmp_path,
        warm_up=QUICK,
    )
    message = closed(result, 5)
    assert "sha256:ab (version 7) at the start" in message
    assert "sha256:cd (version 7) at the end" in message


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["p95 of POST /predict < 30"], "unit"),
        (["p95 of GET /nothing < 30 ms"], "unknown endpoint"),
        (["p95 of POST /predict < 30 ms at 9 users"], "no load level"),
        (["watch: p95 of POST /predict < 30 ms"], "only watches"),
        ([], "proves nothing"),
    ],
)
def test_wrong_criteria_are_told_before_any_load(
    service: Service, tmp_path: Path, lines: list[str], says: str
) -> None:
    """A typing error must not cost a load run."""
    with pytest.raises(ConfigError, match=says):
        gate(service.url, tmp_path / "run", *lines)
    assert not (tmp_path / "run").exists()
