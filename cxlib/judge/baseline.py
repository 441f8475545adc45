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


@dataclass(frozen=True, slots=True)
class Refused:
    """A baseline that there should be, and ``why`` it can't be had: what compares with it is INVALID."""

    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A baseline made ready, or why it is refused: then ``measurement`` is None."""

    refused: str = ""
    measurement: Measurement | None = None

    @classmethod
    def of(cls, candidate: Run, given: tuple[Run, Samples] | Refused, rule: WarmUpRule) -> Baseline:
        """``given``, if it is a valid run of the candidate's site and profile."""
        if isinstance(given, Refused):
            return cls(given.why)
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
        """Its requests at all of ``levels``, or None and why there are none."""
        if self.measurement is None:
            return None, self.refused
        theirs, name = self.measurement, criterion.endpoint
        if missing := [told(level) for level in levels if not theirs.count(name, (level,))]:
            return None, f"the baseline has no samples of {name} at {', '.join(missing)}"
        if unsteady := theirs.unsteady(levels):
            return None, f"the baseline was never steady at {', '.join(unsteady)}"
        observed = theirs.observe(name, levels)
        if missing := [told(level) for level in levels if not observed.count(level)]:
            return None, f"the baseline has no samples of {name} after warm-up at {', '.join(missing)}"
        return observed, ""
