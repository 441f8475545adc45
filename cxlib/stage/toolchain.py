"""The programs of the local site, built from pinned modules into the user's cache, keyed by content."""

from __future__ import annotations

import hashlib
import shutil
import time
import tomllib
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cxlib import progress, settings
from cxlib.clients import golang
from cxlib.errors import CxError, duration
from cxlib.parallel import run_all
from cxlib.stage import cache
from cxlib.stage.cache import Pruned

SUPPLY = settings.CHECKOUT / "sites" / "local" / "supply"
BUILDS_AT_ONCE = 2


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Manifests(_Strict):
    """A folder of a module that is kept beside its programs."""

    module: str
    folder: str


class RestoreLinks(_Strict):
    """Symbolic links (path in the module -> target) that the module's archive left out."""

    module: str
    links: dict[str, str]


class Accept(_Strict):
    """A program of the machine that may stand in, at these versions (PEP 440 specifiers)."""

    program: str
    versions: str


class Module(_Strict):
    """One ``[module.*]`` of toolchain.toml."""

    minutes: float
    programs: Annotated[dict[str, str], Field(min_length=1)]
    version: str | None = None
    stamps: tuple[str, ...] = ()
    manifests: Manifests | None = None
    restore_links: RestoreLinks | None = None
    accept: Accept | None = None


def modules() -> dict[str, Module]:
    """Every module by name, as toolchain.toml lists them."""
    listed = tomllib.loads((SUPPLY / "toolchain.toml").read_text(encoding="utf-8"))["module"]
    return {name: Module.model_validate(entry) for name, entry in listed.items()}


def key(name: str, module: Module) -> str:
    """What the programs of ``module`` depend on, as a short hash: pins, sums, own sources, Go, flags."""
    digest = hashlib.sha256(f"{golang.version()} {module.model_dump_json(exclude={'minutes'})}".encode())
    for path in sorted((SUPPLY / "modules" / name).iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def folder(name: str, module: Module | None = None) -> Path:
    """Where the cache keeps ``name``: ``bin/`` and, for some, ``manifests/``. It need not exist yet."""
    return settings.cache_root() / "toolchain" / f"{name}-{key(name, module or modules()[name])}"


def program(name: str) -> Path:
    """The built program ``name``. Raises ``CxError`` if `make setup` hasn't built it."""
    for owner, module in modules().items():
        if name in module.programs:
            if module.accept and (own := golang.accepted(**module.accept.model_dump())):
                return own
            path = folder(owner, module) / "bin" / name
            if path.is_file():
                return path
            raise CxError(f"{name} isn't built yet: run `make setup` (or `cx setup`)")
    raise KeyError(name)


def ensure(only: Collection[str] = ()) -> list[str]:
    """Build what the cache lacks, of the modules ``only`` if any are named; the names of what was built."""
    lacking = missing(only)
    if not lacking:
        return []
    minutes = sum(m.minutes for m in lacking.values()) / BUILDS_AT_ONCE
    with progress.stage("toolchain"):
        progress.note(f"building {', '.join(lacking)} from source: about {max(minutes, 1):.0f} min, once")
        run_all([partial(_build, n, m) for n, m in lacking.items()], at_once=BUILDS_AT_ONCE)
    return list(lacking)


def missing(only: Collection[str] = ()) -> dict[str, Module]:
    """What the cache lacks, of the modules ``only`` if any are named."""
    return {n: m for n, m in modules().items() if n in (only or [n]) and not _is_there(n, m)}


def prune() -> Pruned:
    """Drop the programs that this checkout doesn't use, and half-built ones that nobody builds any more."""
    wanted = {folder(name, module) for name, module in modules().items()}
    ends = (".part", ".lock")
    there = {p.with_suffix("") if p.suffix in ends else p for p in _entries() if p.suffix != ".log"}
    return sum((_drop(target, whole=target not in wanted) for target in sorted(there)), Pruned())


def _entries() -> Iterator[Path]:
    return (settings.cache_root() / "toolchain").glob("*")


def _drop(target: Path, *, whole: bool) -> Pruned:
    """Drop what an ended build left of ``target`` and, if ``whole``, the built programs and the lock too."""
    with cache.tried(target) as free:
        parts = (_work(target), target) if whole else (_work(target),)
        found = [path for path in parts if path.is_dir() and not path.is_symlink()]
        if not free:
            return Pruned(kept=(f"{target.name}: it is being built",) if found else ())
        for path in found:
            shutil.rmtree(path)
        return Pruned(gone=tuple(path.name for path in found))


def _work(target: Path) -> Path:
    """Where ``target`` is built."""
    return target.with_name(f"{target.name}.part")


def _is_there(name: str, module: Module) -> bool:
    if module.accept and golang.accepted(**module.accept.model_dump()):
        return True
    return folder(name, module).is_dir()


def _build(name: str, module: Module) -> None:
    """Build into a folder beside, then rename: a cache entry is whole or isn't there."""
    target = folder(name, module)
    here = SUPPLY / "modules" / name
    with cache.locked(target):
        if target.is_dir():
            return
        begun = time.monotonic()
        work = _work(target)
        if work.exists():
            shutil.rmtree(work)
        (work / "bin").mkdir(parents=True)
        modfile = None
        if module.restore_links:
            links = module.restore_links
            modfile = golang.copy_with_links(here, links.module, links.links, work / "patched")
        stamps = golang.stamps(module.stamps, module.version) if module.version else {}
        for number, (binary, package) in enumerate(module.programs.items(), 1):
            progress.state(f"{name}: {binary} ({number} of {len(module.programs)})", "compiling")
            log = target.with_name(f"{name}.log")
            golang.build(here, package, work / "bin" / binary, stamps=stamps, modfile=modfile, log=log)
        if module.manifests:
            source = golang.module_folder(here, module.manifests.module)
            shutil.copytree(
                source / module.manifests.folder, work / "manifests", copy_function=shutil.copyfile
            )
        if modfile:
            shutil.rmtree(work / "patched")
        work.rename(target)
        progress.note(f"{name} built in {duration(time.monotonic() - begun)}")
