"""Which step function a line of Gherkin means, found before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_bdd.compat import get_fixture_names, getfixturedefs
from pytest_bdd.parser import Step
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from cxlib.harness.collection import ScenarioItem


@dataclass(frozen=True, slots=True)
class Binding:
    """A step of a scenario and the functions that match it; right is exactly one."""

    item: ScenarioItem
    step: Step
    matches: tuple[StepFunctionContext, ...]

    def problem(self) -> str | None:
        where = f"{self.item.path.name}:{self.step.line_number}: {self.step.keyword} {self.step.name}"
        if not self.matches:
            return f"{where}\n    no step function matches"
        if len(self.matches) > 1:
            return f"{where}\n    ambiguous: {' and '.join(sorted(map(location, self.matches)))}"
        return None


def location(context: StepFunctionContext) -> str:
    """Where a step function is: ``steps/site.py:31``."""
    path = Path(inspect.getfile(context.step_func))
    line = inspect.getsourcelines(context.step_func)[1]
    return f"{path.parent.name}/{path.name}:{line}"


def definitions(session: pytest.Session, node: pytest.Item) -> list[StepFunctionContext]:
    """Every step function that ``node`` can use."""
    manager = session._fixturemanager
    found = (
        step_function_context_registry.get(fixture.func)
        for name in get_fixture_names(manager)
        for fixture in getfixturedefs(manager, name, node) or ()
    )
    return [context for context in found if context is not None]


def bind(items: Sequence[ScenarioItem], known: Iterable[StepFunctionContext]) -> list[Binding]:
    """Every step of ``items`` with the functions of ``known`` that match it."""
    known = list(known)
    return [
        Binding(item, step, tuple(context for context in known if _matches(context, step)))
        for item in items
        for step in item.scenario.steps
    ]


def unused(known: Iterable[StepFunctionContext], bindings: Iterable[Binding], steps: Path) -> list[str]:
    """Where the step functions in the folder ``steps`` are that no step of ``bindings`` means."""
    used = {id(context) for binding in bindings for context in binding.matches}
    return sorted(
        location(context)
        for context in known
        if id(context) not in used and Path(inspect.getfile(context.step_func)).is_relative_to(steps)
    )


def _matches(context: StepFunctionContext, step: Step) -> bool:
    return context.type in (None, step.type) and bool(context.parser.is_matching(step.name))
