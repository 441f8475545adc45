"""Images made on this machine, from Debian root file systems and Containerfiles."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cxlib.clients import process

BUILD_SECONDS = 1800.0
# A company's package mirror and proxy, if the caller has them, hold inside a build as well.
_PASSED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT",
              "UV_DEFAULT_INDEX", "http_proxy", "https_proxy", "no_proxy",
              "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # fmt: skip
_CERTIFICATES = "/etc/ssl/certs:/etc/ssl/certs:ro"


def debian(
    suite: str, packages: Sequence[str], users: Mapping[str, int], out: Path, *, log: Path | None = None
) -> None:
    """A minimal Debian root file system as tar archive ``out``, from the machine's own mirrors.

    ``users`` are added to it, name to number.
    """
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    argv += ["--aptopt=APT::Install-Recommends false", "--dpkgopt=path-exclude=/usr/share/man/*"]
    argv += ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]
    for name, number in users.items():
        add = f"useradd --uid {number} --no-create-home --home-dir /tmp --shell /usr/sbin/nologin {name}"
        argv.append(f'--customize-hook=chroot "$1" {add}')
    argv += [suite, str(out)]
    if sources.is_file() and suite in sources.read_text(encoding="utf-8"):
        argv.append(str(sources))
    process.run(argv, timeout=BUILD_SECONDS, log=log)


def from_archive(archive: Path, image: str) -> None:
    """Make ``image`` of one layer, the root file system in ``archive``."""
    container = process.run(["buildah", "from", "scratch"], timeout=60).stdout.strip()
    try:
        process.run(["buildah", "add", container, str(archive), "/"], timeout=BUILD_SECONDS)
        process.run(["buildah", "commit", container, image], timeout=BUILD_SECONDS)
    finally:
        process.run(["buildah", "rm", container], timeout=60)


def build(
    context: Path,
    containerfile: Path,
    image: str,
    *,
    arguments: Mapping[str, str],
    log: Path | None = None,
) -> None:
    """Build ``containerfile`` in ``context`` into the local ``image``; RUN steps see the host's network."""
    argv = ["buildah", "build", "--isolation", "chroot", "--pull=never", "--volume", _CERTIFICATES]
    for name, value in arguments.items():
        argv += ["--build-arg", f"{name}={value}"]
    for (
        name
    ) in _PASSED_ON:  # by name alone: buildah reads the value from its environment, as it may hold a token
        if name in os.environ:
            argv += ["--build-arg", name]
    argv += ["--file", str(containerfile), "--tag", image, str(context)]
    process.run(argv, timeout=BUILD_SECONDS, log=log)


def push(image: str, reference: str) -> None:
    """Push the local ``image`` to ``reference`` in a registry without TLS."""
    argv = ["buildah", "push", "--quiet", "--tls-verify=false", "--compression-format", "zstd"]
    process.run([*argv, "--format", "oci", image, f"docker://{reference}"], timeout=BUILD_SECONDS)


def exists(image: str) -> bool:
    """Whether the local store has ``image``."""
    return process.run(["buildah", "inspect", "--type", "image", image], timeout=60, expect=None).code == 0


def names(prefix: str) -> list[str]:
    """Every image in the local store whose name begins with ``prefix``, with its tag."""
    listed = process.run(["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"], timeout=60).stdout
    return sorted(name for name in listed.split() if name.startswith(prefix))


def remove(image: str) -> str:
    """Take ``image`` out of the local store; why it stays, empty when it went.

    Never by force: that takes away the containers that use it, with all that they hold.
    """
    done = process.run(["buildah", "rmi", image], timeout=120, expect=None)
    if done.code == 0:
        return ""
    return "in use" if "in use" in done.stderr else done.stderr.strip() or f"exit {done.code}"
