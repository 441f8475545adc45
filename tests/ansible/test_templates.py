"""What the roles' templates make of the local site, rendered by Ansible with its own inventory."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from cxlib.clients import ansible, process
from cxlib.settings import CHECKOUT, load_site
from cxlib.stage import images, supply

ROLES = CHECKOUT / "ansible" / "roles"
RENDER = """
- name: Render
  hosts: all
  gather_facts: false
  tasks:
    - name: Render every template for every machine
      ansible.builtin.copy:
        content: >-
          {{ templates | zip(query('ansible.builtin.template', *templates, convert_data=False)) | to_json }}
        dest: "{{ out }}/{{ inventory_hostname }}.json"
        mode: "0644"
"""


@dataclass(frozen=True)
class Rendered:
    """A folder for each machine, with every template rendered in it."""

    folder: Path
    references: dict[str, str]

    def text(self, node: str, name: str) -> str:
        return (self.folder / node / name).read_text()

    def documents(self, node: str, name: str) -> list[dict[str, Any]]:
        return list(yaml.safe_load_all(self.text(node, name)))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Everything, in one run of Ansible."""
    work = tmp_path_factory.mktemp("rendered")
    templates = sorted(str(p) for p in ROLES.rglob("*.j2"))
    (work / "render.yml").write_text(RENDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CX_STATE", str(work / "state"))
        site = load_site("local")
        references = supply.images(site)
        here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        token = {"kubeadm_token": {"stdout": "abcdef.0123456789abcdef"}, "kubeadm_ca": {"content": "Q0E="}}
        told = {"images": references, "supply_address": str(site.supply_address)}
        told |= {"floating_address": str(site.floating_address)}
        variables = {**here, **token, **told, "out": str(work), "templates": templates}
        ansible.run(site, str(work / "render.yml"), variables)
    for node in site.nodes:
        (work / node).mkdir()
        for template, text in json.loads((work / f"{node}.json").read_text()):
            (work / node / Path(template).stem).write_text(text)
    return Rendered(work, references)


def test_containerd_finds_its_pause_image_and_its_registries(rendered: Rendered) -> None:
    """Without a sandbox image of the site's own, no pod starts where there is no internet."""
    plugin = tomllib.loads(rendered.text("node2", "config.toml"))["plugins"]["io.containerd.grpc.v1.cri"]
    assert plugin["sandbox_image"] == rendered.references["pause"]
    assert plugin["restrict_oom_score_adj"] is True
    assert plugin["registry"]["config_path"] == "/etc/containerd/certs.d"


def test_every_node_has_pods_of_its_own_network(rendered: Rendered) -> None:
    """Two nodes with one range would give two pods the same address."""
    found = []
    for node in ("node1", "node2", "node3"):
        conflist = json.loads(rendered.text(node, "10-pods.conflist"))
        assert [plugin["type"] for plugin in conflist["plugins"]] == ["ptp", "portmap"]
        found.append(ip_network(conflist["plugins"][0]["ipam"]["ranges"][0][0]["subnet"]))
    assert len(set(found)) == 3
    assert all(n.subnet_of(ip_network("10.244.0.0/16")) for n in found)


def test_every_node_routes_to_the_others_pods_and_not_to_its_own(rendered: Rendered) -> None:
    """A route back to itself would lose a node's own pods."""
    routes = [line for line in rendered.text("node2", "pod-network").splitlines() if "ip route" in line]
    assert routes == [
        "ip route replace 10.244.1.0/24 via 192.168.1.11",
        "ip route replace 10.244.3.0/24 via 192.168.1.13",
    ]


def test_route_script_passes_shellcheck(rendered: Rendered) -> None:
    """It is a template, so the lint of the tree can't read it."""
    process.run(["shellcheck", str(rendered.folder / "node1" / "pod-network")], timeout=30)


@pytest.mark.parametrize("name", ["init.yml", "join.yml"])
def test_kubeadm_accepts_its_configuration(rendered: Rendered, name: str) -> None:
    """kubeadm itself says whether a field is known."""
    folder = rendered.folder / "node1"
    # It also looks whether the file that discovery names is there.
    text = rendered.text("node1", name).replace("/etc/kubernetes/discovery.conf", f"{folder}/discovery.conf")
    checked = folder / f"checked-{name}"
    checked.write_text(text)
    argv = [str(supply.toolchain_bin("kubeadm")), "config", "validate", "--config", str(checked)]
    done = process.run(argv, timeout=30, expect=None)
    assert (done.code, "warning" in done.stderr.lower()) == (0, False), done.stderr


def test_every_image_that_kubeadm_wants_is_one_that_is_built(rendered: Rendered) -> None:
    """A missing tag would show as a pull that fails, minutes later."""
    kubeadm, path = str(supply.toolchain_bin("kubeadm")), rendered.folder / "node1" / "init.yml"
    wanted = process.run([kubeadm, "config", "images", "list", "--config", str(path)], timeout=30).stdout
    site = load_site("local")
    made = {
        f"{site.supply_address}:5000/{name}:{tag}"
        for name, image in images.catalogue().items()
        for tag in image.tags
        if image.mirrored
    }
    assert len(wanted.split()) >= 7
    assert set(wanted.split()) <= made


def test_init_and_join_name_the_machine_they_are_for(rendered: Rendered) -> None:
    """A node under another's name would push that one out of the cluster."""
    init = rendered.documents("node1", "init.yml")
    assert [d["kind"] for d in init] == [
        "InitConfiguration",
        "ClusterConfiguration",
        "KubeletConfiguration",
        "KubeProxyConfiguration",
    ]
    assert init[0]["localAPIEndpoint"]["advertiseAddress"] == "192.168.1.11"
    assert "127.0.38.1" in init[1]["apiServer"]["certSANs"], "the harness comes through the floating address"
    (join,) = rendered.documents("node3", "join.yml")
    assert join["nodeRegistration"]["name"] == "node3"
    assert join["nodeRegistration"]["kubeletExtraArgs"] == [{"name": "node-ip", "value": "192.168.1.13"}]


def test_a_node_joins_only_the_cluster_whose_certificate_it_knows(rendered: Rendered) -> None:
    """Discovery by file carries the CA, so nobody else's API server is believed."""
    (discovery,) = rendered.documents("node2", "discovery.conf")
    cluster = discovery["clusters"][0]["cluster"]
    assert cluster == {"server": "https://192.168.1.11:6443", "certificate-authority-data": "Q0E="}


def test_registry_has_its_fixed_address_and_storage_that_lasts(rendered: Rendered) -> None:
    """The nodes' containerd is told the address before there is a cluster DNS."""
    found = {d["kind"]: d for d in rendered.documents("node1", "registry.yml")}
    assert found["Service"]["spec"]["clusterIP"] == "10.96.0.50"
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert {"name": "images", "persistentVolumeClaim": {"claimName": "registry"}} in pod["volumes"]
    assert pod["containers"][0]["image"] == rendered.references["registry"]


def test_default_storage_class_is_the_local_one(rendered: Rendered) -> None:
    """Claims of the platform name no class."""
    classes = [d for d in rendered.documents("node1", "storage.yml") if d["kind"] == "StorageClass"]
    (notes,) = [c["metadata"]["annotations"] for c in classes]
    assert notes["storageclass.kubernetes.io/is-default-class"] == "true"


def test_cluster_services_of_ours_have_no_right_to_everything(rendered: Rendered) -> None:
    """Nothing of ours is cluster-admin, nor is it by another name."""
    documents = rendered.documents("node1", "storage.yml") + rendered.documents("node1", "registry.yml")
    assert not [d for d in documents if d.get("roleRef", {}).get("name") == "cluster-admin"]
    rules = [rule for d in documents for rule in d.get("rules", [])]
    assert rules
    assert not [r for r in rules if "*" in r["verbs"] + r["resources"] + r["apiGroups"]]
