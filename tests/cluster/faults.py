"""Right before or right after a step of a promotion."""

from __future__ import annotations

from collections.abc import Callable

from cxlib import progress


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
