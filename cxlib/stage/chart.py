"""The application's chart: what every environment is made of beside its image."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cxlib.settings import CHECKOUT

FOLDER, BRANCH = "deploy/app", "chart"
HERE = CHECKOUT / FOLDER


def sha256(folder: Path = HERE) -> str:
    """SHA-256, in hex, of the names and contents of the files of the chart in ``folder``."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
