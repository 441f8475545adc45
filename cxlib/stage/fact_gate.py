"""Gates that judge what is, without any load: their verdicts are evidence like those of load gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cxlib import progress
from cxlib.errors import GateClosed
from cxlib.evidence.statement import Subject
from cxlib.model.verdict import GateVerdict, Verdict
from cxlib.settings import Site
from cxlib.stage import evidence, history
from cxlib.stage.evidence import Recorded


@dataclass(frozen=True, slots=True)
class Judged:
    """A gate that was judged, and its evidence, whatever the verdict."""

    outcome: GateVerdict
    recorded: Recorded

    def summary(self) -> str:
        """The verdict and why, then each criterion on a line of its own."""
        lines = [f"gate '{self.outcome.gate}' is {self.outcome.verdict.value}: {self.outcome.reason}"]
        lines += [f"  {c.verdict.value:<14}  {c.text}: {c.reason}" for c in self.outcome.criteria]
        return "\n".join(lines)


def record(
    site: Site,
    environment: str,
    outcome: GateVerdict,
    criteria: Sequence[str],
    subject: Subject,
    folder: Path,
    started: datetime,
) -> Judged:
    """Sign ``outcome`` and keep it in MLflow. Raises what ``evidence.record`` raises."""
    metrics = {history.metric_name(c.text): c.value for c in outcome.criteria if c.value is not None}
    recorded = evidence.record(
        site, environment, outcome, subject, folder, started=started, text=criteria, metrics=metrics
    )
    progress.note(f"gate '{outcome.gate}': {outcome.verdict.value}, {outcome.reason}")
    return Judged(outcome, recorded)


def require_pass(judged: Judged) -> None:
    """Raises ``GateClosed`` with the verdict's exit code (3 FAIL, 4 INCONCLUSIVE, 5 INVALID)."""
    if judged.outcome.verdict is not Verdict.PASS:
        raise GateClosed(judged.summary(), judged.outcome.verdict.exit_code)
