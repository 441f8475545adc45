"""What the local site is made of: programs and images, and what the cluster calls them."""

from __future__ import annotations

from pathlib import Path

from cxlib import settings
from cxlib.stage import images as _images
from cxlib.stage import toolchain


def toolchain_bin(program: str) -> Path:
    """Path of a built program such as ``helm``. Raises ``CxError`` if `make setup` hasn't built it."""
    return toolchain.program(program)


def manifests(module: str) -> Path:
    """Folder of the upstream manifests that came with ``argo-cd`` or ``argo-workflows``."""
    return toolchain.folder(module) / "manifests"


def images(site: settings.Site) -> dict[str, str]:
    """Reference, at the site's mirror, of every image that nodes pull, by name."""
    catalogue, keys = _images.catalogue(), _images.keys()
    return {
        n: f"{site.supply_address}:5000/{n}:{keys[n]}" for n, image in catalogue.items() if image.mirrored
    }
