"""Charts rendered by the real helm, as Argo CD renders them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cxlib.clients import process
from cxlib.settings import CHECKOUT
from cxlib.stage import supply
from tests.deploy.charts import NAMESPACES, SITE, Manifest, Render


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
        values = tmp_path / "site.yaml"
        values.write_text(yaml.safe_dump(SITE[chart] if site is None else site))
        argv = [str(helm), "template", "release", str(CHECKOUT / chart), "--namespace", NAMESPACES[chart]]
        for name in files:
            argv += ["--values", str(CHECKOUT / chart / name)]
        argv += ["--values", str(values)]
        for name, value in (parameters or {}).items():
            argv += ["--set-string", f"{name}={value}"]
        return [found for found in yaml.safe_load_all(process.run(argv, timeout=60).stdout) if found]

    return run
