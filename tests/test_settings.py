"""Sites and folders."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cxlib import settings
from cxlib.errors import ConfigError

GOOD = """
name = "moon"
floating_address = "127.0.99.1"
supply_address = "10.9.9.10"
ssh_user = "cc"
[nodes]
node1 = "10.9.9.11"
"""


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one site, `moon`, and a state folder of its own."""
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    folder = tmp_path / "sites" / "moon"
    folder.mkdir(parents=True)
    return folder


def test_local_site_is_the_missions_three_nodes() -> None:
    """The addresses are the mission's; a floating address on loopback collides with nothing."""
    site = settings.load_site("local")
    assert {name: str(address) for name, address in site.nodes.items()} == {
        "node1": "192.168.1.11",
        "node2": "192.168.1.12",
        "node3": "192.168.1.13",
    }
    assert site.floating_address.is_loopback
    assert site.url("mlflow") == f"http://{site.floating_address}:8000"


def test_unknown_site_names_those_that_are_there(sites: Path) -> None:
    """The fix is one word away."""
    (sites / "site.toml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"there is no site 'mars'\. Use one of: moon"):
        settings.load_site("mars")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.replace('"127.0.99.1"', '"127.0.99"'), "floating_address: "),
        (GOOD.replace('ssh_user = "cc"', 'shh_user = "cc"'), "ssh_user: "),
        (GOOD + "x = [", "not TOML"),
        (GOOD.replace('node1 = "10.9.9.11"', ""), "nodes: "),
        (GOOD.replace('"moon"', '"local"'), "name: 'local' in the folder of 'moon'. Write name = \"moon\""),
        (GOOD.replace('"moon"', '"../../x y"'), "name: '../../x y' is no name for machines"),
        (GOOD.replace('"moon"', '"moon-"'), "name: 'moon-' is no name for machines"),
        (GOOD.replace("127.0.99.1", "10.9.9.9"), "floating_address: 10.9.9.9 is not an address of this"),
        (GOOD.replace("127.0.99.1", "::1"), "floating_address: "),
        (GOOD + 'node2 = "10.9.9.11"', "nodes: two have the address 10.9.9.11. Give each its own"),
        (GOOD + 'node2 = "10.9.9.10"', "supply_address: 10.9.9.10 is a node's too"),
        (GOOD.replace("10.9.9.10", "10.9.8.10"), "nodes.node1: 10.9.9.11 is none that a container can have"),
        (GOOD.replace("10.9.9.10", "10.9.9.1"), "supply_address: 10.9.9.1 is none that a container can have"),
        (GOOD + 'node2 = "10.9.9.255"', "Use one from 10.9.9.2 to 10.9.9.254"),
        (GOOD.replace("node1", "first"), "nodes: there is no node1"),
        (GOOD + 'b-node1 = "10.9.9.12"', "nodes.b-node1: no name for a machine"),
        (GOOD + 'supply = "10.9.9.12"', "nodes.supply: no name for a machine"),
    ],
    ids=[
        *("bad-address", "misspelt", "not-toml", "no-nodes", "other-folder", "path", "hyphen", "published"),
        *("v6", "twice", "supply-is-node", "other-network", "gateway", "broadcast", "no-node1"),
        *("hyphen-in-node", "node-called-supply"),
    ],
)
def test_wrong_site_file_names_the_file_and_the_field(sites: Path, text: str, expected: str) -> None:
    """A site is written by hand."""
    (sites / "site.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        settings.load_site("moon")
    assert "moon/site.toml" in str(error.value)
    assert expected in str(error.value)


def test_site_file_that_is_not_utf8_is_told_as_that(sites: Path) -> None:
    """An editor of another age writes Latin-1 into a comment."""
    (sites / "site.toml").write_bytes("# für alle\n".encode("latin-1") + GOOD.encode())
    with pytest.raises(ConfigError, match=r"moon/site\.toml: not UTF-8 at byte 3\. Save it as UTF-8"):
        settings.load_site("moon")


def test_machines_elsewhere_have_the_addresses_that_they_have(sites: Path) -> None:
    """A cloud's networks and names are not ours to give."""
    text = GOOD.replace("127.0.99.1", "129.114.1.2").replace("node1", "birdclef-node-1")
    (sites / "site.toml").write_text("remote = true\n" + text)
    assert settings.load_site("moon").remote


def test_state_is_for_its_owner_only(sites: Path) -> None:
    """Keys and a kubeconfig lie there."""
    (sites / "site.toml").write_text(GOOD)
    state = settings.load_site("moon").state
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
