"""``--plan``: what a run would do, with every step bound to its function; touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from pytest_bdd.steps import StepFunctionContext

from cxlib.harness import binding, gates, tags
from cxlib.harness.binding import Binding
from cxlib.harness.collection import ScenarioItem


def problems(bindings: Sequence[Binding]) -> list[str]:
    """Each undefined or ambiguous step once, although several rows of an outline may hold it."""
    return list(dict.fromkeys(filter(None, (one.problem() for one in bindings))))


def show(
    out: TerminalReporter,
    selected: Sequence[ScenarioItem],
    everything: Sequence[ScenarioItem],
    known: Sequence[StepFunctionContext],
    root: Path,
) -> int:
    """Print what a run of ``selected`` would do; the number of things wrong in ``everything`` collected,
    and in the gates of all feature files.

    A step function that no scenario uses counts when all feature files of ``root`` were collected.
    """
    bindings = binding.bind(everything, known)
    chosen = {item.nodeid for item in selected}
    for item in selected:
        _show(out, item, [one for one in bindings if one.item is item])
    wrong = problems(bindings)
    if {item.path for item in everything} >= set((root / "features").rglob("*.feature")):
        wrong += [
            f"{where}\n    no scenario uses it" for where in binding.unused(known, bindings, root / "steps")
        ]
    wrong += gates.problems(root / "features")
    if not chosen:
        wrong.append("nothing would run: no scenario was selected")
    out.write_line("")
    for line in wrong:
        out.write_line(line, red=True)
    out.write_line(f"{len(chosen)} scenarios would run. Nothing was touched.", bold=True)
    return len(wrong)


def _show(out: TerminalReporter, item: ScenarioItem, bindings: Sequence[Binding]) -> None:
    out.write_line("")
    out.write_line(f"{item.template.feature.name}: {item.scenario.name}", bold=True)
    out.write_line(f"  {item.nodeid}")
    width = max((len(f"{one.step.keyword} {one.step.name}") for one in bindings), default=0)
    for one in bindings:
        where = ", ".join(binding.location(match) for match in one.matches) or "undefined"
        out.write_line(f"    {f'{one.step.keyword} {one.step.name}'.ljust(min(width, 80))}  {where}")


def require_gates(items: Sequence[ScenarioItem], root: Path) -> None:
    """Raises ``pytest.UsageError`` before anything is touched when a gate of a feature file can't be asked.

    All files count, as a promotion asks for the gates of all. A run that only looks, or takes the site
    down, doesn't wait for the gates of others.
    """
    wrong = gates.problems(root / "features", {tags.kind(item.tags) for item in items})
    if wrong:
        raise pytest.UsageError("these gates can't be asked:\n" + "\n".join(wrong))


def require_bound(items: Sequence[ScenarioItem], known: Sequence[StepFunctionContext]) -> None:
    """Raises ``pytest.UsageError`` before anything is touched when a step of ``items`` is not bound once."""
    wrong = problems(binding.bind(items, known))
    if wrong:
        raise pytest.UsageError("these steps can't be run:\n" + "\n".join(wrong))
