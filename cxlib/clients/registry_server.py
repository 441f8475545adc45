"""An image registry on a loopback port of this machine, for as long as images are pushed into its folder."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cxlib.clients import process
from cxlib.wait import Budget, Look, wait_until


@contextmanager
def serving(program: Path, storage: Path) -> Iterator[str]:
    """Serve ``storage`` while the body runs; yields ``host:port``."""
    storage.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        _configuration(storage, port) as config,
        process.background([str(program), "serve", config], env=_environment()) as child,
    ):
        wait_until(
            "the registry", lambda: _look(child, port), wanted="an open port", within=Budget.ANSWER, every=0.1
        )
        yield f"127.0.0.1:{port}"


def forget(program: Path, storage: Path, keep: Mapping[str, Collection[str]]) -> list[str]:
    """Drop every tag of ``storage`` that ``keep`` (repository -> tags) doesn't name, and what only it held.

    Returns the ``repository:tag`` that went. Nothing may push meanwhile.
    """
    gone = []
    repositories = storage / "docker" / "registry" / "v2" / "repositories"
    for tag in sorted(repositories.glob("*/_manifests/tags/*")):
        repository = tag.parents[2].name
        if tag.name not in keep.get(repository, ()):
            shutil.rmtree(tag)
            gone.append(f"{repository}:{tag.name}")
    if gone:
        with _configuration(storage, 0) as config:
            argv = [str(program), "garbage-collect", "--delete-untagged", config]
            process.run(argv, timeout=600, env=_environment())
    return gone


@contextmanager
def _configuration(storage: Path, port: int) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write("version: 0.1\nlog: {level: error}\nstorage:\n  delete: {enabled: true}\n")
        config.write(f"  filesystem: {{rootdirectory: {storage}}}\n")
        config.write(f"http: {{addr: '127.0.0.1:{port}'}}\n")
        config.flush()
        yield config.name


def _environment() -> dict[str, str]:
    return os.environ | {"OTEL_TRACES_EXPORTER": "none"}


def _look(child: process.Background, port: int) -> Look[None]:
    if child.ended():
        return Look(f"it ended: {child.tail()}", hopeless=True)
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as exc:
        return Look(str(exc))
    return Look("open", done=True)
