"""The images of the local site, built into the user's cache and served from there by the site's mirror."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cxlib import progress, settings
from cxlib.clients import buildah, podman, registry_server
from cxlib.errors import ConfigError, CxError, duration
from cxlib.stage import cache, toolchain
from cxlib.stage.cache import Pruned

_IGNORED = ("__pycache__",)
_OURS = "localhost/cx/"


class Image(BaseModel):
    """One ``[image.*]`` of images.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    suite: str | None = None
    packages: tuple[str, ...] = ()
    users: dict[str, int] = {}
    containerfile: str | None = None
    base: str | None = None
    files: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    mirrored: bool = True


def catalogue() -> dict[str, Image]:
    """Every image by name, as images.toml lists them. Raises ``ConfigError`` on an unknown base."""
    path = toolchain.SUPPLY / "images.toml"
    listed = tomllib.loads(path.read_text(encoding="utf-8"))["image"]
    images = {
        n: Image.model_validate({("base" if k == "from" else k): v for k, v in e.items()})
        for n, e in listed.items()
    }
    for name, image in images.items():
        if image.base and image.base not in images:
            raise ConfigError(
                f"{path}: image.{name}.from", f"no image '{image.base}'", "Name one of the file's images"
            )
    return images


def keys() -> dict[str, str]:
    """The content key of every image: 12 hexadecimal digits over all that goes into it."""
    images = catalogue()
    found: dict[str, str] = {}
    for name in _order(images):
        found[name] = _key(images[name], found)
    return found


def local_name(name: str, key: str) -> str:
    """What the machine's own container store calls an image."""
    return f"{_OURS}{name}:{key}"


def storage() -> Path:
    """The folder that the site's mirror serves."""
    return _folder() / "mirror"


def ensure() -> list[str]:
    """Build and push what the cache lacks; the names of what was built."""
    images, wanted = catalogue(), keys()
    missing = _missing(images, wanted)
    if not missing:
        return []
    with progress.stage("images"), cache.locked(_folder() / "build"):
        progress.note(f"building {len(missing)} images: {', '.join(missing)}")
        with registry_server.serving(toolchain.program("registry"), storage()) as address:
            for number, name in enumerate(missing, 1):
                progress.state(f"image {name} ({number} of {len(missing)})", "building")
                _build(name, images[name], wanted, address)
    return missing


def prune() -> Pruned:
    """Drop the images that this checkout doesn't use, of the store and of the mirror.

    What a container is made of stays, and while any site stands, so does all that the mirror has: a site's
    pods are pulled by the names of the checkout that they came from.
    """
    with cache.tried(_folder() / "build") as free:
        if not free:
            return Pruned(kept=("images: some are being built",))
        images, wanted = catalogue(), keys()
        return _prune_store(wanted) + _prune_mirror(images, wanted)


def _prune_store(wanted: dict[str, str]) -> Pruned:
    ours = {local_name(name, key) for name, key in wanted.items()}
    others = [name for name in buildah.names(_OURS) if name not in ours]
    why = {name: buildah.remove(name) for name in others}
    kept = tuple(f"{name}: {reason}" for name, reason in why.items() if reason)
    return Pruned(tuple(name for name in others if not why[name]), kept)


def _prune_mirror(images: dict[str, Image], wanted: dict[str, str]) -> Pruned:
    if standing := podman.of_any_site():
        names = ", ".join(standing)
        return Pruned(kept=(f"the mirror's images: in use by a site ({names}); `cx down` takes it down",))
    if not storage().is_dir():
        return Pruned()
    try:
        program = toolchain.program("registry")
    except CxError as exc:
        return Pruned(kept=(f"the mirror's images: {exc}",))
    markers = {_marker(name, key) for name, key in wanted.items()}
    for marker in set(_folder().glob("*.json")) - markers:
        marker.unlink()
    tags = {name: {wanted[name], *image.tags} for name, image in images.items() if image.mirrored}
    return Pruned(tuple(registry_server.forget(program, storage(), tags)))


