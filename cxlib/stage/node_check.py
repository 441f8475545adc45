"""Whether the machines are what a Kubernetes node should be, told machine by machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cxlib import settings
from cxlib.clients.machine import Machine
from cxlib.errors import ConfigError, StageFailed
from cxlib.parallel import run_all


@dataclass(frozen=True, slots=True)
class Expectation:
    """One row of a scenario's table: a ``kind`` of thing, its name, and what must be true of it."""

    kind: str
    name: str
    wanted: str


def _service(machine: Machine, name: str, wanted: str) -> tuple[bool, str]:
    seen = machine.service(name)
    if wanted == "off":
        return seen == "absent" or seen == "stopped, disabled", seen
    return seen == wanted, seen


def _sysctl(machine: Machine, name: str, wanted: str) -> tuple[bool, str]:
    seen = machine.sysctl(name)
    return seen == wanted, seen


def _file(machine: Machine, name: str, wanted: str) -> tuple[bool, str]:
    text = machine.setting(name)
    return wanted in text, "absent" if text == "absent" else f"{len(text.splitlines())} lines without it"


def _disk(machine: Machine, name: str, wanted: str) -> tuple[bool, str]:
    least, _, unit = wanted.removeprefix("at least ").partition(" ")
    if unit != "GiB free":
        raise ConfigError(f"disk {name}", f"'{wanted}'", "Write it as 'at least 5 GiB free'")
    free = machine.free_gib(name)
    return free >= float(least), f"{free:.1f} GiB free"


_CHECKS: dict[str, Callable[[Machine, str, str], tuple[bool, str]]] = {
    "service": _service,
    "kernel setting": _sysctl,
    "file": _file,
    "disk": _disk,
}


def check(site: settings.Site, expectations: list[Expectation]) -> None:
    """Look at all machines at once. Raises ``StageFailed`` listing every difference."""
    for expectation in expectations:
        if expectation.kind not in _CHECKS:
            raise ConfigError(
                f"'{expectation.kind}'", "no such kind of thing", f"Use one of: {', '.join(_CHECKS)}"
            )
    found = run_all([partial(_differences, Machine(site, node), expectations) for node in site.nodes])
    differences = [line for lines in found for line in lines]
    if differences:
        raise StageFailed("the machines", wanted="all as the table says", seen="; ".join(differences))


def _differences(machine: Machine, expectations: list[Expectation]) -> list[str]:
    lines = []
    for e in expectations:
        fine, seen = _CHECKS[e.kind](machine, e.name, e.wanted)
        if not fine:
            lines.append(f"{machine.name}: {e.kind} {e.name}: wanted {e.wanted}, saw {seen}")
    return lines
