"""The real registry on a loopback port, and what it forgets."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest
import requests

from cxlib.clients import registry_server
from cxlib.stage import supply

OCI = "application/vnd.oci.image"


@pytest.fixture(scope="module")
def program() -> Path:
    return supply.toolchain_bin("registry")


def push(address: str, name: str, tag: str, content: bytes) -> str:
    """Push an image of one layer, as the distribution specification says; the layer's digest."""

    def blob(data: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        begun = requests.post(f"http://{address}/v2/{name}/blobs/uploads/", timeout=10)
        sep = "&" if "?" in begun.headers["Location"] else "?"
        done = requests.put(f"{begun.headers['Location']}{sep}digest={digest}", data=data, timeout=10)
        assert done.status_code == 201, done.text
        return {"digest": digest, "size": len(data)}

    config, layer = blob(b"{}"), blob(content)
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": {"mediaType": f"{OCI}.config.v1+json", **config},
        "layers": [{"mediaType": f"{OCI}.layer.v1.tar", **layer}],
    }
    headers = {"Content-Type": manifest["mediaType"]}
    url = f"http://{address}/v2/{name}/manifests/{tag}"
    assert requests.put(url, data=json.dumps(manifest), headers=headers, timeout=10).status_code == 201
    return str(layer["digest"])


def status(address: str, path: str) -> int:
    accept = {"Accept": f"{OCI}.manifest.v1+json"}
    return requests.get(f"http://{address}/v2/{path}", headers=accept, timeout=10).status_code


def test_what_is_pushed_is_there_the_next_time(program: Path, tmp_path: Path) -> None:
    """The folder is the cache; the server comes and goes."""
    with registry_server.serving(program, tmp_path / "store") as address:
        push(address, "app", "1", b"one")
        assert address.startswith("127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.split(":")[0], int(address.split(":")[1])), timeout=2)
    with registry_server.serving(program, tmp_path / "store") as address:
        assert status(address, "app/manifests/1") == 200


def test_tags_that_are_not_kept_are_forgotten_with_their_layers(program: Path, tmp_path: Path) -> None:
    """A cache that only grows fills the disk; what is kept must stay whole."""
    with registry_server.serving(program, tmp_path) as address:
        kept, gone = push(address, "app", "new", b"kept"), push(address, "app", "old", b"gone")
        push(address, "other", "old", b"kept")  # the same layer
    assert registry_server.forget(program, tmp_path, {"app": ["new"]}) == ["app:old", "other:old"]
    with registry_server.serving(program, tmp_path) as address:
        assert status(address, "app/manifests/new") == 200
        assert status(address, "app/manifests/old") == 404
        assert status(address, f"app/blobs/{kept}") == 200
    assert not list(tmp_path.rglob(f"{gone.removeprefix('sha256:')}/data"))


def test_nothing_to_forget_is_no_work(program: Path, tmp_path: Path) -> None:
    """Garbage collection of a large mirror takes a while."""
    with registry_server.serving(program, tmp_path) as address:
        push(address, "app", "new", b"kept")
    assert registry_server.forget(program, tmp_path, {"app": ["new"]}) == []
    assert registry_server.forget(Path("/no/such/program"), tmp_path, {"app": ["new"]}) == []
