"""The programs of the local site, built from pinned modules into the user's cache, keyed by content."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
import tomllib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cxlib import progress, settings
from cxlib.clients import golang
from cxlib.errors import CxError, duration
from cxlib.parallel import run_all

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
    missing = {n: m for n, m in modules().items() if n in (only or [n]) and not _is_there(n, m)}
    if not missing:
        return []
    minutes = sum(m.minutes for m in missing.values()) / BUILDS_AT_ONCE
    with progress.stage("toolchain"):
        progress.note(f"building {', '.join(missing)} from source: about {max(minutes, 1):.0f} min, once")
        run_all([partial(_build, n, m) for n, m in missing.items()], at_once=BUILDS_AT_ONCE)
    return list(missing)


def prune() -> list[str]:
    """Drop the programs that this checkout doesn't use; what went."""
    wanted = {folder(name, module) for name, module in modules().items()}
    gone = [
        path
        for path in (settings.cache_root() / "toolchain").glob("*")
        if path.is_dir() and path not in wanted
    ]
    for path in gone:
        with locked(path):
            shutil.rmtree(path, ignore_errors=path.suffix == ".part")
    return [path.name for path in gone]


def _is_there(name: str, module: Module) -> bool:
    if module.accept and golang.accepted(**module.accept.model_dump()):
        return True
    return folder(name, module).is_dir()


def _build(name: str, module: Module) -> None:
    """Build into a folder beside, then rename: a cache entry is whole or isn't there."""
    target = folder(name, module)
    here = SUPPLY / "modules" / name
    with locked(target):
        if target.is_dir():
            return
        begun = time.monotonic()
        work = target.with_name(f"{target.name}.part")
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


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the machine-wide lock of a cache entry; another build of it waits here, and says so."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note(f"another build of {target.name} is under way: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
