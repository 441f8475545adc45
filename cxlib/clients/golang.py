"""The Go tool chain: modules in, static programs out."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from cxlib.clients import process
from cxlib.errors import ConfigError

BUILD_SECONDS = 3600.0


@functools.cache
def version() -> str:
    """``go1.26.8``. Raises ``ConfigError`` where there is no Go."""
    return process.run(["go", "env", "GOVERSION"], timeout=30, env=_env()).stdout.strip()


def wanted(modules: Path) -> str:
    """The newest Go that a ``go.mod`` below ``modules`` asks for, as ``1.26.0``."""
    texts = (path.read_text(encoding="utf-8") for path in modules.glob("*/go.mod"))
    asked = [re.search(r"^go (\S+)$", text, re.M) for text in texts]
    return max((found[1] for found in asked if found), key=number, default="1")


def number(version: str) -> tuple[int, ...]:
    """``1.26.8`` for comparing; ``1.26`` is before its first patch."""
    return tuple(map(int, version.split(".")))


def module_folder(here: Path, module: str) -> Path:
    """Where the module cache holds ``module`` at the version that ``here/go.mod`` pins, fetched at need."""
    process.run(["go", "mod", "download", module], timeout=900, env=_env(), cwd=here)
    listed = process.run(["go", "list", "-m", "-json", module], timeout=60, env=_env(), cwd=here)
    return Path(json.loads(listed.stdout)["Dir"])


def build(
    here: Path,
    package: str,
    out: Path,
    *,
    stamps: Mapping[str, str] | None = None,
    modfile: Path | None = None,
    log: Path | None = None,
) -> None:
    """Build ``package``, as pinned in ``here/go.mod``, into the static program ``out``.

    ``stamps`` sets string variables at link time; ``modfile`` is used in place of ``here/go.mod``.
    """
    flags = "-s -w" + "".join(f" -X {name}={value}" for name, value in (stamps or {}).items())
    argv = ["go", "build", "-trimpath", "-ldflags", flags, "-o", str(out)]
    if modfile:
        argv += ["-modfile", str(modfile)]
    process.run([*argv, package], timeout=BUILD_SECONDS, env=_env(), cwd=here, log=log)


def copy_with_links(here: Path, module: str, links: Mapping[str, str], to: Path) -> Path:
    """Copy ``module`` into ``to`` with ``links`` (path in it -> target) restored; a go.mod that uses it.

    For modules whose repository has symbolic links, which module archives leave out.
    """
    source = to / "source"
    shutil.copytree(module_folder(here, module), source)
    for path in [source, *source.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    for link, target in links.items():
        (source / link).symlink_to(target)
    for name in ("go.mod", "go.sum"):
        shutil.copy(here / name, to / name)
    argv = ["go", "mod", "edit", "-replace", f"{module}={source}", str(to / "go.mod")]
    process.run(argv, timeout=60, env=_env(), cwd=to)
    return to / "go.mod"


def accepted(program: str, versions: str) -> Path | None:
    """The machine's own ``program``, if ``program version -json`` is one of ``versions``."""
    from packaging.specifiers import SpecifierSet

    found = shutil.which(program)
    if not found:
        return None
    said = process.run([found, "version", "-json"], timeout=30, expect=None)
    try:
        number = json.loads(said.stdout)["terraform_version"]
    except (ValueError, KeyError) as exc:
        raise ConfigError(
            found, "doesn't tell its version", f"Take it off PATH or replace it by {versions}"
        ) from exc
    return Path(found) if number in SpecifierSet(versions) else None


def stamps(packages: Sequence[str], number: str) -> dict[str, str]:
    """Link-time variables that make Kubernetes programs say ``number`` (such as v1.34.4)."""
    major, minor, _ = number.removeprefix("v").split(".")
    values = {"gitVersion": number, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return {f"{package}.{name}": value for package in packages for name, value in values.items()}


def _env() -> dict[str, str]:
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
    }
