"""The image build with real git, buildah and skopeo, between two real registries on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxlib.clients import buildah, process, registry_server
from cxlib.errors import ProcessFailed, StageFailed
from cxlib.settings import CHECKOUT
from cxlib.stage import supply
from services.pipeline import image, registry


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site's mirror with a base image of a single file."""
    work = tmp_path_factory.mktemp("mirror")
    (work / "motto").write_text("base")
    (work / "Containerfile").write_text("FROM scratch\nCOPY motto /motto\n")
    name = f"localhost/cx-test/{work.name}:1"
    with registry_server.serving(supply.toolchain_bin("registry"), work / "store") as address:
        buildah.build(work, work / "Containerfile", name, arguments={})
        try:
            buildah.push(name, f"{address}/birdclef-base:k1")
        finally:
            buildah.remove(name)
        yield address


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """An empty registry in the part of the cluster's."""
    with registry_server.serving(supply.toolchain_bin("registry"), tmp_path / "target") as address:
        yield address


@pytest.fixture
def source(mirror: str, tmp_path: Path) -> image.Source:
    """A git repository with this checkout's wrapper."""
    repository = tmp_path / "site"
    (repository / "services").mkdir(parents=True)
    process.run(["cp", "-r", str(CHECKOUT / "services/wrapper"), str(repository / "services")], timeout=30)
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "wrapper"]):
        process.run([*git, *command], timeout=30)
    return image.Source(str(repository), "main", f"{mirror}/birdclef-base:k1")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    return folder


def work(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_same_inputs_are_built_once(source: image.Source, target: str, model: Path, tmp_path: Path) -> None:
    """A repeated step costs seconds, and the digest that a gate has judged stays."""
    first = image.build(source, target, "staging-1.0.7", model, "7", work(tmp_path, "one"))
    second = image.build(source, target, "staging-1.0.7", model, "7", work(tmp_path, "two"))
    assert first == second
    assert not (tmp_path / "two" / "root").exists()
    (model / "MLmodel").write_text("flavors: {other: {}}\n")
    assert image.build(source, target, "staging-1.0.7", model, "7", work(tmp_path, "three")) != first


def test_image_is_the_base_and_one_layer_more(
    source: image.Source, target: str, model: Path, tmp_path: Path
) -> None:
    """The base's layers are the registry's own, so nodes pull only the wrapper and the model."""
    digest = image.build(source, target, "staging-1.0.7", model, "7", work(tmp_path, "one"))
    copied = f"docker://{target}/{image.REPOSITORY}@{digest}"
    seen = json.loads(
        process.run(["skopeo", "inspect", "--raw", "--tls-verify=false", copied], timeout=30).stdout
    )
    base = f"docker://{target}/birdclef-base:k1"
    below = json.loads(
        process.run(["skopeo", "inspect", "--raw", "--tls-verify=false", base], timeout=30).stdout
    )
    assert [layer["digest"] for layer in seen["layers"][:-1]] == [
        layer["digest"] for layer in below["layers"]
    ]
    to = tmp_path / "out"
    process.run(["skopeo", "copy", "--quiet", "--src-tls-verify=false", copied, f"dir:{to}"], timeout=60)
    layer = to / seen["layers"][-1]["digest"].removeprefix("sha256:")
    names = process.run(["tar", "-tzf", str(layer)], timeout=30).stdout.split()
    assert "app/model/version.json" in names
    assert "app/services/wrapper/app.py" in names


def test_retag_keeps_the_digest(source: image.Source, target: str, tmp_path: Path) -> None:
    """The three first images are one."""
    digest = image.build(source, target, "staging-1.0.0", None, "0", work(tmp_path, "one"))
    image.retag(target, "staging-1.0.0", digest, "canary-1.0.0")
    there = registry.manifest(target, image.REPOSITORY, "canary-1.0.0")
    assert there is not None
    assert there.digest == digest


def test_model_above_the_limit_is_refused(
    source: image.Source, target: str, model: Path, tmp_path: Path
) -> None:
    """250 MB is the application's target; a sparse file is as good as a big one."""
    with (model / "weights").open("wb") as file:
        file.truncate(251_000_000)
    with pytest.raises(StageFailed, match="at most 250 MB, saw 251 MB"):
        image.build(source, target, "staging-1.0.7", model, "7", work(tmp_path, "one"))
    assert registry.manifest(target, image.REPOSITORY, "staging-1.0.7") is None


def test_unknown_revision_fails_with_gits_words(source: image.Source, target: str, tmp_path: Path) -> None:
    """The workflow's message says which branch isn't there."""
    nowhere = image.Source(source.git_url, "no-such-branch", source.base_image)
    with pytest.raises(ProcessFailed, match="no-such-branch"):
        image.build(nowhere, target, "staging-1.0.0", None, "0", work(tmp_path, "one"))