def _folder() -> Path:
    return settings.cache_root() / "images"


def _order(images: dict[str, Image]) -> list[str]:
    return list(TopologicalSorter({n: [i.base] if i.base else [] for n, i in images.items()}).static_order())


def _key(image: Image, found: dict[str, str]) -> str:
    digest = hashlib.sha256(image.model_dump_json(exclude={"tags", "mirrored"}).encode())
    if image.base:
        digest.update(found[image.base].encode())
    for path in _files(image):
        relative = path.relative_to(settings.CHECKOUT)
        digest.update(f"{relative}\0{path.stat().st_mode & 0o111}\0".encode() + path.read_bytes())
    owners = toolchain.modules()
    for program in image.programs:
        owner = next(n for n, m in owners.items() if program in m.programs)
        digest.update(toolchain.key(owner, owners[owner]).encode())
    return digest.hexdigest()[:12]


def _files(image: Image) -> list[Path]:
    """The Containerfile and every file of the context, without what Python leaves behind."""
    named = [*image.files, *([image.containerfile] if image.containerfile else [])]
    found: set[Path] = set()
    for entry in named:
        path = settings.CHECKOUT / entry
        if not path.exists():
            raise ConfigError(
                f"images.toml: {entry}", "no such file", "Mend the path, relative to the checkout"
            )
        found |= {p for p in path.rglob("*") if p.is_file()} if path.is_dir() else {path}
    return sorted(p for p in found if not set(p.parts) & set(_IGNORED))


def _marker(name: str, key: str) -> Path:
    return _folder() / f"{name}-{key}.json"


def _is_there(name: str, key: str, image: Image) -> bool:
    """Whether it was built and its tags pushed; an image of this machine only, whether the store has it."""
    marker = _marker(name, key)
    if not marker.is_file() or not set(image.tags) <= set(
        json.loads(marker.read_text(encoding="utf-8")).get("tags", ())
    ):
        return False
    return image.mirrored or buildah.exists(local_name(name, key))


def _missing(images: dict[str, Image], wanted: dict[str, str]) -> list[str]:
    """What has to be built, bases first; also a base that left the local store while a child needs it."""
    missing = {n for n, image in images.items() if not _is_there(n, wanted[n], image)}
    for name in reversed(_order(images)):
        base = images[name].base
        if name in missing and base and not buildah.exists(local_name(base, wanted[base])):
            missing.add(base)
    return [name for name in _order(images) if name in missing]


def _build(name: str, image: Image, wanted: dict[str, str], mirror: str) -> None:
    begun, local = time.monotonic(), local_name(name, wanted[name])
    log = _folder() / f"{name}.log"
    log.unlink(missing_ok=True)
    if not buildah.exists(local):
        with tempfile.TemporaryDirectory(prefix="cx-image-", dir=storage().parent) as work:
            if image.containerfile:
                _build_containerfile(Path(work), image, local, wanted, log)
            else:
                archive = Path(work) / "root.tar"
                buildah.debian(image.suite or "", image.packages, image.users, archive, log=log)
                buildah.from_archive(archive, local)
    if image.mirrored:
        for tag in (wanted[name], *image.tags):
            buildah.push(local, f"{mirror}/{name}:{tag}")
    told = {"image": local, "tags": image.tags, "seconds": time.monotonic() - begun}
    _marker(name, wanted[name]).write_text(json.dumps(told), encoding="utf-8")
    progress.note(f"image {name} built in {duration(time.monotonic() - begun)}")


def _build_containerfile(work: Path, image: Image, local: str, wanted: dict[str, str], log: Path) -> None:
    for path in _files(image):
        to = work / path.relative_to(settings.CHECKOUT)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
    (work / "bin").mkdir()
    for program in image.programs:
        shutil.copy2(toolchain.program(program), work / "bin" / program)
    arguments = {"BASE": local_name(image.base, wanted[image.base])} if image.base else {}
    buildah.build(work, work / str(image.containerfile), local, arguments=arguments, log=log)
