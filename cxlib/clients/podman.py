"""What podman has of a site, looked at and started; Terraform makes and removes it.

A site's containers are ``cx-<site>-<machine>``, its network ``cx-<site>``, its volumes ``cx-<site>-data``
and two of each machine. A site's name may have hyphens, a machine's hasn't: ``cx-a-b-node1`` is of ``a-b``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxlib.clients import process

_MACHINE = "[a-z0-9]+"
EXITS = Path("/run/libpod/exits")
KILLED = 137


def states(site: str) -> dict[str, str]:
    """State of every container of ``site`` by name: ``running``, ``exited``, ``killed``, …

    podman learns that a container ended from the process that watches over it. Where both were killed,
    it goes on saying ``running`` (or ``stopping``): that is ``killed`` here.
    """
    return {entry["Names"][0]: _state(entry) for entry in _listed(f"^cx-{site}-{_MACHINE}$")}


def is_of(site: str, container: str) -> bool:
    """Whether the name ``container`` is one of ``site``'s."""
    return re.fullmatch(f"cx-{site}-{_MACHINE}", container) is not None


def of_any_site() -> list[str]:
    """Names of the containers of every site of this machine, whether they run or not."""
    return sorted(entry["Names"][0] for entry in _listed("^cx-"))


def start(names: Sequence[str], *, exits: Path = EXITS) -> None:
    """Start containers that are there and don't run, as after a reboot or a kill of their processes."""
    for entry in [e for name in names for e in _listed(f"^{name}$") if _state(e) == "killed"]:
        # what its watcher would have left; podman before 5.1 waits for it for ever (its pull request 22641)
        (exits / entry["Id"]).write_text(str(KILLED), encoding="utf-8")
    process.run(["podman", "start", *names], timeout=120)


def things(site: str) -> list[str]:
    """Containers, volumes and networks of ``site``, as ``kind name``."""
    found = [f"container {name}" for name in states(site)]
    ours = {"volume": f"cx-{site}-(data|{_MACHINE}-(containerd|kubelet))", "network": f"cx-{site}"}
    for kind, pattern in ours.items():
        argv = ["podman", kind, "ls", "--format", "{{.Name}}"]
        names = process.run(argv, timeout=60).stdout.split()
        found += [f"{kind} {name}" for name in names if re.fullmatch(pattern, name)]
    return found


def remove(thing: str) -> None:
    """Remove one of ``things``, given as it is named there."""
    kind, name = thing.split(" ", 1)
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
