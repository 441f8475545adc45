"""Right before or right after a step of a promotion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from cxlib import progress

T = TypeVar("T")


class At(progress.PlainListener):
    """Calls ``strike`` when the promotion is at ``at``, such as ``"retag after"``; once."""

    def __init__(self, at: str, strike: Callable[[], None]) -> None:
        super().__init__()
        self._at, self._strike = at, strike

    def began(self, stage: str) -> None:
        self._hit(f"{stage} before")

    def ended(self, stage: str, seconds: float, outcome: str) -> None:
        if outcome == "done":
            self._hit(f"{stage} after")

    def _hit(self, here: str) -> None:
        if here == self._at:
            self._at = ""
            self._strike()


class AtSteps(progress.PlainListener):
    """Does something, each once, right before the steps that it is told."""

    def __init__(self, acts: Mapping[str, Callable[[], object]]) -> None:
        super().__init__()
        self._acts = dict(acts)

    def began(self, stage: str) -> None:
        if act := self._acts.pop(stage, None):
            act()


def with_acts(acts: Mapping[str, Callable[[], object]], run: Callable[[], T]) -> T:
    """What ``run`` returns, with each act done right before its step."""
    replaced = progress.listen(AtSteps(acts))
    try:
        return run()
    finally:
        progress.listen(replaced)


def with_act(step: str, act: Callable[[], object], run: Callable[[], T]) -> T:
    """The same with one."""
    return with_acts({step: act}, run)
