"""01 site: machines, network, floating address and volume, by Terraform."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cxlib import progress, settings
from cxlib.clients import firewall, podman, ssh, terraform
from cxlib.errors import StageFailed
from cxlib.parallel import run_all
from cxlib.stage import images, toolchain
from cxlib.wait import Budget, wait_until


@dataclass(frozen=True, slots=True)
class Machines:
    """The site as it stands: what this run did to it, and what Terraform says of it."""

    done: tuple[str, ...]
    outputs: dict[str, object]

    @property
    def changed(self) -> bool:
        return bool(self.done)


def workspace(site: settings.Site) -> terraform.Workspace:
    """Terraform for ``site``, its variables from site.toml and the images of this checkout."""
    keys = images.keys()
    git = site.state / "git"
    git.mkdir(exist_ok=True)
    variables = {
        "site": site.name,
        "nodes": {name: str(address) for name, address in site.nodes.items()},
        "subnet": str(site.network),
        "supply_address": str(site.supply_address),
        "floating_address": str(site.floating_address),
        "ports": sorted(settings.PORTS.values()),
        "node_image": images.local_name("node", keys["node"]),
        "supply_image": images.local_name("supply", keys["supply"]),
        "mirror": str(images.storage()),
        "git": str(git),
        "authorized_keys": f"{ssh.key(site)}.pub",
    }
    return terraform.Workspace(
        site.folder / "terraform", site.state / "terraform", toolchain.program("terraform"), variables
    )


def converge(site: settings.Site) -> Machines:
    """Make the site what its files say: build what is missing, start what stopped, replace what is gone."""
    toolchain.ensure()
    images.ensure()
    with progress.stage("01 site"):
        work = workspace(site)
        work.init()
        work.validate()
        lost = _lost(site, work)
        plan = work.plan(replace=lost)
        done = list(plan.changes)
        if not plan.empty:
            progress.note(f"Terraform: {len(plan.changes)} to change")
            work.apply(plan)
            ssh.forget(site, *site.nodes)
        done += _start_stopped(site)
        run_all([partial(_log_in, site, node) for node in site.nodes])
        return Machines(tuple(done), work.outputs())


def replan(site: settings.Site) -> terraform.Plan:
    """What Terraform would do now; empty on a site that is as its files say."""
    return workspace(site).plan()


def drift(site: settings.Site) -> tuple[str, ...]:
    """What a run would do to the machines: Terraform's changes, and what is gone or stopped. Does nothing."""
    work = workspace(site)
    work.init()
    gone = _gone(site, work)
    there = podman.states(_prefix(site))
    stopped = sorted(f"{name}: {state}" for name, state in there.items() if state != "running")
    return (*work.plan().changes, *(f"{address}: gone" for address in gone), *stopped)


def destroy(site: settings.Site) -> list[str]:
    """Take the site down; what it left behind on the machine, which should be nothing."""
    with progress.stage("take the site down"):
        work = workspace(site)
        work.init()
        work.destroy()
        ssh.forget(site, *site.nodes)
        # a site whose Terraform state was lost is known by its names alone
        for leftover in podman.leftovers(_prefix(site)):
            progress.note(f"unknown to Terraform, removed: {leftover}")
            podman.remove(leftover)
        return podman.leftovers(_prefix(site))


def _prefix(site: settings.Site) -> str:
    return f"cx-{site.name}"


def _lost(site: settings.Site, work: terraform.Workspace) -> tuple[str, ...]:
    """Addresses of machines that Terraform remembers and podman doesn't have.

    Without its first machine, which holds the cluster's memory, the others are of no use: all go.
    """
    lost = _gone(site, work)
    if lost:
        progress.note(f"gone from this machine: {', '.join(_short(a) for a in lost)}; made anew")
    if any(_short(a) == "node1" for a in lost):
        return tuple(a for a in _remembered(work) if a.startswith("terraform_data.node"))
    return lost


def _gone(site: settings.Site, work: terraform.Workspace) -> tuple[str, ...]:
    there = podman.states(_prefix(site))
    return tuple(a for a in _remembered(work) if f"{_prefix(site)}-{_short(a)}" not in there)


def _remembered(work: terraform.Workspace) -> list[str]:
    """Addresses of the containers that Terraform made."""
    kinds = ("terraform_data.node", "terraform_data.supply")
    return [address for address in work.addresses() if address.startswith(kinds)]


def _short(address: str) -> str:
    """``terraform_data.node["node2"]`` -> ``node2``, ``terraform_data.supply`` -> ``supply``."""
    return address.split('"')[1] if '"' in address else address.rsplit(".", 1)[1]


def _start_stopped(site: settings.Site) -> list[str]:
    there = podman.states(_prefix(site))
    stopped = sorted(name for name, state in there.items() if state != "running")
    if stopped:
        progress.note(f"stopped, as after a reboot: {', '.join(stopped)}; started again")
        podman.start(stopped)
    return [f"{name}: started" for name in stopped]


def _log_in(site: settings.Site, node: str) -> None:
    wait_until(
        f"SSH on {node}", lambda: ssh.look(site, node), wanted="a login", within=Budget.BOOT, every=0.5
    )


def require_empty(plan: terraform.Plan) -> None:
    """Raises ``StageFailed`` naming what differs, if a second plan isn't empty."""
    if not plan.empty:
        raise StageFailed("a second plan", wanted="no changes", seen=", ".join(plan.changes))


def network_traces(site: settings.Site) -> list[str]:
    """Routes and firewall rules of this machine that speak of the site's network or floating address."""
    return firewall.traces((str(site.network), str(site.floating_address)))
