"""01 site: machines, network, floating address and volume, by Terraform."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network

from cxlib import progress, settings
from cxlib.clients import firewall, podman, ssh, terraform
from cxlib.errors import StageFailed
from cxlib.parallel import run_all
from cxlib.stage import images, toolchain
from cxlib.wait import Budget, wait_until

# What the site's main.tf makes, by Terraform's addresses.
_NETWORK, _VOLUME, _SUPPLY = (f"terraform_data.{name}" for name in ("network", "volume", "supply"))
_NODE = "terraform_data.node["


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
        done = build(site, work) + start_stopped(site)
        run_all([partial(_log_in, site, node) for node in site.nodes])
        return Machines(tuple(done), work.outputs())


def build(site: settings.Site, work: terraform.Workspace) -> list[str]:
    """Terraform's part: what is missing, differs or is gone from this machine is made; what was changed."""
    remembered = work.addresses()
    gone = _gone(site, remembered)
    if gone:
        progress.note(f"gone from this machine: {', '.join(_short(a) for a in gone)}; made anew")
    plan = work.plan(replace=replaced(gone, remembered))
    if not plan.empty:
        progress.note(f"Terraform: {len(plan.changes)} to change")
        work.apply(plan)
        ssh.forget(site, *site.nodes)
    return list(plan.changes)


def replan(site: settings.Site) -> terraform.Plan:
    """What Terraform would do now; empty on a site that is as its files say."""
    return workspace(site).look()


def drift(site: settings.Site) -> tuple[str, ...]:
    """What a run would do to the machines: Terraform's changes, and what is gone or stopped. Does nothing."""
    work = workspace(site)
    work.init()
    gone = _gone(site, work.addresses())
    there = podman.states(site.name)
    stopped = sorted(f"{name}: {state}" for name, state in there.items() if state != "running")
    return (*work.look().changes, *(f"{address}: gone" for address in gone), *stopped)


def destroy(site: settings.Site) -> list[str]:
    """Take the site down; what it left behind on the machine, which should be nothing."""
    with progress.stage("take the site down"):
        work = workspace(site)
        work.init()
        work.destroy()
        ssh.forget(site, *site.nodes)
        # a site whose Terraform state was lost is known by its names alone
        for thing in podman.things(site.name):
            progress.note(f"unknown to Terraform, removed: {thing}")
            podman.remove(thing)
        return podman.things(site.name) + network_traces(site)


def replaced(gone: Collection[str], remembered: Sequence[str]) -> tuple[str, ...]:
    """What has to be made anew when ``gone`` is gone, of all that Terraform remembers, by address.

    Containers can't do without their network, nor node1 without its volume. Without node1, which holds
    the cluster's memory, the other machines are of no use: all go.
    """
    which = set(gone)
    if which & {_NETWORK, _VOLUME, f'{_NODE}"node1"]'}:
        which |= {address for address in remembered if address.startswith(_NODE)}
    if _NETWORK in which:
        which.add(_SUPPLY)
    return tuple(address for address in remembered if address in which)


def _gone(site: settings.Site, remembered: Sequence[str]) -> tuple[str, ...]:
    """Addresses of what Terraform remembers and podman doesn't have."""
    there = podman.things(site.name)
    known = {_NETWORK: f"network cx-{site.name}", _VOLUME: f"volume cx-{site.name}-data"}
    for address in remembered:
        if address == _SUPPLY or address.startswith(_NODE):
            known[address] = f"container cx-{site.name}-{_short(address)}"
    return tuple(a for a in remembered if a in known and known[a] not in there)


def _short(address: str) -> str:
    """``terraform_data.node["node2"]`` -> ``node2``, ``terraform_data.supply`` -> ``supply``."""
    return address.split('"')[1] if '"' in address else address.rsplit(".", 1)[1]


def start_stopped(site: settings.Site) -> list[str]:
    """Start the machines that are there and don't run, as after a reboot."""
    there = podman.states(site.name)
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
    return firewall.traces((site.network, IPv4Network(site.floating_address)))
