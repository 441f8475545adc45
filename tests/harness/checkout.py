"""A small checkout of its own, in which a real pytest runs the harness as a child."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cxlib.clients import process
from cxlib.settings import CHECKOUT
from tests.apart import Apart

INI = "[pytest]\naddopts = --strict-markers -p no:locust -p no:cacheprovider\n"


@dataclass
class Project:
    """Features and steps in a folder; ``run`` runs pytest there."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"))

    def argv(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "pytest", *args]

    def environment(self) -> dict[str, str]:
        state = {"CX_STATE": str(self.root / "state"), "CX_CACHE": str(self.root / "cache")}
        # Without bytecode a child takes three times as long to start; and a test's run is not that of CI.
        theirs = ("PYTHONDONTWRITEBYTECODE", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")
        ours = {k: v for k, v in os.environ.items() if k not in theirs}
        return {**ours, "PYTHONPATH": str(CHECKOUT), **state, **self.env}

    def run(self, *args: str) -> process.Completed:
        """Forked: pytest's imports are most of such a run."""
        child = Apart(_pytest, self.root, self.environment(), args, warm=["tests.harness.warm"])
        return child.end(within=60)

    @property
    def latest(self) -> Path:
        return self.root / ".cx" / "runs" / "latest"


def _pytest(root: Path, environment: dict[str, str], args: Sequence[str]) -> None:
    """As `python -m pytest` does it, in ``root`` and with no other ``environment``."""
    os.chdir(root)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [str(root), str(CHECKOUT), *(p for p in sys.path if p not in ("", str(CHECKOUT)))]
    sys.argv = ["pytest", *args]
    sys.exit(pytest.console_main())


def make(root: Path) -> Project:
    project = Project(root)
    project.write("pytest.ini", INI)
    project.write("conftest.py", (CHECKOUT / "conftest.py").read_text())
    project.write("steps/__init__.py", "")
    return project
