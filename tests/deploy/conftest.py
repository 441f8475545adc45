"""Charts rendered by the real helm, as Argo CD renders them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cxlib.stage import supply
from tests.deploy.charts import Manifest, Render, rendered


@pytest.fixture(scope="session")
def helm() -> Path:
    return supply.toolchain_bin("helm")


@pytest.fixture
def render(helm: Path, tmp_path: Path) -> Render:
    """``render(chart, files, parameters, site)``: its manifests; raises ``ProcessFailed`` as helm does."""

    def run(
        chart: str,
        files: tuple[str, ...] = (),
        parameters: dict[str, str] | None = None,
        site: dict[str, Any] | None = None,
    ) -> list[Manifest]:
        return rendered(helm, chart, tmp_path, files, parameters, site)

    return run
