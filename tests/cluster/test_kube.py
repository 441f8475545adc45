"""The Kubernetes client against a real API server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cxlib.clients.kube import Kube, Refused, substance
from cxlib.errors import ConfigError, Unreachable


def config_map(namespace: str, **data: str) -> dict[str, object]:
    meta = {"name": "settings", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def test_applying_the_same_twice_changes_nothing(kube: Kube, namespace: str) -> None:
    """A second run has to say that nothing changed, and may say so only when that is true."""
    assert kube.apply(config_map(namespace, a="1")).changed
    assert not kube.apply(config_map(namespace, a="1")).changed


def test_a_changed_field_is_a_change(kube: Kube, namespace: str) -> None:
    """The counterpart: a difference must not pass as none."""
    kube.apply(config_map(namespace, a="1"))
    applied = kube.apply(config_map(namespace, a="2"))
    assert applied.changed
    assert applied.object["data"] == {"a": "2"}


def test_a_field_that_is_left_out_goes(kube: Kube, namespace: str) -> None:
    """Server-side apply removes what we set before and don't want any more."""
    kube.apply(config_map(namespace, a="1", b="2"))
    assert kube.apply(config_map(namespace, a="1")).object["data"] == {"a": "1"}


def test_status_and_refresh_are_no_substance() -> None:
    """Controllers write them all the time; they must not pass as changes of ours."""
    bare = {"kind": "X", "metadata": {"name": "x"}, "spec": {"a": 1}}
    noisy = {
        "kind": "X",
        "metadata": {
            "name": "x",
            "resourceVersion": "9",
            "annotations": {"argocd.argoproj.io/refresh": "hard"},
        },
        "spec": {"a": 1},
        "status": {"phase": "Busy"},
    }
    assert substance(bare) == substance(noisy)


def test_what_is_not_there_is_none(kube: Kube, namespace: str) -> None:
    """Asking for what may not exist yet is the ordinary case, also for kinds the cluster doesn't know."""
    assert kube.get("ConfigMap", "no-such", namespace) is None
    assert kube.get("Nonsense", "x", namespace, api="example.org/v1") is None
    assert not kube.delete("ConfigMap", "no-such", namespace)


def test_deleted_is_gone(kube: Kube, namespace: str) -> None:
    """True means that it was there."""
    kube.apply(config_map(namespace, a="1"))
    assert kube.delete("ConfigMap", "settings", namespace)
    assert kube.get("ConfigMap", "settings", namespace) is None


def test_list_heeds_labels(kube: Kube, namespace: str) -> None:
    """Workflows are found by their labels."""
    labelled = config_map(namespace, a="1")
    labelled["metadata"] = {"name": "labelled", "namespace": namespace, "labels": {"cx": "yes"}}
    kube.apply(labelled)
    kube.apply(config_map(namespace, a="1"))
    found = kube.list("ConfigMap", namespace, labels="cx=yes")
    assert [item["metadata"]["name"] for item in found] == ["labelled"]


def test_create_once_keeps_the_first(kube: Kube, namespace: str) -> None:
    """A secret is made the first time and reused after: a new password would lock everybody out."""
    first = kube.create_once(lambda: config_map(namespace, a="first"), "ConfigMap", "settings", namespace)
    second = kube.create_once(lambda: config_map(namespace, a="second"), "ConfigMap", "settings", namespace)
    assert (first.changed, second.changed) == (True, False)
    assert second.object["data"] == {"a": "first"}
    assert second.object["metadata"]["resourceVersion"] == first.object["metadata"]["resourceVersion"]


def test_a_refusal_says_what_the_server_said(kube: Kube, namespace: str) -> None:
    """The API server's own words are the best explanation there is."""
    with pytest.raises(Refused, match=r"Kubernetes answered 422.*data") as caught:
        kube.apply({**config_map(namespace), "data": {"not a key!": "x"}})
    assert caught.value.status == 422


def test_an_api_that_is_down_is_unreachable(kubeconfig: Path, tmp_path: Path) -> None:
    """No exception of the client's library leaves the module, and it doesn't take long."""
    text = kubeconfig.read_text()
    port = text.split("127.0.0.1:")[1].split()[0]
    dead = tmp_path / "kubeconfig"
    dead.write_text(text.replace(port, "1"))
    with pytest.raises(Unreachable, match="does not answer"):
        Kube(dead).list("Pod")


def test_no_kubeconfig_says_what_to_do(tmp_path: Path) -> None:
    """The first thing that somebody without a site meets."""
    with pytest.raises(ConfigError, match="no kubeconfig"):
        Kube(tmp_path / "none")


def test_the_discovery_cache_lies_in_its_own_folder(kube: Kube, tmp_path: Path, namespace: str) -> None:
    """The library's default is the shared temporary folder, where it goes stale for others."""
    assert list(tmp_path.glob("discovery-*.json"))


def test_a_half_written_discovery_cache_is_made_anew(
    kubeconfig: Path, tmp_path: Path, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As a kill leaves it; the client's own word for that would look like an error of the cluster."""
    assert Kube(kubeconfig, tmp_path).get("Namespace", namespace)
    (cache,) = tmp_path.glob("discovery-*.json")
    whole = cache.read_text()
    cache.write_text(whole[: len(whole) // 2])
    assert Kube(kubeconfig, tmp_path).get("Namespace", namespace)
    assert caplog.messages == []
    json.loads(cache.read_text())
