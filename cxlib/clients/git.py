"""The site's git: what the cluster syncs from is a snapshot of the working tree, as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cxlib.clients import process
from cxlib.errors import ConfigError

BRANCH = "main"
# A snapshot's commit holds nothing but its tree, so the same files give the same commit everywhere.
_NOBODY = {"NAME": "cx", "EMAIL": "cx@localhost", "DATE": "2026-01-01T00:00:00+0000"}
_SECONDS = 60.0


def snapshot(
    worktree: Path, folders: Sequence[str], bare: Path, branch: str = BRANCH, *, keep: bool = False
) -> tuple[str, bool]:
    """Put ``folders`` of ``worktree`` on a ``branch`` of ``bare`` as one parentless commit.

    Uncommitted and untracked files are in it, files that .gitignore names are not. The bare
    repository is made when it isn't there. ``keep``: the commit can be had by its name also when the
    branch has moved on. Returns the commit and whether the branch moved.
    Raises ``ConfigError`` when none of the folders has a file.
    """
    if not (bare / "HEAD").is_file():
        _git(["init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(bare)])
    present = [folder for folder in folders if (worktree / folder).is_dir()]
    with tempfile.TemporaryDirectory(prefix="cx-index-") as scratch:
        env = {
            "GIT_DIR": str(bare),
            "GIT_WORK_TREE": str(worktree),
            "GIT_INDEX_FILE": str(Path(scratch) / "index"),
        }
        if present:
            _git(["add", "--all", "--", *present], env, worktree)
        if not _git(["ls-files"], env, worktree):
            raise ConfigError(str(worktree), f"nothing in {', '.join(folders)}", "Run from a whole checkout")
        tree = _git(["write-tree"], env, worktree)
    commit = _git(
        ["commit-tree", tree, "-m", "What the working tree holds"], {"GIT_DIR": str(bare), **_who()}
    )
    moved = head(bare, branch) != commit
    if moved:
        for name in (branch, *([f"kept/{commit}"] if keep else [])):
            _git(["update-ref", f"refs/heads/{name}", commit], {"GIT_DIR": str(bare)})
        _git(["update-server-info"], {"GIT_DIR": str(bare)})
    return commit, moved


def head(bare: Path, branch: str = BRANCH) -> str | None:
    """The commit that a branch of ``bare`` points at, or None."""
    done = process.run(
        ["git", "--git-dir", str(bare), "rev-parse", "--quiet", "--verify", f"refs/heads/{branch}"],
        timeout=_SECONDS,
        env=_environment({}),
        expect=(0, 1),
    )
    return done.stdout.strip() or None


def revision(worktree: Path) -> str:
    """The checked-out commit, with ``+changes`` when files differ from it; empty outside of git.

    Also where the checkout belongs to another user: the caller's own ``safe.directory`` is hidden here.
    """
    here = ["-C", str(worktree), "-c", f"safe.directory={worktree.resolve()}"]
    asked = ["git", *here, "rev-parse", "--quiet", "--verify", "HEAD"]
    done = process.run(asked, timeout=_SECONDS, env=_environment({}), expect=(0, 1, 128))
    if done.code:
        return ""
    return done.stdout.strip() + ("+changes" if _git([*here, "status", "--porcelain"]) else "")


def tree(bare: Path, commit: str, folder: str) -> str:
    """What ``folder`` holds at ``commit``, as git's hash. Raises ``ProcessFailed`` if it isn't there."""
    return _git(["rev-parse", "--verify", f"{commit}:{folder}"], {"GIT_DIR": str(bare)})


def _who() -> dict[str, str]:
    return {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in _NOBODY.items()}


def _git(arguments: Sequence[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    done = process.run(["git", *arguments], timeout=_SECONDS, env=_environment(env or {}), cwd=cwd)
    return done.stdout.strip()


def _environment(extra: dict[str, str]) -> dict[str, str]:
    """The caller's environment without its git settings: they would change what a snapshot holds."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return {**clean, **nothing, **extra}
