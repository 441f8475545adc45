"""The gates that the features ask for: whether each can be asked, and which open the way to where."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_bdd.parser import Step

from cxlib.clients import locustfile
from cxlib.errors import ConfigError
from cxlib.harness import written
from cxlib.harness.written import Written
from cxlib.model.load import Load, levels
from cxlib.settings import ENVIRONMENTS
from cxlib.stage import gate

_GATE = re.compile(r'(?P<watching>.* )?the gate "(?P<name>[^"]+)"')
_LOAD = re.compile(r'under the load "(?P<profile>[^"]+)"')
_MODEL = re.compile(r"is judged by what MLflow has of it")
_INFRASTRUCTURE = re.compile(r"the infrastructure below \w+ is looked at")
_JUDGED = (
    "Have it judged by such a step as 'When staging is put under the load \"classify\"', "
    "'When the model is judged by what MLflow has of it' or "
    "'When the infrastructure below staging is looked at'"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A gate as a scenario asks for it. ``judge`` is the pattern of the step that judges it, which says what
    its criteria are about: ``_GATE`` for one by which pods are watched, None when there is no such step."""

    where: str
    name: str
    criteria: tuple[str, ...]
    judge: re.Pattern[str] | None = None
    load: Load | None = None

    def text(self, profiles: Path) -> tuple[str, ...]:
        """All that defines it, a line each; the load is part of it. Raises ``ConfigError``."""
        with _at(self.where, self.name):
            return gate.text(self.criteria, self.load, profiles)


def problems(
    features: Path,
    kinds: Collection[frozenset[str]] | None = None,
    profiles: Path = locustfile.FOLDER,
) -> list[str]:
    """What is wrong with the gates of all feature files, each once; of scenarios of these ``kinds`` if any
    are named. Empty when every gate can be asked. Nothing but files is looked at."""
    found: list[str] = []
    try:
        for one in written.scenarios(features):
            if kinds is None or one.kind in kinds:
                found += _problems(one, profiles)
        if not found:
            declared(features, profiles)
    except ConfigError as exc:
        found.append(str(exc))
    return list(dict.fromkeys(found))


def declared(features: Path, profiles: Path = locustfile.FOLDER) -> dict[str, dict[str, tuple[str, ...]]]:
    """Environment -> gate's name -> its text, of all feature files, selected for this run or not.

    A gate is a step ``Given the gate "…"`` with its criteria in a table. Where it is judged by a step
    with ``under the load "…"``, that load is part of its text; not of one by which pods are watched
    meanwhile. A gate belongs to the first environment that its scenario is tagged with; scenarios only
    asked for by ``-m`` have none.
    Raises ``ConfigError`` for one gate that is asked for in two ways, and for a load that can't be.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for one in written.scenarios(features):
        named = [name for name in ENVIRONMENTS if name in one.tags]
        if named and not one.kind:
            for asked in _asked(one):
                _add(found.setdefault(named[0], {}), asked, asked.text(profiles))
    return found


def criteria(name: str, table: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The criteria in a gate's table: below its head ``criterion`` one a row. Raises ``ConfigError``."""
    if [cell.strip() for cell in (table[0] if table else ())] != ["criterion"]:
        head = " | ".join(table[0]) if table else "missing"
        fix = "Write a table with the one column 'criterion', and below it a criterion a row"
        raise ConfigError(f"gate '{name}'", f"the columns of its table are {head}", fix)
    return tuple(line for (line,) in table[1:])


def _add(known: dict[str, tuple[str, ...]], asked: Asked, text: tuple[str, ...]) -> None:
    if known.setdefault(asked.name, text) != text:
        where = f"{asked.where}: gate '{asked.name}'"
        raise ConfigError(where, "another scenario asks it otherwise", "Give one another name")


def _asked(one: Written) -> list[Asked]:
    """The gates of a scenario. A step that judges is about the last gate before it that isn't watched by."""
    found: list[Asked] = []
    for step in one.scenario.steps:
        where = f"{one.path.name}:{step.line_number}"
        if match := _GATE.search(step.name):
            if step.type == "given":
                with _at(where, match["name"]):
                    lines = criteria(match["name"], _rows(step))
                found.append(Asked(where, match["name"], lines, _GATE if match["watching"] else None))
            continue
        judge = next((p for p in (_LOAD, _MODEL, _INFRASTRUCTURE) if p.search(step.name)), None)
        given = [number for number, asked in enumerate(found) if asked.judge is not _GATE]
        if judge and given:
            load = _load(step, where, found[given[-1]].name) if judge is _LOAD else None
            found[given[-1]] = replace(found[given[-1]], judge=judge, load=load)
    return found


def _rows(step: Step) -> list[list[str]]:
    return [[cell.value for cell in row.cells] for row in step.datatable.rows] if step.datatable else []


def _load(step: Step, where: str, name: str) -> Load:
    match = _LOAD.search(step.name)
    assert match
    with _at(where, name):
        return Load(match["profile"], tuple(levels(_rows(step))))


def _problems(one: Written, profiles: Path) -> list[str]:
    try:
        asked = _asked(one)
    except ConfigError as exc:
        return [str(exc)]
    found = [*_unknown(one, {gate.name for gate in asked})]
    for each in asked:
        try:
            _check(each, profiles)
        except ConfigError as exc:
            found.append(str(exc))
    return found


def _unknown(one: Written, known: set[str]) -> Iterator[str]:
    """Steps about a gate that the scenario doesn't ask for."""
    for step in one.scenario.steps:
        match = _GATE.search(step.name)
        if match and step.type != "given" and match["name"] not in known:
            asked = ", ".join(sorted(known)) or "none"
            where = f"{one.path.name}:{step.line_number}: gate '{match['name']}'"
            yield f"{where}: its scenario doesn't ask for it. It asks for: {asked}"


def _check(asked: Asked, profiles: Path) -> None:
    """Read a gate as the step that judges it will. Raises ``ConfigError``."""
    from cxlib.model import infrastructure, quality
    from cxlib.stage import watch

    with _at(asked.where, asked.name):
        if asked.judge is _GATE:
            watch.parse(asked.criteria)
        elif asked.judge is _MODEL:
            quality.parse_gate(asked.name, asked.criteria)
        elif asked.judge is _INFRASTRUCTURE:
            infrastructure.parse_gate(asked.name, asked.criteria)
        elif asked.load:
            profile = locustfile.find(asked.load.profile, profiles)
            gate.prepare(asked.name, profile, asked.criteria, asked.load.levels)
        else:
            raise ConfigError(f"gate '{asked.name}'", "no step of its scenario judges it", _JUDGED)
        if not asked.criteria:
            raise ConfigError(f"gate '{asked.name}'", "it has no criterion and proves nothing", "Add one")


@contextmanager
def _at(where: str, name: str) -> Iterator[None]:
    """Say of an error in which file, at which line and in which gate it is."""
    try:
        yield
    except ConfigError as exc:
        field = exc.field if f"'{name}'" in exc.field else f"gate '{name}': {exc.field}"
        raise ConfigError(f"{where}: {field}", exc.problem, exc.fix) from exc
