"""The preflight, on this machine and on what it lacks."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import psutil
import pytest

from cxlib import cli, preflight
from cxlib.errors import PreflightFailed
from cxlib.settings import Site, load_site


@pytest.fixture
def local() -> Site:
    return load_site("local")


def site_at(site: Site, address: str) -> Site:
    return Site.model_validate({**site.model_dump(), "floating_address": address})


def test_missing_program_is_named_with_its_package(
    local: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A newcomer copies the command from the table."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PreflightFailed) as error:
        preflight.require_ready(local)
    row = next(line for line in str(error.value).splitlines() if " mmdebstrap " in line)
    assert row.split() == ["NO", "mmdebstrap", "on", "PATH", "none", "apt-get", "install", "mmdebstrap"]
    assert error.value.exit_code == 2


def test_port_held_by_another_program_is_named_with_its_holder(local: Site) -> None:
    """`address already in use` minutes later would name neither."""
    site = site_at(local, "127.0.77.2")
    with socket.create_server(("127.0.77.2", 8081)):
        row = next(check for check in preflight.checks(site) if check.what.startswith("ports"))
    assert not row.ok
    assert f"8081 held by {psutil.Process().name()}" in row.found
    assert str(os.getpid()) in row.found


def test_free_ports_are_well(local: Site) -> None:
    """Nothing of the site is up yet on a fresh machine."""
    row = next(check for check in preflight.checks(site_at(local, "127.0.77.3")) if "ports" in check.what)
    assert (row.ok, row.found) == (True, "free")


def test_remote_site_asks_for_no_local_containers(local: Site) -> None:
    """Its machines are elsewhere."""
    rows = preflight.checks(local.model_copy(update={"remote": True}))
    assert {row.what for row in rows} == {"git", "ssh", "ssh-keygen"}


def test_probes_leave_nothing_behind(local: Site) -> None:
    """Kernel features are tried in namespaces that end with the probe."""
    before = ({link.name for link in Path("/sys/class/net").iterdir()}, Path("/proc/mounts").read_text())
    preflight.checks(site_at(local, "127.0.77.4"))
    after = ({link.name for link in Path("/sys/class/net").iterdir()}, Path("/proc/mounts").read_text())
    assert {name for name in after[0] - before[0] if name.startswith("cx")} == set()
    assert "overlay cx " not in after[1]
    assert "cx /mnt" not in after[1]


def test_doctor_prints_every_row_and_leaves_with_2_when_one_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same table as the run's, from the command line."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert "how to get it" in out
    assert "missing: go, podman" in out


def test_cli_turns_an_error_into_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback is for us, not for the user."""
    assert cli.main(["doctor", "--site", "moon"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("cx doctor: --site: there is no site 'moon'")
    assert "Traceback" not in err


def test_help_lists_the_verbs_without_importing_them(capsys: pytest.CaptureFixture[str]) -> None:
    """`cx --help` answers at once, whatever a verb needs."""
    began = time.monotonic()
    with pytest.raises(SystemExit) as left:
        cli.main(["--help"])
    assert left.value.code == 0
    assert time.monotonic() - began < 1
    assert "what this machine lacks" in capsys.readouterr().out
