"""Containers of this machine, looked at and started; Terraform makes and removes them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cxlib.clients import process


def states(prefix: str) -> dict[str, str]:
    """State (``running``, ``exited``, …) of every container whose name begins with ``prefix``."""
    argv = ["podman", "ps", "--all", "--format", "json", "--filter", f"name=^{prefix}"]
    listed = json.loads(process.run(argv, timeout=60).stdout or "[]")
    return {entry["Names"][0]: entry["State"] for entry in listed}


def start(names: Sequence[str]) -> None:
    """Start containers that are there and don't run, as after a reboot of this machine."""
    process.run(["podman", "start", *names], timeout=120)


def leftovers(prefix: str) -> list[str]:
    """Containers, volumes and networks whose name begins with ``prefix``, as ``kind name``."""
    found = [f"container {name}" for name in states(prefix)]
    for kind in ("volume", "network"):
        argv = ["podman", kind, "ls", "--format", "{{.Name}}"]
        names = process.run(argv, timeout=60).stdout.split()
        found += [f"{kind} {name}" for name in names if name.startswith(prefix)]
    return found


def remove(leftover: str) -> None:
    """Remove one of ``leftovers``, given as it is named there."""
    kind, name = leftover.split(" ", 1)
    how = {
        "container": ["rm", "--force", "--time", "5", "--volumes", name],
        "volume": ["volume", "rm", "--force", name],
        "network": ["network", "rm", "--force", name],
    }
    process.run(["podman", *how[kind]], timeout=120)
