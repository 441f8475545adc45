"""Build the application's image in the cluster and push it to the registry, once for the same inputs."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from cxlib.clients import process
from cxlib.errors import StageFailed
from services.pipeline import registry

REPOSITORY = "birdclef-app"
INPUTS = "cx.inputs"
MODEL_LIMIT_MB = 250.0
WRAPPER = "services/wrapper"
# Where the parts of the context lie in the image.
LAYER_PLACES = {"wrapper": Path("app/services/wrapper"), "model": Path("app/model")}
_CLONE_SECONDS, _PUSH_SECONDS = 60.0, 300.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where the wrapper comes from, and what its image stands on (full references)."""

    git_url: str
    revision: str
    base_image: str


def build(source: Source, target: str, tag: str, model: Path | None, version: str, work: Path) -> str:
    """The digest of ``birdclef-app:tag`` in the registry ``target`` (host:port, plain HTTP).

    ``model`` is a model folder, None for an image without one. The wrapper of ``source`` and the
    model make the build context under ``work``. An image that is there and was made of the same
    inputs isn't built again. Raises ``StageFailed``, ``ProcessFailed``, ``Unreachable``.
    """
    context = _context(source, model, version, work)
    inputs = inputs_key(context, source.base_image)
    there = registry.manifest(target, REPOSITORY, tag)
    if there and there.annotations.get(INPUTS) == inputs:
        return there.digest
    return _append_and_push(context, source.base_image, f"{target}/{REPOSITORY}:{tag}", inputs, target, tag)


def inputs_key(context: Path, base_image: str) -> str:
    """A hash over every file of the build context, its place and content, and the base image."""
    total = hashlib.sha256(base_image.encode())
    for path in sorted(p for p in context.rglob("*") if p.is_file()):
        total.update(f"\0{path.relative_to(context)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def model_size_mb(model: Path) -> float:
    """Size of all its files, in MB of a million bytes."""
    return sum(p.stat().st_size for p in model.rglob("*") if p.is_file()) / 1e6


def _context(source: Source, model: Path | None, version: str, work: Path) -> Path:
    """``wrapper/`` out of git, ``model/`` with the model and its version (or empty)."""
    checkout, context = work / "checkout", work / "context"
    clone = ["git", "clone", "--quiet", "--branch", source.revision, "--", source.git_url, str(checkout)]
    process.run(clone, timeout=_CLONE_SECONDS)
    shutil.copytree(checkout / WRAPPER, context / "wrapper")
    if model is None:
        (context / "model").mkdir()
        return context
    if (size := model_size_mb(model)) > MODEL_LIMIT_MB:
        raise StageFailed("model", wanted=f"at most {MODEL_LIMIT_MB:.0f} MB", seen=f"{size:.0f} MB")
    # What MLflow notes beside a downloaded model isn't the model's.
    shutil.copytree(model, context / "model", ignore=shutil.ignore_patterns("registered_model_meta"))
    (context / "model" / "version.json").write_text(json.dumps({"version": version}))
    return context


def _append_and_push(context: Path, base: str, image: str, inputs: str, target: str, tag: str) -> str:
    """Push the base image with one layer more: what ``services/wrapper/Containerfile`` would copy in.

    Nothing is unpacked and nothing is run, so it needs no right of any kind and takes seconds.
    """
    layer = context.with_suffix(".tar")
    _write_layer(context, layer)
    argv = ["crane", "mutate", "--insecure", base, "--append", str(layer), "--tag", image]
    process.run([*argv, "--annotation", f"{INPUTS}={inputs}"], timeout=_PUSH_SECONDS)
    after = registry.manifest(target, REPOSITORY, tag)
    if not after or after.annotations.get(INPUTS) != inputs:
        raise StageFailed(image, wanted=f"an image of inputs {inputs[:12]} in the registry", seen=str(after))
    return after.digest


def _write_layer(context: Path, layer: Path) -> None:
    """The context as an image layer: the same bytes for the same files, owned by root, readable by all."""
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as archive:
        for part, place in LAYER_PLACES.items():
            for path in sorted([context / part, *(context / part).rglob("*")]):
                entry = archive.gettarinfo(path, arcname=str(place / path.relative_to(context / part)))
                entry.uid = entry.gid = entry.mtime = 0
                entry.uname = entry.gname = "root"
                entry.mode = 0o755 if path.is_dir() else 0o644
                with path.open("rb") if path.is_file() else nullcontext() as content:
                    archive.addfile(entry, content)
