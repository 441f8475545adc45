"""What the two commands of the README do, in which order."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cxlib.clients import process
from cxlib.settings import CHECKOUT


def commands(target: str, arguments: str = "") -> list[str]:
    """What `make target` would run of ours, as `make -n` tells it."""
    argv = ["make", "-n", target, f"ARGS={arguments}", "VENV=venv"]
    lines = process.run(argv, timeout=30, cwd=CHECKOUT).stdout.splitlines()
    return [line.strip() for line in lines if line.strip().startswith("venv/bin")]


@pytest.mark.parametrize("arguments", ["-k digits --site kvm-tacc", "--site=kvm-tacc -k digits"])
def test_staging_looks_at_the_machine_before_it_builds(arguments: str) -> None:
    """Half an hour of compiling is a long way to hear that a port is held."""
    assert commands("staging", arguments) == [
        "venv/bin/cx doctor --brief --site=kvm-tacc",
        "venv/bin/cx setup",
        f"venv/bin/pytest features/ --env=staging {arguments}",
    ]


def test_unit_tests_ask_for_nothing_that_only_a_site_needs() -> None:
    """They run without root, on machines that are small or hold a site."""
    assert not [line for line in commands("test") if "doctor" in line]


def test_help_needs_no_more_than_any_machine_has(tmp_path: Path) -> None:
    """It is asked before anything is installed."""
    for name in ("make", "awk"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = process.run(["make", "help"], timeout=30, cwd=CHECKOUT, env={"PATH": str(tmp_path)})
    listed = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert {"help", "staging", "test", "test-exhaustive", "down"} <= set(listed)
    assert "from nothing to a model in staging" in listed["staging"]
