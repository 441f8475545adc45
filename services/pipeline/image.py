"""Build the application's image in the cluster and push it to the registry, once for the same inputs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from cxlib.clients import process
from cxlib.errors import StageFailed
from services.pipeline import registry

REPOSITORY = "birdclef-app"
INPUTS = "cx.inputs"
MODEL_LIMIT_MB = 250.0
WRAPPER = "services/wrapper"
_CLONE_SECONDS, _COPY_SECONDS, _BUILD_SECONDS, _PUSH_SECONDS = 60.0, 180.0, 300.0, 300.0


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
    base = _bring_base(source.base_image, target)
    return _build_and_push(context, base, f"{target}/{REPOSITORY}:{tag}", inputs, work, target, tag)


def retag(target: str, source_tag: str, digest: str, tag: str) -> None:
    """Let ``tag`` name the same image as ``source_tag``, the digest kept."""
    there = registry.manifest(target, REPOSITORY, tag)
    if there and there.digest == digest:
        return
    _copy(f"{target}/{REPOSITORY}@{digest}", f"{target}/{REPOSITORY}:{tag}")
    after = registry.manifest(target, REPOSITORY, tag)
    if not after or after.digest != digest:
        raise StageFailed(f"{REPOSITORY}:{tag}", wanted=f"{digest} as {source_tag}", seen=str(after))


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


def _bring_base(image: str, target: str) -> str:
    """A copy of the base image in the registry, so that a push only sends what is new."""
    name, _, tag = image.rpartition("/")[2].partition(":")
    if not tag or "@" in image:
        raise StageFailed("base image", wanted="host:port/name:tag", seen=image)
    if registry.manifest(target, name, tag) is None:
        _copy(image, f"{target}/{name}:{tag}")
    return f"{target}/{name}:{tag}"


def _copy(source: str, to: str) -> None:
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    argv = ["skopeo", "copy", "--quiet", "--preserve-digests", *plain]
    process.run([*argv, f"docker://{source}", f"docker://{to}"], timeout=_COPY_SECONDS)


def _build_and_push(
    context: Path, base: str, image: str, inputs: str, work: Path, target: str, tag: str
) -> str:
    # FROM and COPY need no namespace of their own, so buildah shan't try to make one.
    environment = dict(os.environ) | {"_CONTAINERS_USERNS_CONFIGURED": "done", "HOME": str(work)}
    stores = ["--root", str(work / "root"), "--runroot", str(work / "run"), "--storage-driver", "vfs"]
    argv = ["buildah", *stores, "build", "--quiet", "--isolation", "chroot", "--tls-verify=false"]
    argv += ["--format", "oci", "--timestamp", "0", "--annotation", f"{INPUTS}={inputs}"]
    argv += ["--build-arg", f"BASE={base}", "--file", str(context / "wrapper" / "Containerfile")]
    process.run([*argv, "--tag", image, str(context)], timeout=_BUILD_SECONDS, env=environment)
    seen = work / "digest"
    argv = ["buildah", *stores, "push", "--quiet", "--tls-verify=false", "--digestfile", str(seen)]
    process.run([*argv, image, f"docker://{image}"], timeout=_PUSH_SECONDS, env=environment)
    digest = seen.read_text().strip()
    after = registry.manifest(target, REPOSITORY, tag)
    if not after or after.digest != digest:
        raise StageFailed(image, wanted=f"{digest} in the registry", seen=str(after))
    return digest
