"""What can be known of a locustfile without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxlib.clients import locustfile
from cxlib.errors import ConfigError


def endpoints(folder: Path, *lines: str) -> list[str] | None:
    path = folder / "profile.py"
    path.write_text("\n".join(lines))
    return locustfile.endpoints(path)


def test_endpoints_are_read_from_the_calls(tmp_path: Path) -> None:
    """A misspelt endpoint in a criterion is told before the load."""
    lines = (
        "self.client.post('/predict', json={})",
        "self.client.get(f'/item/{i}', name='/item/[id]')",
        "self.client.request('put', '/x')",
        "self.client.get('/predict')",
    )
    assert endpoints(tmp_path, *lines) == ["GET /item/[id]", "GET /predict", "POST /predict", "PUT /x"]


@pytest.mark.parametrize("line", ["self.client.get(path)", "self.client.get(f'/a/{b}')", "x = 1"])
def test_computed_names_are_left_to_the_run(tmp_path: Path, line: str) -> None:
    """Refusing what might exist would be worse than finding out."""
    assert endpoints(tmp_path, line) is None


def test_the_project_profile_names_its_endpoint() -> None:
    """The one that the staging gate uses."""
    assert locustfile.endpoints(locustfile.find("classify")) == ["POST /predict"]


def test_unknown_profile_lists_the_known(tmp_path: Path) -> None:
    """A misspelt profile is mended from the message."""
    with pytest.raises(ConfigError, match="classify"):
        locustfile.find("clasify")


def test_locustfile_that_is_not_python_names_the_line(tmp_path: Path) -> None:
    """It would otherwise come out of a child process, as a trace of Locust's."""
    with pytest.raises(ConfigError, match="line 2"):
        endpoints(tmp_path, "x = 1", "def (")
