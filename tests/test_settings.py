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
    ],
    ids=["bad-address", "misspelt", "not-toml", "no-nodes"],
)
def test_wrong_site_file_names_the_file_and_the_field(sites: Path, text: str, expected: str) -> None:
    """A site is written by hand."""
    (sites / "site.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        settings.load_site("moon")
    assert "moon/site.toml" in str(error.value)
    assert expected in str(error.value)


def test_state_is_for_its_owner_only(sites: Path) -> None:
    """Keys and a kubeconfig lie there."""
    (sites / "site.toml").write_text(GOOD)
    state = settings.load_site("moon").state
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
