"""What becomes of a site that lost something: the site's own Terraform, and a podman that runs nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cxlib.settings import CHECKOUT, Site
from cxlib.stage import site as stage
from tests.podman_double import Podman

NODES = {f'terraform_data.node["node{n}"]' for n in (1, 2, 3)}
NODE1, NODE2, NODE3 = sorted(NODES)
NETWORK, SUPPLY, VOLUME = (f"terraform_data.{name}" for name in ("network", "supply", "volume"))
ALL = (*sorted(NODES), NETWORK, SUPPLY, VOLUME)
THINGS = {
    *("network cx-moon", "volume cx-moon-data", "container cx-moon-supply"),
    *(f"container cx-moon-node{n}" for n in (1, 2, 3)),
    *(f"volume cx-moon-node{n}-{what}" for n in (1, 2, 3) for what in ("containerd", "kubelet")),
}
OTHERS = {
    *("network cx-moonlight", "network cx-moon-b", "volume cx-moon-b-data", "volume cx-moonlight-data"),
    *("container cx-moonlight-node1", "container cx-moon-b-node1", "volume cx-moon-b-node1-kubelet"),
    *("container somebodys", "volume somebodys-cx-moon-data"),
}
WRITES = ("run", "rm", "start", "network create", "network rm", "volume create", "volume rm")


class Moon(Site):
    """A site with the local one's Terraform."""

    @property
    def folder(self) -> Path:
        return CHECKOUT / "sites" / "local"


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Podman:
    made = Podman(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    made.program("ip", "#!/bin/sh\necho default via 10.0.0.1 dev eth0\n")
    made.program("iptables-save", "#!/bin/sh\n")
    return made


@pytest.fixture
def moon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moon:
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CX_CACHE", str(tmp_path / "cache"))
    return Moon(
        name="moon", floating_address="127.0.99.1", supply_address="10.9.9.10", ssh_user="cc",
        nodes={f"node{n}": f"10.9.9.1{n}" for n in (1, 2, 3)},
    )  # fmt: skip


def build(site: Site) -> set[str]:
    """What Terraform changed, and how."""
    work = stage.workspace(site)
    work.init()
    return set(stage.build(site, work))


@pytest.mark.parametrize(
    ("gone", "anew"),
    [
        ({NODE2}, {NODE2}),
        ({SUPPLY}, {SUPPLY}),
        ({NODE1}, NODES),
        ({NODE1, SUPPLY}, {*NODES, SUPPLY}),
        ({NETWORK}, {NETWORK, SUPPLY, *NODES}),
        ({VOLUME}, {VOLUME, *NODES}),
        (set(ALL), set(ALL)),
        (set(), set()),
    ],
    ids=["node2", "supply", "node1", "node1-and-supply", "network", "volume", "all", "nothing"],
)
def test_what_is_gone_is_made_anew_with_what_stands_on_it(gone: set[str], anew: set[str]) -> None:
    """A machine without its network is of no use, nor a cluster without the machine that remembers it."""
    assert set(stage.replaced(gone, ALL)) == anew


def test_machine_may_be_called_as_a_part_of_the_site_is() -> None:
    """Its loss is not the network's."""
    named = 'terraform_data.node["network"]'
    assert stage.replaced({named}, (*ALL, named)) == (named,)


def test_site_is_built_once_and_recovered_whatever_is_lost(moon: Moon, podman: Podman) -> None:
    """A clean-up by hand took the network, and every run failed until the site was taken down."""
    podman.add(*OTHERS)
    assert build(moon) == {f"{address}: create" for address in ALL}
    assert podman.things() == THINGS | OTHERS
    assert build(moon) == set()
    podman.lose("network cx-moon")
    podman.asked()
    lost = stage.drift(moon)
    assert lost == (f"{NETWORK}: gone",)
    assert [line for line in podman.asked() if line.startswith(WRITES)] == [], "it only looks"
    assert build(moon) == {f"{address}: delete/create" for address in {*ALL} - {VOLUME}}
    podman.lose(*THINGS)  # as `podman system prune --all --volumes` after a reboot
    assert build(moon) == {f"{address}: delete/create" for address in ALL}
    podman.lose("container cx-moon-node3")
    assert build(moon) == {f"{NODE3}: delete/create"}
    assert podman.things() == THINGS | OTHERS
    assert stage.destroy(moon) == []
    assert podman.things() == OTHERS, "a site whose name begins as ours is another's"


def test_site_of_a_lost_state_is_taken_down_by_its_names(moon: Moon, podman: Podman) -> None:
    """And nothing of another site with it, whatever that is called."""
    podman.add(*THINGS, *OTHERS)
    assert stage.destroy(moon) == []
    assert podman.things() == OTHERS


def test_what_is_left_of_the_network_is_told(moon: Moon, podman: Podman) -> None:
    """`cx down` said that nothing is left of what it hadn't looked at."""
    rule = "-A NETAVARK-DN-7B -d 127.0.99.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.9.11:80"
    podman.program("iptables-save", f"#!/bin/sh\necho '{rule}'\n")
    assert stage.destroy(moon) == [rule]


def test_stopped_machines_are_started_and_others_left_alone(moon: Moon, podman: Podman) -> None:
    """After a reboot every container is there and none runs."""
    podman.add("container cx-moon-node1", "container cx-moonlight-node1", state="exited", alive=False)
    podman.add("container cx-moon-node2")
    assert stage.start_stopped(moon) == ["cx-moon-node1: started"]
    assert podman.asked()[-1] == "start cx-moon-node1"
    assert stage.start_stopped(moon) == []
