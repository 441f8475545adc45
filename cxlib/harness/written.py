"""The scenarios that the feature files hold, also of files that a run doesn't collect."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.feature import get_feature
from pytest_bdd.parser import Scenario, ScenarioTemplate

from cxlib.errors import ConfigError
from cxlib.harness.tags import OPT_IN, belongs, kind


@dataclass(frozen=True, slots=True)
class Written:
    """One scenario, or one row of an outline's examples, of the file ``path``."""

    path: Path
    scenario: Scenario
    tags: frozenset[str]

    @property
    def kind(self) -> frozenset[str]:
        return kind(self.tags)


def scenarios(features: Path) -> Iterator[Written]:
    """Every scenario below the folder ``features``, in order. Raises ``ConfigError`` for a broken file."""
    for path in sorted(features.rglob("*.feature")):
        try:
            feature = get_feature("", str(path))
        except GherkinParseError as exc:
            raise ConfigError(f"{path.name}:{exc.line}", exc.message, "Mend that line") from exc
        for template in feature.scenarios.values():
            for row in rows(template):
                yield Written(path, template.render(row), tags(template, row))


def belonging(features: Path, environment: str, kinds: Collection[frozenset[str]]) -> int:
    """How many scenarios of these ``kinds`` belong to a run for ``environment``, in all feature files."""
    asked = " ".join(OPT_IN)
    return sum(one.kind in kinds and belongs(one.tags, environment, asked) for one in scenarios(features))


def rows(template: ScenarioTemplate) -> Iterator[dict[str, str]]:
    """The rows of an outline's examples; one without anything for a scenario that is no outline."""
    if not template.examples:
        yield {}
    for table in template.examples:
        yield from table.as_contexts()


def tags(template: ScenarioTemplate, row: dict[str, str]) -> frozenset[str]:
    """The tags of a scenario with the example ``row``: its own, its feature's, its rule's, its examples'."""
    rule = template.rule.tags if template.rule else set()
    examples = {
        tag for table in template.examples if row in list(table.as_contexts()) for tag in table.tags or ()
    }
    return frozenset(template.tags | template.feature.tags | rule | examples)
