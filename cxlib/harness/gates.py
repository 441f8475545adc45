"""The gates that the features ask for, by environment: what a model must pass before it may go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pytest_bdd.feature import get_feature
from pytest_bdd.parser import Scenario

from cxlib.errors import ConfigError
from cxlib.harness.tags import OPT_IN
from cxlib.settings import ENVIRONMENTS

_GATE = re.compile(r'the gate "(?P<name>[^"]+)"')


def declared(features: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """Environment -> gate's name -> its criteria, of all feature files, selected for this run or not.

    A gate is a step with ``the gate "…"`` and its criteria in a table. It belongs to the first
    environment that its scenario is tagged with; scenarios only asked for by ``-m`` have none.
    Raises ``ConfigError`` for one gate that is asked for in two ways.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for path in sorted(features.rglob("*.feature")):
        for template in get_feature("", str(path)).scenarios.values():
            tags = template.tags | template.feature.tags
            named = [name for name in ENVIRONMENTS if name in tags]
            asked = _gates(template.render({}))
            if named and asked and not tags & set(OPT_IN):
                _add(found.setdefault(named[0], {}), asked, path)
    return found


def _gates(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    gates = {}
    for step in scenario.steps:
        match = _GATE.search(step.name)
        if match and step.datatable:
            rows = step.datatable.rows[1:]
            gates[match["name"]] = tuple(row.cells[0].value for row in rows)
    return gates


def _add(known: dict[str, tuple[str, ...]], more: Mapping[str, tuple[str, ...]], path: Path) -> None:
    for name, criteria in more.items():
        if known.setdefault(name, criteria) != criteria:
            raise ConfigError(
                f"{path.name}: gate '{name}'", "another scenario asks it otherwise", "Give one another name"
            )
