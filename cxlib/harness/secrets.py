"""The secrets that this machine has of a site: learned, so that nothing that is written shows them."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cxlib.harness import redact
from cxlib.settings import Site

_SHORTEST = 8  # of the environment, a shorter one is a switch
# In the site's state: the key of its machines, and that of its evidence.
_KEYS = ("id_ed25519", "evidence/key.pem")


def learn(site: Site, environ: Mapping[str, str] = os.environ) -> None:
    """Have everything hidden that is secret by its name in ``environ`` or by its place in the site's files.

    Quick, and asked again whenever something may have been made since.
    """
    for name, value in environ.items():
        if redact.named_secret(name) and len(value) >= _SHORTEST and not value.startswith("/"):
            redact.add(value)
    for key in _KEYS:
        redact.add(_text(site.state / key))
    for path in (site.kubeconfig, site.folder / "terraform" / "clouds.yaml"):
        for value in _named(_yaml(path)):
            redact.add(value)


def _named(data: Any) -> Iterator[str]:
    """Every secret in ``data``, by its name; what is in base64 also as it is inside."""
    if isinstance(data, list):
        for value in data:
            yield from _named(value)
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        if not isinstance(value, str):
            yield from _named(value)
        elif name == "client-key-data":
            yield value
            yield _decoded(value)
        elif redact.named_secret(str(name)):
            yield value


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(_text(path))
    except yaml.YAMLError:
        return None
