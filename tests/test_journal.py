"""What a killed run leaves behind is found and removed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cxlib import cli, journal
from cxlib.clients import process
from cxlib.errors import ConfigError, StageFailed
from cxlib.settings import CHECKOUT, Site, load_site

# A kind of thing that needs no cluster: a file.
KIND = """
from pathlib import Path
from cxlib.errors import StageFailed

def remove(site, entry):
    if entry.how.get("stuck"):
        raise StageFailed(entry.name, wanted="gone", seen="there")
    Path(entry.how["path"]).unlink(missing_ok=True)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The local site with a state folder of the test's own, and a kind `file`."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    monkeypatch.setitem(journal.UNDOERS, "file", "filekind:remove")
    (tmp_path / "filekind.py").write_text(KIND)
    monkeypatch.syspath_prepend(tmp_path)
    return load_site("local")


def killed_run(folder: Path, **how: str) -> None:
    """Another process that journals a file, makes it, and dies before it is done."""
    script = (
        "import os, sys; from cxlib import journal; from cxlib.settings import load_site\n"
        "journal.UNDOERS['file'] = 'filekind:remove'\n"
        f"journal.intend(load_site('local'), 'file', 'probe', path={str(folder / 'probe')!r}, **{how!r})\n"
        f"open({str(folder / 'probe')!r}, 'w').close(); os._exit(9)\n"
    )
    done = process.run([sys.executable, "-c", script], timeout=30, cwd=CHECKOUT, expect=None)
    assert done.code == 9, done.stderr


def test_thing_is_written_down_before_it_is_made_and_gone_after(site: Site) -> None:
    """A kill between the two leaves at most a note about nothing."""
    with journal.for_a_while(site, "file", "probe", path="/nowhere/x"):
        (entry,) = journal.left(site)
        assert (entry.kind, entry.name, entry.owner_lives) == ("file", "probe", True)
    assert journal.left(site) == []


def test_thing_is_undone_after_an_error(site: Site, tmp_path: Path) -> None:
    """A failed scenario cleans up like one that passed."""
    probe = tmp_path / "probe"
    with pytest.raises(StageFailed), journal.for_a_while(site, "file", "probe", path=str(probe)):
        probe.touch()
        raise StageFailed("x", wanted="a", seen="b")
    assert not probe.exists()


def test_sweep_lists_and_then_removes_what_a_killed_run_left(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is deleted without being asked for."""
    killed_run(tmp_path)
    assert cli.main(["sweep"]) == 1
    assert "file  probe" in capsys.readouterr().out
    assert (tmp_path / "probe").exists()
    assert cli.main(["sweep", "--delete"]) == 0
    assert not (tmp_path / "probe").exists()
    assert cli.main(["sweep"]) == 0
    assert "nothing is left behind" in capsys.readouterr().out


def test_sweep_leaves_a_living_run_alone(site: Site) -> None:
    """Two people may work on one site."""
    entry = journal.intend(site, "file", "probe", path="/nowhere/x")
    assert cli.main(["sweep", "--delete"]) == 0
    assert journal.left(site) == [entry]


def test_what_cannot_be_removed_stays_in_the_journal(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next sweep tries again, and says why."""
    killed_run(tmp_path, stuck="yes")
    assert cli.main(["sweep", "--delete"]) == 1
    assert "probe: wanted gone, saw there" in capsys.readouterr().err
    assert len(journal.left(site)) == 1


def test_line_cut_off_by_a_crash_harms_no_other(site: Site) -> None:
    """Power may go during any write."""
    path = site.state / "journal.jsonl"
    journal.intend(site, "file", "first", path="/nowhere/x")
    with path.open("a") as file:
        file.write('{"intend": {"id": "half')
    journal.intend(site, "file", "second", path="/nowhere/y")
    assert [entry.name for entry in journal.left(site)] == ["first", "second"]


def test_kind_that_nobody_can_undo_is_refused(site: Site) -> None:
    """An entry that sweep can't handle would be a riddle for ever."""
    with pytest.raises(ConfigError, match="nothing undoes a volcano"):
        journal.intend(site, "volcano", "x")
