"""Memory of the whole site and disk of what it and its caches keep."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.figure import Figure, at_most
from cxlib import settings
from cxlib.clients import podman, process

GIB = 2**30


def measure() -> list[Figure]:
    """Of the local site as it stands now."""
    return [_memory(), *_disk()]


def _memory() -> Figure:
    """Every process of the site's containers, the nodes' pods included; what several share counts once."""
    names = [name for name, state in podman.states("local").items() if state == "running"]
    what = "memory of the whole site"
    if not names:
        return Figure(what, "the site isn't up", "6 GiB")
    listed = json.loads(process.run(["podman", "inspect", *names], timeout=60).stdout)
    ids = [entry["Id"] for entry in listed]
    total = sum(_share(folder, ids) for folder in Path("/proc").glob("[0-9]*"))
    return at_most(what, total / GIB, 6, "GiB", f"{len(names)} containers")


def _share(folder: Path, ids: list[str]) -> int:
    """Proportional memory of a process of one of the containers, in bytes; 0 for any other."""
    try:
        if not any(i in (folder / "cgroup").read_text() for i in ids):
            return 0
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended while we looked
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _disk() -> list[Figure]:
    store = process.run(["podman", "info", "--format", "{{.Store.GraphRoot}}"], timeout=60).stdout.strip()
    go = process.run(["go", "env", "GOCACHE", "GOMODCACHE"], timeout=30).stdout.split()
    ours = {"caches": settings.cache_root(), "state": settings.state_root(), "podman's store": Path(store)}
    sizes = {name: _size(path) for name, path in ours.items()}
    note = ", ".join(f"{name} {size / GIB:.1f}" for name, size in sizes.items())
    built = sum(_size(Path(path)) for path in go) / GIB
    return [
        at_most("disk of caches and site", sum(sizes.values()) / GIB, 25, "GiB", note),
        Figure("disk of Go's own caches, which `go clean` may empty", f"{built:.2f} GiB"),
    ]


def _size(path: Path) -> int:
    """Bytes on disk below ``path``, mounts of others left out."""
    if not path.exists():
        return 0
    argv = ["du", "--summarize", "--one-file-system", "--block-size=1", str(path)]
    return int(process.run(argv, timeout=300, expect=(0, 1)).stdout.split()[0])  # 1: a file went meanwhile
