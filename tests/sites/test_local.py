"""The local site's files: its Terraform, its inventory, and the versions that several of them name."""

from __future__ import annotations

import json
import os
import shutil
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from cxlib.clients import process
from cxlib.clients.terraform import Workspace
from cxlib.errors import CxError
from cxlib.settings import CHECKOUT, PORTS, Site, load_site
from cxlib.stage import images, toolchain

SITE = CHECKOUT / "sites" / "local"
# What stage/site.py gives; nothing is applied, so no image and no key has to be there.
VARIABLES: dict[str, object] = {
    "site": "test",
    "nodes": {"node1": "192.168.1.11", "node2": "192.168.1.12", "node3": "192.168.1.13"},
    "subnet": "192.168.1.0/24",
    "supply_address": "192.168.1.10",
    "floating_address": "127.0.38.1",
    "ports": sorted(PORTS.values()),
    "node_image": "localhost/node:1",
    "supply_image": "localhost/supply:1",
    "mirror": "/srv/mirror",
    "git": "/srv/git",
    "authorized_keys": "/srv/key.pub",
}


@pytest.fixture
def site() -> Site:
    return load_site("local")


@pytest.fixture(scope="module")
def inventory() -> dict[str, Any]:
    """The groups as Ansible itself reads them."""
    program = Path(sys.executable).with_name("ansible-inventory")
    return dict(
        json.loads(process.run([str(program), "-i", str(SITE / "inventory"), "--list"], timeout=60).stdout)
    )


def workspace(tmp_path: Path, **changed: object) -> Workspace:
    """The site's Terraform as a copy that remembers nothing."""
    folder = tmp_path / "terraform"
    shutil.copytree(SITE / "terraform", folder)
    work = Workspace(folder, tmp_path / "state", toolchain.program("terraform"), VARIABLES | changed)
    work.init()
    return work


def test_terraform_is_valid_and_plans_three_nodes_and_what_they_need(tmp_path: Path) -> None:
    """Terraform's own validation, and what it would make of site.toml."""
    work = workspace(tmp_path)
    work.validate()
    assert set(work.plan().changes) == {
        "terraform_data.network: create",
        "terraform_data.volume: create",
        "terraform_data.supply: create",
        'terraform_data.node["node1"]: create',
        'terraform_data.node["node2"]: create',
        'terraform_data.node["node3"]: create',
    }


def test_terraform_is_formatted() -> None:
    """HCL is code, in the one format that Terraform gives it."""
    argv = [str(toolchain.program("terraform")), "fmt", "-check", "-diff", "-recursive", str(SITE)]
    assert process.run(argv, timeout=30).stdout == ""


def test_only_loopback_may_be_published(tmp_path: Path) -> None:
    """The site must never open its ports to a network that the machine happens to be on."""
    with pytest.raises(CxError, match="publishes to loopback only"):
        workspace(tmp_path, floating_address="192.168.7.1").plan()


def test_inventory_names_the_sites_machines_and_no_others(site: Site, inventory: dict[str, Any]) -> None:
    """A machine in one file only would be made and never set up, or set up and never made."""
    assert set(inventory["_meta"]["hostvars"]) == set(site.nodes)
    assert inventory["workers"]["hosts"] == list(site.nodes)
    assert set(inventory["etcd"]["hosts"]) == set(inventory["control_plane"]["hosts"]) == {"node1"}


def test_versions_of_the_inventory_are_those_that_are_built(inventory: dict[str, Any]) -> None:
    """kubeadm pulls by these tags what images.toml tags and toolchain.toml builds."""
    told = inventory["_meta"]["hostvars"]["node1"]
    catalogue = images.catalogue()
    assert told["kubernetes_version"] == toolchain.modules()["kubernetes"].version
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
        assert catalogue[name].tags == (told["kubernetes_version"],)
    assert catalogue["etcd"].tags == (told["etcd_tag"],)
    assert catalogue["coredns"].tags == (told["coredns_tag"],)


@pytest.mark.parametrize("name", ["kubernetes", "etcd", "coredns"])
def test_stated_version_is_the_pinned_modules(name: str, inventory: dict[str, Any]) -> None:
    """The tag says what is in the image only if go.mod pins just that."""
    pins = (SITE / "supply" / "modules" / name / "go.mod").read_text()
    told = inventory["_meta"]["hostvars"]["node1"]
    module, version = {
        "kubernetes": ("k8s.io/kubernetes", told["kubernetes_version"]),
        "etcd": ("go.etcd.io/etcd/server/v3", told["etcd_tag"]),
        "coredns": ("github.com/coredns/coredns", told["coredns_tag"]),
    }[name]
    assert f"{module} {version}\n" in pins or f"{module} {version} " in pins


def test_every_module_of_the_toolchain_is_pinned_with_sums() -> None:
    """A build takes what was looked at, or stops."""
    for name in toolchain.modules():
        folder = SITE / "supply" / "modules" / name
        required = "require" in (folder / "go.mod").read_text()
        assert (folder / "go.sum").is_file() == required, name


def test_every_program_of_an_image_is_built_by_some_module() -> None:
    """An image that names an unknown program would fail only when it is built."""
    built = {program for module in toolchain.modules().values() for program in module.programs}
    wanted = {program for image in images.catalogue().values() for program in image.programs}
    assert wanted <= built


def test_cluster_addresses_do_not_overlap(site: Site, inventory: dict[str, Any]) -> None:
    """A pod that has a machine's address, or a Service a pod's, is lost to the others."""
    told = inventory["_meta"]["hostvars"]["node1"]
    networks = [ip_network(told["service_network"]), ip_network(told["pod_network"])]
    networks.append(ip_network(f"{site.supply_address}/24", strict=False))
    overlaps = [(a, b) for i, a in enumerate(networks) for b in networks[i + 1 :] if a.overlaps(b)]
    assert overlaps == []
    assert ip_address(told["registry_cluster_ip"]) in networks[0]
    assert all(ip_address(str(address)) in networks[2] for address in site.nodes.values())


def test_first_machine_alone_has_the_floating_address_and_the_volume(tmp_path: Path) -> None:
    """As on the cloud site: pods that keep data are reached and stored where the volume is."""
    work = workspace(tmp_path)
    plan = work.plan()
    argv = [str(toolchain.program("terraform")), "show", "-json", str(plan.file)]
    env = os.environ | {"TF_DATA_DIR": str(tmp_path / "state" / "data")}
    shown = json.loads(process.run(argv, timeout=30, cwd=tmp_path / "terraform", env=env).stdout)
    planned = {c["address"]: c["change"]["after"] for c in shown["resource_changes"]}
    told = {
        n: planned[f'terraform_data.node["{n}"]']["triggers_replace"] for n in ("node1", "node2", "node3")
    }
    assert told["node1"]["floating_address"] == "127.0.38.1"
    assert told["node1"]["data"] == "cx-test-data"
    assert told["node1"]["ports"].split() == [str(port) for port in sorted(PORTS.values())]
    assert {(told[n]["floating_address"], told[n]["data"], told[n]["ports"]) for n in ("node2", "node3")} == {
        ("", "", "")
    }
