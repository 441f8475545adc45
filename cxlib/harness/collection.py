"""Finds scenarios in `.feature` files, which pytest-bdd leaves to Python modules of glue."""

from __future__ import annotations

import re
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest._code import ExceptionInfo
from _pytest._code.code import TerminalRepr, Traceback
from pytest_bdd import scenario
from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.feature import get_feature
from pytest_bdd.gherkin_parser import Scenario as GherkinScenario
from pytest_bdd.gherkin_parser import Tag, get_gherkin_document
from pytest_bdd.parser import Scenario, ScenarioTemplate

from cxlib.harness import failure, written
from cxlib.harness.tags import TAGS

_MACHINERY = re.compile(r"/(_pytest|pytest_bdd|pluggy)/|/cxlib/harness/collection\.py$")


class FeatureFile(pytest.Module):
    """One `.feature` file. A module to pytest, so that module-scoped fixtures last for a feature."""

    def _getobj(self) -> types.ModuleType:
        return types.ModuleType(self.path.stem, f"Scenarios of {self.path.name}")

    def collect(self) -> Iterator[ScenarioItem]:
        """Its scenarios, in their order; one item for each row of an outline's examples."""
        try:
            document = get_gherkin_document(str(self.path))
        except GherkinParseError as exc:
            raise self.CollectError(f"{self.path}:{exc.line}: {exc.message}\n    {exc.line_content}") from exc
        _check_tags(self.path, document.feature)
        _check_names(self.path, document.feature)
        feature = get_feature("", str(self.path))
        for template in feature.scenarios.values():
            yield from _items(self, template)


class ScenarioItem(pytest.Function):
    """One scenario, named by its slug: ``features/05_staging.feature::the_model_answers``."""

    template: ScenarioTemplate
    example: dict[str, str]

    @property
    def scenario(self) -> Scenario:
        return self.template.render(self.example)

    @property
    def tags(self) -> frozenset[str]:
        return written.tags(self.template, self.example)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.template.line_number - 1, self.scenario.name

    def _traceback_filter(self, excinfo: ExceptionInfo[BaseException]) -> Traceback:
        """Without the frames of pytest and pytest-bdd that lead to the step function."""
        if self.config.getoption("fulltrace", False):
            return excinfo.traceback
        ours = excinfo.traceback.filter(lambda entry: not _MACHINERY.search(str(entry.path)))
        return (ours or excinfo.traceback).filter(excinfo)

    def repr_failure(  # type: ignore[override]
        self, excinfo: ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        return failure.describe(self, excinfo, str(super().repr_failure(excinfo)))


def slug(name: str) -> str:
    """A scenario's name as one word that a shell and ``-k`` take as it is."""
    return re.sub(r"\W+", "_", name).strip("_").lower()


def load_steps(config: pytest.Config) -> None:
    """Register every module of ``steps/`` and the harness's fixtures, once a session."""
    manager = config.pluginmanager
    if manager.has_plugin("cxlib.harness.fixtures"):
        return
    manager.import_plugin("cxlib.harness.fixtures")
    for path in sorted((config.rootpath / "steps").glob("[!_]*.py")):
        manager.import_plugin(f"steps.{path.stem}")


def _items(parent: FeatureFile, template: ScenarioTemplate) -> Iterator[ScenarioItem]:
    for row in written.rows(template):
        yield _item(parent, template, row)


def _item(parent: FeatureFile, template: ScenarioTemplate, example: dict[str, str]) -> ScenarioItem:
    bound = scenario(str(parent.path), template.name, features_base_dir="")(lambda: None)

    def run(request: pytest.FixtureRequest) -> None:
        __tracebackhide__ = True
        bound(request, example)

    name = slug(template.name)
    if example:
        name += f"[{'-'.join(slug(value) for value in example.values())}]"
    item: ScenarioItem = ScenarioItem.from_parent(parent, name=name, callobj=run)
    item.template, item.example = template, example
    item.extra_keyword_matches.add(item.scenario.name)
    for tag in sorted(item.tags):
        item.add_marker(getattr(pytest.mark, tag))
    return item


def _check_tags(path: Path, feature: Any) -> None:
    for tag in _all_tags(feature):
        if tag.name.lstrip("@") not in TAGS:
            known = ", ".join(f"@{name}" for name in TAGS)
            raise FeatureFile.CollectError(
                f"{path}:{tag.location.line}: unknown tag {tag.name}. Use: {known}"
            )


def _check_names(path: Path, feature: Any) -> None:
    """pytest-bdd keeps only the last of two scenarios with one name; ours is an error."""
    scenarios = list(_all_scenarios(feature))
    counts = Counter(slug(one.name) for one in scenarios)
    for one in scenarios:
        if counts[slug(one.name)] > 1:
            raise FeatureFile.CollectError(
                f"{path}:{one.location.line}: two scenarios are called '{one.name}'. Rename one"
            )


def _all_scenarios(feature: Any) -> Iterator[GherkinScenario]:
    for child in feature.children:
        if child.scenario:
            yield child.scenario
        if child.rule:
            yield from _all_scenarios(child.rule)


def _all_tags(feature: Any) -> Iterator[Tag]:
    yield from feature.tags
    for child in feature.children:
        if child.rule:
            yield from child.rule.tags
    for one in _all_scenarios(feature):
        yield from one.tags
        for table in one.examples:
            yield from table.tags
