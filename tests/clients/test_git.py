"""Snapshots of a working tree, with a real git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cxlib.clients import git, process
from cxlib.errors import ConfigError

FOLDERS = ("deploy", "services")


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """A working tree that no repository knows: a release's archive has no .git either."""
    folder = tmp_path / "worktree"
    (folder / "deploy").mkdir(parents=True)
    (folder / "services").mkdir()
    (folder / "deploy" / "chart.yaml").write_text("a: 1\n")
    (folder / "services" / "app.py").write_text("print()\n")
    (folder / "secret.txt").write_text("not for the cluster\n")
    (folder / ".gitignore").write_text("__pycache__/\n*.pyc\n")
    return folder


def files(bare: Path, commit: str) -> set[str]:
    listed = process.run(["git", "--git-dir", str(bare), "ls-tree", "-r", "--name-only", commit], timeout=30)
    return set(listed.stdout.split())


def test_the_same_files_are_the_same_commit_everywhere(worktree: Path, tmp_path: Path) -> None:
    """Otherwise every run would move the branch, and Argo CD would have something to do."""
    first, moved = git.snapshot(worktree, FOLDERS, tmp_path / "a.git")
    again, moved_again = git.snapshot(worktree, FOLDERS, tmp_path / "a.git")
    elsewhere, _ = git.snapshot(worktree, FOLDERS, tmp_path / "b.git")
    assert first == again == elsewhere
    assert (moved, moved_again) == (True, False)


def test_only_the_named_folders_are_in_it(worktree: Path, tmp_path: Path) -> None:
    """The cluster gets what it runs, not what else lies about."""
    commit, _ = git.snapshot(worktree, FOLDERS, tmp_path / "a.git")
    assert files(tmp_path / "a.git", commit) == {"deploy/chart.yaml", "services/app.py"}


def test_ignored_files_stay_out(worktree: Path, tmp_path: Path) -> None:
    """Bytecode differs from run to run, and would make each snapshot a new one."""
    before, _ = git.snapshot(worktree, FOLDERS, tmp_path / "a.git")
    (worktree / "services" / "__pycache__").mkdir()
    (worktree / "services" / "__pycache__" / "app.pyc").write_bytes(b"\0")
    assert git.snapshot(worktree, FOLDERS, tmp_path / "a.git") == (before, False)


def test_uncommitted_changes_are_in_it(worktree: Path, tmp_path: Path) -> None:
    """A developer tries a change before committing it; what is deleted is gone."""
    bare = tmp_path / "a.git"
    before, _ = git.snapshot(worktree, FOLDERS, bare)
    (worktree / "deploy" / "new.yaml").write_text("b: 2\n")
    (worktree / "services" / "app.py").unlink()
    after, moved = git.snapshot(worktree, FOLDERS, bare)
    assert (moved, after != before, git.head(bare)) == (True, True, after)
    assert files(bare, after) == {"deploy/chart.yaml", "deploy/new.yaml"}


def test_the_callers_git_settings_change_nothing(
    worktree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook or an alias shell sets GIT_DIR and names; the snapshot must not follow them."""
    plain, _ = git.snapshot(worktree, FOLDERS, tmp_path / "a.git")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert git.snapshot(worktree, FOLDERS, tmp_path / "b.git")[0] == plain


def test_a_folders_tree_changes_with_its_files_only(worktree: Path, tmp_path: Path) -> None:
    """The image of the application is keyed by its own sources, not by the charts."""
    bare = tmp_path / "a.git"
    first, _ = git.snapshot(worktree, FOLDERS, bare)
    (worktree / "deploy" / "chart.yaml").write_text("a: 2\n")
    second, _ = git.snapshot(worktree, FOLDERS, bare)
    assert git.tree(bare, first, "services") == git.tree(bare, second, "services")
    assert git.tree(bare, first, "deploy") != git.tree(bare, second, "deploy")


def test_an_empty_snapshot_is_refused(tmp_path: Path) -> None:
    """Argo CD would prune everything that it runs."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="nothing in deploy, services"):
        git.snapshot(tmp_path / "empty", FOLDERS, tmp_path / "a.git")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_tells_its_commit(worktree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git refuses such a one unless told that it's safe; evidence would say that its commit is unknown."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    at = ["git", "-C", str(worktree)]
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"],
    ):
        process.run([*at, *command], timeout=30)
    commit = git.revision(worktree)
    for path in (worktree, *worktree.rglob("*")):
        os.chown(path, 12345, 12345)
    assert len(commit) == 40
    assert git.revision(worktree) == commit
    (worktree / "new.txt").write_text("new\n")
    assert git.revision(worktree) == commit + "+changes"


def test_a_kept_commit_can_be_had_when_its_branch_has_moved_on(worktree: Path, tmp_path: Path) -> None:
    """Production runs last week's chart while staging tries today's, and Argo CD fetches branches only."""
    bare, mirror = tmp_path / "a.git", tmp_path / "mirror.git"
    old, _ = git.snapshot(worktree, ("deploy",), bare, "chart", keep=True)
    (worktree / "deploy" / "chart.yaml").write_text("a: 2\n")
    new, moved = git.snapshot(worktree, ("deploy",), bare, "chart", keep=True)
    process.run(["git", "clone", "--quiet", "--bare", str(bare), str(mirror)], timeout=30)
    assert (git.head(bare, "chart"), moved) == (new, True)
    assert files(mirror, old) == files(mirror, new) == {"deploy/chart.yaml"}
    assert git.head(bare) is None
