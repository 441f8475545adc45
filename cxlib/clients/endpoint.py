"""Whether something listens at an address, and which certificates are shown or kept where."""

from __future__ import annotations

import base64
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from cxlib.errors import ConfigError, Unreachable


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate: where it was found, whose it is, and when it ends."""

    where: str
    subject: str
    ends: datetime


def require(host: str, port: int, *, within: float) -> None:
    """Raises ``Unreachable`` when nothing accepts a connection within ``within`` seconds."""
    try:
        socket.create_connection((host, port), timeout=within).close()
    except OSError as exc:
        raise Unreachable(f"{host}:{port}: {exc.strerror or exc}") from exc


def shown(host: str, port: int, *, within: float = 5.0) -> Certificate:
    """The certificate that a TLS server shows; it isn't verified. Raises ``Unreachable``."""
    try:
        pem = ssl.get_server_certificate((host, port), timeout=within)
    except OSError as exc:
        raise Unreachable(f"{host}:{port}: {exc.strerror or exc}") from exc
    return certificates(f"{host}:{port}", pem.encode())[0]


def certificates(where: str, pem: bytes) -> list[Certificate]:
    """Every certificate in ``pem``. Raises ``Unreachable`` when there is none."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as exc:
        raise Unreachable(f"{where}: no certificate: {exc}") from exc
    return [Certificate(where, one.subject.rfc4514_string(), one.not_valid_after_utc) for one in found]


def of_kubeconfig(path: Path) -> tuple[str, int]:
    """Host and port of a kubeconfig's API server. Raises ``ConfigError``."""
    server = urlsplit(_entry(path, "clusters", "cluster").get("server", ""))
    if not server.hostname:
        raise ConfigError(str(path), "it names no server", "Remove it and bring the site up")
    return server.hostname, server.port or 443


def client_certificates(path: Path) -> list[Certificate]:
    """The certificates with which a kubeconfig identifies itself; none when it does so by a token."""
    data = _entry(path, "users", "user").get("client-certificate-data")
    return certificates(str(path), base64.b64decode(data)) if data else []


def _entry(path: Path, listed: str, inside: str) -> dict[str, Any]:
    """The first cluster or user. Raises ``ConfigError`` for what is no kubeconfig."""
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8"))[listed][0][inside])
    except (OSError, yaml.YAMLError, KeyError, IndexError, TypeError) as exc:
        fix = "Remove it and bring the site up"
        raise ConfigError(str(path), f"not a kubeconfig: {type(exc).__name__}", fix) from exc
