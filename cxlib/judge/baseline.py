"""Whether a run can be what another one is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxlib.judge.observed import LevelKey, Measurement, Observed, told
from cxlib.judge.validity import checks
from cxlib.judge.warmup import WarmUpRule

if TYPE_CHECKING:
    from cxlib.model.criterion import Criterion
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A baseline made ready, or why it is refused: then ``measurement`` is None."""

    refused: str = ""
    measurement: Measurement | None = None

    @classmethod
    def of(cls, candidate: Run, given: tuple[Run, Samples], rule: WarmUpRule) -> Baseline:
        """``given``, if it is a valid run of the candidate's site and profile."""
        run, samples = given
        for what, mine, theirs in (
            ("site", candidate.site, run.site),
            ("load profile", candidate.profile, run.profile),
        ):
            if mine != theirs:
                return cls(f"the baseline is of another {what}: '{theirs}', the run is of '{mine}'")
        failed = [c for c in checks(run, samples) if not c.ok]
        if failed:
            first = failed[0]
            return cls(f"the baseline is no valid run: {first.name}: {first.seen}, wanted {first.wanted}")
        return cls(measurement=Measurement.of(run, samples, rule))

    def observe(self, criterion: Criterion, levels: tuple[LevelKey, ...]) -> tuple[Observed | None, str]:
        """Its requests at those of ``levels`` that it has, or None and why there are none."""
        if self.measurement is None:
            return None, self.refused
        theirs = self.measurement
        shared = tuple(level for level in levels if theirs.count(criterion.endpoint, (level,)))
        where = ", ".join(map(told, levels))
        if not shared:
            return None, f"the baseline has no samples of {criterion.endpoint} at {where}"
        if unsteady := theirs.unsteady(shared):
            return None, f"the baseline was never steady at {', '.join(unsteady)}"
        observed = theirs.observe(criterion.endpoint, shared)
        if any(not len(observed.at((level,))) for level in shared):
            return None, f"the baseline has no samples of {criterion.endpoint} after warm-up"
        return observed, ""
