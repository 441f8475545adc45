"""The image registry, over its HTTP API (OCI distribution specification)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from cxlib.errors import Unreachable
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
    """``digest``: sha256:… of the manifest's bytes; ``annotations`` as it holds them."""

    digest: str
    annotations: dict[str, str]


def manifest(registry: str, repository: str, reference: str) -> Manifest | None:
    """The manifest of a tag or digest in ``registry`` (host:port, plain HTTP); None when it isn't there.

    Raises ``Unreachable``.
    """
    url = f"http://{registry}/v2/{repository}/manifests/{reference}"
    try:
        got = requests.get(
            url, headers={"Accept": _ACCEPT}, timeout=(web.CONNECT_SECONDS, web.ANSWER_SECONDS)
        )
    except requests.RequestException as exc:
        raise Unreachable(f"GET {url}: {exc}") from exc
    if got.status_code == 404:
        return None
    digest = got.headers.get("Docker-Content-Digest", "")
    if got.status_code != 200 or not digest.startswith("sha256:"):
        raise Unreachable(f"GET {url}: HTTP {got.status_code}, digest '{digest}': {got.text[:200]}")
    body: dict[str, Any] = got.json()
    return Manifest(digest, body.get("annotations") or {})
