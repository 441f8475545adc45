"""How promotions and rollbacks ended, in MLflow's experiment ``cx-promotions``: one run each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from services.pipeline import tracking
from services.pipeline.pace import Pace, waited_out

EXPERIMENT = "cx-promotions"
# What the harness takes from here.
PROMOTED, ROLLED_BACK, UNDONE, REFUSED = "promoted", "rolled-back", "undone", "refused"
WHOLE = (PROMOTED, ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Entry:
    """One promotion's end. ``left`` is the digest that the environment served before, ``chart`` the commit of
    the chart by which it serves now."""

    workflow: str
    uid: str
    outcome: str
    environment: str
    source: str
    version: str
    digest: str
    left: str = ""
    override: str = ""
    chart: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        return {
            "cx.workflow": self.workflow, "cx.workflow-uid": self.uid, "cx.outcome": self.outcome,
            "cx.environment": self.environment, "cx.source": self.source, "cx.model-version": self.version,
            "cx.digest": self.digest, "cx.from-digest": self.left, "cx.override": self.override,
            "cx.chart": self.chart,
        }  # fmt: skip

    @property
    def kept(self) -> dict[str, str]:
        """What the Application keeps of it."""
        plain = {k: v for k, v in asdict(self).items() if k != "params"}
        return {**plain, "why": self.params.get("why", "")[:1000]}

    @classmethod
    def of(cls, kept: Mapping[str, str]) -> Entry:
        """The entry that the Application has kept."""
        known = {f.name: kept.get(f.name, "") for f in fields(cls) if f.name != "params"}
        return cls(**known, params={"why": kept["why"]} if kept.get("why") else {})


def write(mlflow: str, entry: Entry, pace: Pace) -> None:
    """Note ``entry``, once: also when it is asked for again, or was half noted. Raises ``WaitTimedOut``."""
    once = {"cx.workflow-uid": entry.uid, "cx.outcome": entry.outcome}

    def noted() -> None:
        there = next(tracking.search(mlflow, EXPERIMENT, once), None)
        if there is None:
            name = f"{entry.environment} {entry.version} {entry.outcome}"
            tracking.note(mlflow, EXPERIMENT, name, entry.tags, entry.params)
        elif not there.finished:
            tracking.finish(mlflow, there, entry.params)

    waited_out("MLflow, for the record", noted, pace)


def chart(mlflow: str, environment: str, digest: str, pace: Pace) -> str:
    """The chart by which ``environment`` served ``digest`` last; empty where that isn't noted.

    Raises ``WaitTimedOut``.
    """

    def look() -> str:
        found = tracking.search(mlflow, EXPERIMENT, {"cx.environment": environment, "cx.digest": digest})
        served = (run.tags.get("cx.chart", "") for run in found if run.tags.get("cx.outcome") in WHOLE)
        return next((commit for commit in served if commit), "")

    return waited_out("MLflow", look, pace)


def outcomes(mlflow: str, uid: str, pace: Pace) -> list[str]:
    """How the workflow ``uid`` has noted that it ended, newest first. Raises ``WaitTimedOut``."""

    def look() -> list[str]:
        found = tracking.search(mlflow, EXPERIMENT, {"cx.workflow-uid": uid}, deleted=True)
        return [run.tags.get("cx.outcome", "") for run in found]

    return waited_out("MLflow", look, pace)
