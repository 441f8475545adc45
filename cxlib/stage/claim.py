"""What a promotion notes on an environment's Application until it is whole or undone. Only read here.

A note without a workflow at work was left: by one that was deleted or terminated, so that nobody undid it.
"""

from __future__ import annotations

import json
from typing import Any

from cxlib.clients import argocd
from cxlib.clients.kube import Kube, Object
from cxlib.model.standing import Claim, Image

_CLAIM = "cx.birdclef/promotion"  # services.pipeline.claim.UNDER_WAY


def of(application: Object) -> Claim | None:
    """The claim on an Application; one that can't be read is somebody's all the same."""
    text = (application["metadata"].get("annotations") or {}).get(_CLAIM)
    if not text:
        return None
    try:
        kept = json.loads(text)
        named = {p["name"]: p.get("value", "") for p in kept["before"]["parameters"]}
        before = image(named.get("image.digest"), named.get("model.version"), named.get("image.tag"))
        return Claim(str(kept["workflow"]), before, _wanted(kept["to"]), back=not kept["source"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return Claim("something", Image(), Image())


def held(kube: Kube, name: str) -> Claim | None:
    """The claim on the environment ``name``, whoever's it is."""
    found = kube.get("Application", f"birdclef-{name}", argocd.NAMESPACE)
    return of(found) if found else None


def image(digest: str | None, version: str | None, tag: str | None) -> Image:
    """Version 0 stands for the first build, which serves no model."""
    return Image(digest or "", "" if version in (None, "0") else str(version), tag or "")


def _wanted(to: dict[str, Any]) -> Image:
    return image(to["digest"], to["version"], to["tag"])
