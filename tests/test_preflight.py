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


def fake_go(folder: Path, version: str) -> str:
    """A PATH on which Go says that it is ``version``."""
    (folder / "go").write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    (folder / "go").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("version", "ok"), [("1.25.9", False), ("1.26.0", True), ("1.26.8", True), ("1.30", True)]
)
def test_go_has_to_be_as_new_as_the_newest_module_asks(
    version: str, ok: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go itself would tell it module by module, in the midst of a build."""
    monkeypatch.setenv("PATH", fake_go(tmp_path, version))
    row = next(row for row in preflight.checks(load_site("local")) if row.what == "go")
    assert (row.wanted, row.ok) == ("1.26.0 or later", ok)


def test_setup_with_an_old_go_says_in_a_table_which_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And asks for nothing else: root, memory and ports are a site's."""
    monkeypatch.setenv("PATH", fake_go(tmp_path, "1.21.1"))
    monkeypatch.setenv("CX_CACHE", str(tmp_path / "cache"))  # where it would build, if it did
    assert cli.main(["setup"]) == 2
    head, columns, *rows = capsys.readouterr().err.splitlines()
    assert "this machine can't build the programs" in head
    assert "how to get it" in columns
    assert [row.split()[:2] for row in rows] == [["NO", "go"]]
    assert "install Go 1.26.0" in rows[0]


def test_brief_doctor_says_nothing_of_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make staging` asks each time; the reader wants to know what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["doctor", "--brief"]) == 2
    rows = capsys.readouterr().out.splitlines()[1:]
    assert {row.split()[0] for row in rows if row and not row.startswith("missing: ")} == {"NO"}


def test_setup_on_a_full_disk_says_so_before_it_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that fills in the midst of it is told by whichever program writes next."""
    for name in ("CX_CACHE", "GOCACHE", "GOMODCACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(preflight, "BUILD_GIB", 1e6)
    assert cli.main(["setup"]) == 2
    (row,) = capsys.readouterr().err.splitlines()[2:]
    assert row.startswith("NO  disk to build  1e+06 GiB")
    assert list(tmp_path.iterdir()) == []
