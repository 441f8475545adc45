"""What podman has of a site, told from what others have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cxlib.clients import podman
from tests.podman_double import Podman


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Podman:
    made = Podman(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made


def test_container_whose_process_is_gone_is_killed_whatever_podman_says(double: Podman) -> None:
    """Where its watcher was killed as well, podman goes on saying `running`."""
    double.add("container cx-moon-node1", "container cx-moon-supply")
    double.add("container cx-moon-node2", alive=False)
    double.add("container cx-moon-node3", state="exited", alive=False)
    assert podman.states("moon") == {
        "cx-moon-node1": "running",
        "cx-moon-node2": "killed",
        "cx-moon-node3": "exited",
        "cx-moon-supply": "running",
    }


def test_killed_container_is_started_after_its_end_is_written_down(double: Podman, tmp_path: Path) -> None:
    """podman before 5.1 waits for ever for what the killed watcher never wrote."""
    double.add("container cx-moon-node1", alive=False)
    double.add("container cx-moon-node2", state="exited", alive=False)
    podman.start(["cx-moon-node1", "cx-moon-node2"], exits=tmp_path)
    assert (tmp_path / "cx-moon-node1").read_text() == "137"
    assert not (tmp_path / "cx-moon-node2").exists()
    assert set(podman.states("moon").values()) == {"running"}


def test_things_of_a_site_are_told_by_whole_names(double: Podman) -> None:
    """`moon` and `moon-b` are two sites, and either may be taken down alone."""
    ours = [
        "container cx-moon-node1",
        "volume cx-moon-data",
        "volume cx-moon-node1-kubelet",
        "network cx-moon",
    ]
    theirs = [thing.replace("cx-moon", "cx-moon-b") for thing in ours]
    double.add(*ours, *theirs, "network cx-moonlight", "volume cx-moon-backup", "container my-cx-moon-node1")
    assert sorted(podman.things("moon")) == sorted(ours)
    assert sorted(podman.things("moon-b")) == sorted(theirs)
    assert podman.of_any_site() == ["cx-moon-b-node1", "cx-moon-node1"]
    for thing in podman.things("moon"):
        podman.remove(thing)
    assert podman.things("moon") == []
    assert sorted(podman.things("moon-b")) == sorted(theirs)
    assert (podman.is_of("moon", "cx-moon-node1"), podman.is_of("moon", "cx-moon-b-node1")) == (True, False)
