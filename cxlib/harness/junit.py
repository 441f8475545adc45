"""JUnit XML of every run in its folder, besides any that ``--junitxml`` asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.junitxml import LogXML


class RunXml(LogXML):
    """pytest's own writer, with properties of the run; steps come in as user properties of each scenario."""

    def pytest_terminal_summary(self) -> None:  # type: ignore[override]
        """The closing summary names the file."""


def start(config: pytest.Config, path: Path, suite: str, properties: dict[str, str]) -> RunXml:
    """Begin to write ``path``; it is written when the session finishes, interrupted or not."""
    xml = RunXml(str(path), prefix=None, suite_name=suite, family="xunit1")
    xml.pytest_sessionstart()
    for name, value in properties.items():
        xml.add_global_property(name, value)
    config.pluginmanager.register(xml, "cx-junit")
    return xml
