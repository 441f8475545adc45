"""The gates that the features ask for, by environment: what a model must pass before it may go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pytest_bdd.feature import get_feature
from pytest_bdd.parser import Scenario

from cxlib.errors import ConfigError
from cxlib.harness.tags import OPT_IN
from cxlib.model.load import Load, levels
from cxlib.settings import ENVIRONMENTS
from cxlib.stage import gate

_GATE = re.compile(r'(?P<watching>.* )?the gate "(?P<name>[^"]+)"')
_LOAD = re.compile(r'under the load "(?P<profile>[^"]+)"')


def declared(features: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """Environment -> gate's name -> its text, of all feature files, selected for this run or not.

    A gate is a step with ``the gate "…"`` and its criteria in a table. Where the scenario has a step
    with ``under the load "…"``, that load is part of the text of the gate that it is given, not of one
    by which others are watched meanwhile. A gate belongs to the first environment that its scenario is
    tagged with; scenarios only asked for by ``-m`` have none.
    Raises ``ConfigError`` for one gate that is asked for in two ways, and for a load that can't be.
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
    gates, given, load = {}, "", None
    for step in scenario.steps:
        rows = [[cell.value for cell in row.cells] for row in step.datatable.rows] if step.datatable else []
        if rows and (match := _GATE.search(step.name)):
            gates[match["name"]] = tuple(row[0] for row in rows[1:])
            given = given if match["watching"] else match["name"]
        elif match := _LOAD.search(step.name):
            load = Load(match["profile"], tuple(levels(rows)))
    if given and load:
        gates[given] = gate.text(gates[given], load)
    return gates


def _add(known: dict[str, tuple[str, ...]], more: Mapping[str, tuple[str, ...]], path: Path) -> None:
    for name, text in more.items():
        if known.setdefault(name, text) != text:
            raise ConfigError(
                f"{path.name}: gate '{name}'", "another scenario asks it otherwise", "Give one another name"
            )
