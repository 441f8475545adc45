"""A small checkout for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.checkout import Project, make


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty checkout."""
    return make(tmp_path)
