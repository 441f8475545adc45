"""The image build with real git and crane, between two real registries on loopback."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(autouse=True)
def crane_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline's image has crane on its PATH, and so has this test."""
    folder = supply.toolchain_bin("crane").parent
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


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
    assert not (tmp_path / "two" / "context.tar").exists()
    (model / "MLmodel").write_text("flavors: {other: {}}\n")
    assert image.build(source, target, "staging-1.0.7", model, "7", work(tmp_path, "three")) != first


def test_image_is_the_base_and_one_layer_more(
    source: image.Source, target: str, model: Path, tmp_path: Path
) -> None:
    """The base's layers are the registry's own, so nodes pull only the wrapper and the model."""
    digest = image.build(source, target, "staging-1.0.7", model, "7", work(tmp_path, "one"))
    seen = _manifest(f"{target}/{image.REPOSITORY}@{digest}")
    below = _manifest(source.base_image)
    assert [la["digest"] for la in seen["layers"][:-1]] == [la["digest"] for la in below["layers"]]
    top = f"{target}/{image.REPOSITORY}@{seen['layers'][-1]['digest']}"
    layer = tmp_path / "layer.tar.gz"
    process.run(["sh", "-c", 'crane blob --insecure "$0" > "$1"', top, str(layer)], timeout=30)
    with tarfile.open(layer) as archive:
        entries = {entry.name: entry for entry in archive}
    assert {"app/model/version.json", "app/services/wrapper/app.py"} <= set(entries)
    assert {(e.uid, e.mtime) for e in entries.values()} == {(0, 0)}


def _manifest(reference: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        process.run(["crane", "manifest", "--insecure", reference], timeout=30).stdout
    )
    return found


def test_retag_keeps_the_digest(source: image.Source, target: str, tmp_path: Path) -> None:
    """The three first images are one."""
    digest = image.build(source, target, "staging-1.0.0", None, "0", work(tmp_path, "one"))
    registry.point(target, image.REPOSITORY, "canary-1.0.0", digest)
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
