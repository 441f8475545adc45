"""What the machines and the engines below the cluster have to say when something went wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cxlib.clients import podman, ssh
from cxlib.parallel import run_all
from cxlib.settings import Site

_LINES = 400
_UNITS = ("kubelet", "containerd")


def collectors(site: Site) -> dict[str, Callable[[Path], None]]:
    """Collectors by name; each writes text files into the folder that it is given."""
    return {
        "terraform": partial(_tail, site.state / "terraform" / "terraform.log"),
        "ansible": partial(_tail, site.state / "ansible.log"),
        "machines": partial(_machines, site),
    }


def _tail(log: Path, folder: Path) -> None:
    if log.is_file():
        lines = log.read_text(errors="replace", encoding="utf-8").splitlines()[-_LINES:]
        (folder / log.name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _machines(site: Site, folder: Path) -> None:
    states = podman.states(site.name)
    told = "".join(f"{name}: {state}\n" for name, state in states.items())
    (folder / "containers.txt").write_text(told, encoding="utf-8")
    run_all([partial(_journal, site, node, unit, folder) for node in site.nodes for unit in _UNITS])


def _journal(site: Site, node: str, unit: str, folder: Path) -> None:
    command = f"sudo journalctl --no-pager --lines {_LINES} --unit {unit}"
    done = ssh.run(site, node, command, timeout=20, expect=None)
    (folder / f"{node}-{unit}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
