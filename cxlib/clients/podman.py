"""Containers of this machine, looked at and started; Terraform makes and removes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxlib.clients import process

EXITS = Path("/run/libpod/exits")
KILLED = 137


def states(prefix: str) -> dict[str, str]:
    """State of every container whose name begins with ``prefix``: ``running``, ``exited``, ``killed``, …

    podman learns that a container ended from the process that watches over it. Where both were killed,
    it goes on saying ``running`` (or ``stopping``): that is ``killed`` here.
    """
    return {entry["Names"][0]: _state(entry) for entry in _listed(f"^{prefix}")}


def start(names: Sequence[str]) -> None:
    """Start containers that are there and don't run, as after a reboot or a kill of their processes."""
    for entry in [e for name in names for e in _listed(f"^{name}$") if _state(e) == "killed"]:
        # what its watcher would have left; podman before 5.1 waits for it for ever (its pull request 22641)
        (EXITS / entry["Id"]).write_text(str(KILLED), encoding="utf-8")
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


def _listed(name_pattern: str) -> list[dict[str, Any]]:
    argv = ["podman", "ps", "--all", "--format", "json", "--filter", f"name={name_pattern}"]
    listed: list[dict[str, Any]] = json.loads(process.run(argv, timeout=60).stdout or "[]")
    return listed


def _state(entry: dict[str, Any]) -> str:
    said = str(entry["State"])
    return "killed" if said in ("running", "stopping") and not _alive(entry) else said


def _alive(entry: dict[str, Any]) -> bool:
    """Whether its first process is there; the number alone may be another's by now."""
    try:
        return entry["Id"] in Path(f"/proc/{entry['Pid']}/cgroup").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
