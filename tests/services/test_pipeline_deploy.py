"""The deploy step against a small Kubernetes API with one Application, and a registry, MLflow and app."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cxlib.errors import StageFailed, WaitTimedOut
from services.pipeline.cluster import Cluster, Conflict
from services.pipeline.deploy import deploy
from services.pipeline.pace import Pace
from services.pipeline.rollout import judge
from services.pipeline.target import Wanted, wanted

DIGEST = "sha256:" + "b2" * 32
TO = Wanted("staging", "7", "staging-1.0.7", DIGEST)


@dataclass(slots=True)
class World:
    """What the deploy step sees, and what happened in it. ``argo`` plays Argo CD after each patch."""

    app: dict[str, Any]
    serves: dict[str, Any] = field(default_factory=lambda: {"model_version": "7", "image_digest": DIGEST})
    alias: str | None = None
    log: list[str] = field(default_factory=list)
    argo_syncs: bool = True
    url: str = ""

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def patch(self, change: dict[str, Any]) -> tuple[int, Any]:
        version = change["metadata"].pop("resourceVersion")
        if version != self.app["metadata"]["resourceVersion"]:
            return 409, {"message": "the object has been modified"}
        self.app["metadata"]["resourceVersion"] = str(int(version) + 1)
        self.app["metadata"]["annotations"] = change["metadata"].get("annotations", {})
        if "spec" in change:
            self.app["spec"]["source"]["helm"].update(change["spec"]["source"]["helm"])
            self.log.append("patched")
        if "operation" in change:
            self.log.append("sync asked for")
        if self.argo_syncs or "operation" in change:
            self.app["status"] = synced(self.app["spec"]["source"])
        else:
            self.app["status"]["sync"] = {
                "status": "OutOfSync",
                "comparedTo": {"source": copy.deepcopy(self.app["spec"]["source"])},
            }
        return 200, self.app


def synced(source: dict[str, Any]) -> dict[str, Any]:
    """The status of an Application that has come to ``source``."""
    at = copy.deepcopy(source)
    return {
        "sync": {"status": "Synced", "comparedTo": {"source": at}},
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded", "syncResult": {"source": at}},
    }


def application(parameters: list[dict[str, Any]], *, automated: bool = True) -> dict[str, Any]:
    source = {"repoURL": "http://m:8000/site.git", "helm": {"parameters": parameters}}
    policy = {"automated": {"selfHeal": True}} if automated else {}
    return {
        "metadata": {"name": "birdclef-staging", "resourceVersion": "1"},
        "spec": {"source": source, "syncPolicy": policy},
        "status": synced(source),
    }


@pytest.fixture
def world() -> Iterator[World]:
    """A world in which staging serves the first image, at one address."""
    state = World(application([{"name": "image.tag", "value": "staging-1.0.0"}]))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "/manifests/" in self.path:
                there = self.path.endswith("birdclef-app/manifests/staging-1.0.7")
                return self._reply(
                    200 if there else 404, {"schemaVersion": 2}, {"Docker-Content-Digest": DIGEST}
                )
            if self.path.startswith("/version"):
                state.log.append("looked at")
                return self._reply(200, state.serves)
            if "registered-models/alias" in self.path:
                return self._reply(200, {"model_version": {"version": state.alias}})
            return self._reply(200, state.app)

        def do_PATCH(self) -> None:
            self._reply(*state.patch(self._body()))

        def do_POST(self) -> None:
            state.alias = self._body()["version"]
            state.log.append("alias moved")
            self._reply(200, {})

        def _body(self) -> dict[str, Any]:
            data: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return data

        def _reply(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(data).encode()
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()


PACE = Pace(every=0.1, rollout=10, served=5)


def run(world: World, to: Wanted = TO, pace: Pace = PACE) -> None:
    deploy(to, Cluster(world.url), world.url, world.host, pace)


def test_alias_moves_after_the_served_version_was_seen(world: World) -> None:
    """By hand it moved when the deployment had merely started."""
    run(world)
    assert world.log == ["patched", *["looked at"] * 3, "alias moved"]
    assert world.alias == "7"


def test_wanted_looks_up_the_digest(world: World) -> None:
    """By hand images were followed by tag."""
    assert wanted(world.host, "staging", "7") == TO


def test_tag_that_is_not_there_is_named(world: World) -> None:
    """Before anything is changed."""
    with pytest.raises(StageFailed, match=r"birdclef-app:staging-1\.0\.8"):
        wanted(world.host, "staging", "8")
    assert world.log == []


def test_unknown_environment_is_refused(world: World) -> None:
    """The account couldn't touch it either."""
    with pytest.raises(StageFailed, match="staging or canary or production"):
        wanted(world.host, "moon", "7")


