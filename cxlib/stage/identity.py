"""Who a site is: its fingerprint, and the key that it signs its evidence with."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

from cxlib.clients.kube import Kube
from cxlib.errors import ConfigError, StageFailed
from cxlib.settings import Site


def fingerprint(site: Site, kube: Kube) -> str:
    """``local:6c1f09ab``: the site's name and a hash of its cluster; another for a cluster made anew."""
    found = kube.get("Namespace", "kube-system")
    if found is None:
        raise StageFailed("the cluster", wanted="a namespace kube-system", seen="none")
    return f"{site.name}:{hashlib.sha256(found['metadata']['uid'].encode()).hexdigest()[:8]}"


def key_file(site: Site) -> Path:
    """Where the site's private key lies."""
    return site.state / "evidence" / "key.pem"


def private_key(site: Site) -> bytes:
    """The site's ed25519 key in PEM (PKCS 8), made the first time and then never again.

    Raises ``ConfigError`` on a key that others may read, or that is another user's.
    """
    path = key_file(site)
    if not os.path.lexists(path):
        _make(path)
    return _read(path)


def public_key(site: Site) -> bytes:
    """The public half in PEM. Raises what ``private_key`` raises."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    raw = private_key(site)
    try:
        found = load_pem_private_key(raw, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None  # never show what is in it, not even in an error's cause
    if not isinstance(found, Ed25519PrivateKey):
        raise ConfigError(
            str(key_file(site)),
            "it is no ed25519 key in PEM without a password",
            "Put the site's key back, or remove the file: a new key is made, and old evidence counts no more",
        )
    return found.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _make(path: Path) -> None:
    """Write a new key under another name and link it: of two runs at once, one key stays, and whole."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path.parent.mkdir(mode=0o700, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(part)
    except FileExistsError:
        pass  # another run was first: its key is the site's
    finally:
        part.unlink()


def _read(path: Path) -> bytes:
    """The key, from the very file whose owner and mode were looked at."""
    try:
        # without waiting: a pipe in its place would keep us for ever
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as exc:
        raise ConfigError(str(path), f"it cannot be read: {exc.strerror}", _MEND) from exc
    try:
        _require_private(path, os.fstat(opened))
        with os.fdopen(opened, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(opened)


def _require_private(path: Path, about: os.stat_result) -> None:
    mode = stat.S_IMODE(about.st_mode)
    if not stat.S_ISREG(about.st_mode):
        raise ConfigError(str(path), "it is no ordinary file", _MEND)
    if about.st_uid != os.geteuid():
        raise ConfigError(str(path), f"it belongs to user {about.st_uid}", _MEND)
    if mode & 0o077:
        fix = f"If nobody else had it, run: chmod 600 {path}"
        raise ConfigError(str(path), f"others may use it: its mode is {mode:04o}", fix)


_MEND = "The key that signs evidence is a file of yours alone, mode 0600"
