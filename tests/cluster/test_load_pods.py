"""Load workers as pods, on a real API server: what is asked of it, and what is left when it goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cxlib import journal, settings
from cxlib.clients import locust, locustfile
from cxlib.clients.kube import Kube, Object
from cxlib.errors import ConfigError, StageFailed
from cxlib.model.load import LoadLevel
from cxlib.stage import load_pods
from cxlib.wait import Budget, Look, wait_until


@pytest.fixture
def site(kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Site:
    """The local site's description with the test's API server and a state folder of its own."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    found = settings.load_site("local")
    found.kubeconfig.write_text(kubeconfig.read_text())
    return found


def errand(folder: Path, *, profile: Path | None = None, users: int = 4) -> locust.Errand:
    folder.mkdir(exist_ok=True)
    path = profile or locustfile.find("classify")
    return locust.Errand(path, "http://nowhere", (LoadLevel(users, 5),), "1", folder)


def meanwhile(kube: Kube, act: Callable[[list[Object]], None]) -> threading.Thread:
    """Do ``act`` with the load pods as soon as there are two."""

    def look() -> Look[list[Object]]:
        pods = kube.list("Pod", labels="app=load")
        pods = [p for p in pods if not p["metadata"].get("deletionTimestamp")]
        return Look(f"{len(pods)} pods", pods, done=len(pods) == 2)

    def watch() -> None:
        act(wait_until("load pods", look, wanted="two", within=Budget.ANSWER, every=0.1))

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_pods_are_ordinary_users_with_limits_and_leave_nothing(
    site: settings.Site, kube: Kube, tmp_path: Path
) -> None:
    """A pod that goes away before the load begins ends it; the namespace goes, and the journal is even."""
    seen: list[Object] = []

    def remove_one(pods: list[Object]) -> None:
        seen.extend(pods)
        kube.delete("Pod", pods[1]["metadata"]["name"], pods[1]["metadata"]["namespace"])

    thread = meanwhile(kube, remove_one)
    size = settings.Load(pods=2, processors=0.25)
    with pytest.raises(StageFailed, match="load-1: its pod is gone"):
        load_pods.fleet(site, kube, "http://inside", size)(errand(tmp_path / "run"), tmp_path)
    thread.join()
    for pod in seen:
        (container,) = pod["spec"]["containers"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["resources"]["limits"] == {"cpu": "250m", "memory": "512Mi"}
        assert container["resources"]["requests"] == {"cpu": "250m", "memory": "96Mi"}
        assert "http://inside" in container["command"]
    assert journal.left(site) == []
    gone = kube.get("Namespace", seen[0]["metadata"]["namespace"])
    assert gone is None or gone["metadata"].get("deletionTimestamp")


def test_pod_whose_container_ends_is_told_by_its_reason(
    site: settings.Site, kube: Kube, tmp_path: Path
) -> None:
    """Out of memory is what a person can mend, so it has to be said."""
    ended = {"name": "locust", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    status = {"phase": "Failed", "containerStatuses": [ended]}
    found = {"metadata": {"name": "load-0"}, "status": status}
    assert load_pods.why_ended(found) == "its pod ended: OOMKilled, exit 137"
    assert load_pods.why_ended({"metadata": {"name": "load-0"}, "status": {"phase": "Running"}}) == ""


def test_profile_too_big_for_the_cluster_is_refused_before_anything_is_made(
    site: settings.Site, kube: Kube, tmp_path: Path
) -> None:
    """The API server's own refusal would name a ConfigMap that nobody asked for."""
    profile = tmp_path / "big.py"
    profile.write_text("from locust import FastHttpUser\n")
    (tmp_path / "data.bin").write_bytes(bytes(1_000_000))
    with pytest.raises(ConfigError, match="a ConfigMap holds"):
        load_pods.fleet(site, kube, "http://inside", settings.Load(pods=2))(
            errand(tmp_path / "run", profile=profile), tmp_path
        )
    assert journal.left(site) == []


def test_site_without_pods_sends_from_this_machine(site: settings.Site, kube: Kube) -> None:
    """The default needs no image in the cluster."""
    assert load_pods.sender(site, kube, "staging") is locust.alone