def test_second_deployment_of_the_same_changes_nothing(world: World) -> None:
    """Repeating a step is safe, and looks again all the same."""
    run(world)
    world.log.clear()
    run(world)
    assert "patched" not in world.log
    assert "looked at" in world.log


def test_wrong_digest_served_fails_and_alias_stays(world: World) -> None:
    """Synced and Healthy isn't proof enough of what answers."""
    world.serves = {"model_version": "7", "image_digest": "sha256:other"}
    with pytest.raises(WaitTimedOut, match="sha256:other"):
        run(world, pace=replace(PACE, served=0.1))
    assert world.alias is None


@pytest.mark.parametrize("environment", ["canary", "production"])
def test_what_is_promoted_to_is_not_deployed_to(world: World, environment: str) -> None:
    """Or whoever submits this workflow by hand would pass every gate by."""
    with pytest.raises(StageFailed, match="promote-model"):
        run(world, Wanted(environment, "7", f"{environment}-1.0.7", DIGEST))
    assert world.log == []


def test_application_without_auto_sync_is_synced(world: World) -> None:
    """A site may have switched it off; the deployment was asked for all the same."""
    del world.app["spec"]["syncPolicy"]["automated"]
    world.argo_syncs = False
    run(world)
    assert "sync asked for" in world.log


def test_stale_write_is_refused_by_the_server(world: World) -> None:
    """The compare-and-set is Kubernetes', not ours."""
    with pytest.raises(Conflict, match="modified"):
        Cluster(world.url).patch_application("birdclef-staging", {}, "0")


def test_token_and_certificate_come_from_the_pods_account(tmp_path: Path, world: World) -> None:
    """The token is renewed by Kubernetes, so it is read at each request."""
    token = tmp_path / "token"
    cluster = Cluster(world.url, token)
    with pytest.raises(FileNotFoundError):
        cluster.application("birdclef-staging")
    token.write_text("t")
    assert cluster.application("birdclef-staging")["metadata"]["name"] == "birdclef-staging"


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"operation": {"sync": {}}}, "operation Succeeded"),
        (
            {"status": {"operationState": {"phase": "Running", "message": "waiting"}}},
            "operation Running: waiting",
        ),
        (
            {"status": {"health": {"status": "Progressing", "message": "0 of 1"}}},
            "Synced, Progressing: 0 of 1",
        ),
        ({"status": {"sync": {"comparedTo": {"source": {}}}}}, "not compared yet"),
        (
            {"status": {"conditions": [{"type": "ComparisonError", "message": "bad chart"}], "sync": {}}},
            "not compared yet; bad chart",
        ),
    ],
)
def test_judge_waits_until_argo_cd_is_through(change: dict[str, Any], seen: str) -> None:
    """Healthy of an earlier source, or in the middle of an operation, says nothing of this one."""
    app = application(TO.parameters)
    for key, value in change.get("status", {}).items():
        app["status"][key] = value
    app |= {key: value for key, value in change.items() if key != "status"}
    look = judge(app, TO)
    assert not look.done
    assert not look.hopeless
    assert look.seen.startswith(seen)


def test_failed_sync_of_this_very_source_is_hopeless() -> None:
    """Argo CD's message ends the wait at once."""
    app = application(TO.parameters)
    app["status"]["operationState"] |= {"phase": "Failed", "message": "quota exceeded"}
    look = judge(app, TO)
    assert look.hopeless
    assert "quota exceeded" in look.seen


def test_deployment_that_was_overtaken_says_so() -> None:
    """Somebody pointed the Application elsewhere meanwhile: don't wait for what won't come."""
    assert judge(application([{"name": "image.tag", "value": "staging-1.0.9"}]), TO).hopeless
