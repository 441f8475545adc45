"""The image registry, over its HTTP API (OCI distribution specification)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import requests

from cxlib.errors import StageFailed, Unreachable
from services.pipeline import web

_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """``digest``: sha256:… of the manifest's bytes, ``content``; ``annotations`` as it holds them."""

    digest: str
    annotations: dict[str, str]
    media_type: str = ""
    content: bytes = field(default=b"", repr=False)


def manifest(registry: str, repository: str, reference: str) -> Manifest | None:
    """The manifest of a tag or digest in ``registry`` (host:port, plain HTTP); None when it isn't there.

    Raises ``Unreachable``.
    """
    got = _request("GET", registry, repository, reference, headers={"Accept": _ACCEPT})
    if got.status_code == 404:
        return None
    digest = got.headers.get("Docker-Content-Digest", "")
    if got.status_code != 200 or not digest.startswith("sha256:"):
        raise Unreachable(f"GET {got.url}: HTTP {got.status_code}, digest '{digest}': {got.text[:200]}")
    body: dict[str, Any] = got.json()
    media_type = got.headers.get("Content-Type", "")
    return Manifest(digest, body.get("annotations") or {}, media_type, got.content)


def digest_of(registry: str, repository: str, tag: str) -> str | None:
    """The digest that ``tag`` names, or None without such a tag. Raises ``Unreachable``."""
    there = manifest(registry, repository, tag)
    return there.digest if there else None


def point(registry: str, repository: str, tag: str, digest: str) -> None:
    """Let ``tag`` name the image ``digest``: the same bytes of the manifest are put under it.

    Looks again. Raises ``StageFailed`` when there is no such image or the tag names another one
    afterwards, ``Unreachable``.
    """
    if digest_of(registry, repository, tag) == digest:
        return
    there = manifest(registry, repository, digest)
    if there is None:
        raise StageFailed(f"image {repository}@{digest}", wanted="in the registry", seen="no such image")
    if (actual := f"sha256:{hashlib.sha256(there.content).hexdigest()}") != digest:
        raise StageFailed(f"image {repository}@{digest}", wanted="the bytes of that digest", seen=actual)
    headers = {"Content-Type": there.media_type}
    got = _request("PUT", registry, repository, tag, headers=headers, data=there.content)
    if got.status_code >= 500:
        raise Unreachable(f"PUT {got.url}: HTTP {got.status_code}: {got.text[:200]}")
    seen = digest_of(registry, repository, tag)
    if seen != digest:
        refusal = "" if got.ok else f" (PUT: HTTP {got.status_code}: {got.text[:200]})"
        raise StageFailed(f"tag {repository}:{tag}", wanted=digest, seen=f"{seen or 'no such tag'}{refusal}")


def remove_tag(registry: str, repository: str, tag: str) -> None:
    """Let there be no such ``tag``; the image and its other tags stay.

    Raises ``StageFailed`` when it is there afterwards, ``Unreachable``.
    """
    got = _request("DELETE", registry, repository, tag)
    if got.status_code >= 500:
        raise Unreachable(f"DELETE {got.url}: HTTP {got.status_code}: {got.text[:200]}")
    if (seen := digest_of(registry, repository, tag)) is not None:
        why = f"{seen} (DELETE: HTTP {got.status_code})"
        raise StageFailed(f"tag {repository}:{tag}", wanted="no such tag", seen=why)


def _request(method: str, registry: str, repository: str, reference: str, **more: Any) -> requests.Response:
    url = f"http://{registry}/v2/{repository}/manifests/{reference}"
    try:
        return requests.request(method, url, timeout=(web.CONNECT_SECONDS, web.ANSWER_SECONDS), **more)
    except requests.RequestException as exc:
        raise Unreachable(f"{method} {url}: {exc}") from exc
