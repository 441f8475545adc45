"""Fixtures that every step module may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxlib import progress
from cxlib.harness.state import RUN
from cxlib.settings import Site


@pytest.fixture(scope="session")
def preflight(pytestconfig: pytest.Config) -> None:
    """The machine has what the run needs. Raises ``PreflightFailed`` with a table of what is missing."""
    from cxlib.preflight import require_ready

    with progress.stage("preflight"):
        require_ready(pytestconfig.stash[RUN].site)


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config, preflight: None) -> Site:  # noqa: ARG001
    """The site that ``--site`` names, on a machine that passed the preflight."""
    return pytestconfig.stash[RUN].site


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config) -> str:
    """How far this run goes: ``staging``, ``canary`` or ``production``."""
    return pytestconfig.stash[RUN].environment


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """This run's own folder, ``.cx/runs/<when>-<id>``; ``.cx/runs/latest`` points at it."""
    return pytestconfig.stash[RUN].folder
