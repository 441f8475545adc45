"""What was promoted and rolled back where, as the workflows note it in MLflow; oldest first.

Records that somebody deleted in MLflow count as well: what was taken away stays away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cxlib.clients.mlflow import Found, Tracking
from cxlib.settings import Site
from cxlib.stage.environment import Candidate

EXPERIMENT = "cx-promotions"
PROMOTED, ROLLED_BACK = "promoted", "rolled-back"
_MOST = 500  # records of one outcome that are looked at, newest first


@dataclass(frozen=True, slots=True)
class Event:
    """One promotion or rollback that came to its end. ``left`` is the digest that served before it;
    ``override`` says why there was no need of evidence, empty where evidence opened the way."""

    at: datetime
    outcome: str
    environment: str
    to: Candidate
    left: str
    workflow: str
    override: str = ""

    @property
    def arrived(self) -> bool:
        """Whether the environment served ``to`` at its end."""
        return self.outcome in (PROMOTED, ROLLED_BACK)

    def __str__(self) -> str:
        return f"model {self.to.version} {self.outcome} at {self.at:%Y-%m-%d %H:%M} UTC by {self.workflow}"


def events(site: Site, name: str) -> list[Event]:
    """What came to the environment ``name``, oldest first: promotions and rollbacks that succeeded.

    Of each the newest 500: about one image ask ``about``, which misses none. Raises ``Unreachable``.
    """
    return _found(site, *({"cx.environment": name, "cx.outcome": one} for one in (PROMOTED, ROLLED_BACK)))


def about(site: Site, name: str, digest: str) -> list[Event]:
    """What brought the image ``digest`` to the environment ``name`` or took it away, oldest first.

    However much was promoted or refused there since. Raises ``Unreachable``.
    """
    there = {"cx.environment": name}
    brought = [{**there, "cx.digest": digest, "cx.outcome": one} for one in (PROMOTED, ROLLED_BACK)]
    return _found(site, *brought, {**there, "cx.from-digest": digest, "cx.outcome": ROLLED_BACK})


def withdrawn(known: Sequence[Event], digest: str) -> Event | None:
    """The rollback that took ``digest`` away, unless it came back after that; None without one."""
    for event in reversed(known):
        if event.arrived and event.to.digest == digest:
            return None
        if event.outcome == ROLLED_BACK and event.left == digest:
            return event
    return None


def arrival(known: Sequence[Event], digest: str) -> Event | None:
    """The newest event that brought ``digest`` there, or None."""
    return next((e for e in reversed(known) if e.arrived and e.to.digest == digest), None)


def good(known: Sequence[Event], without: Collection[str]) -> list[Event]:
    """What was promoted, is none of the digests ``without``, and was not rolled back: newest first."""
    by_digest: dict[str, Event] = {}
    for event in reversed(known):
        if event.outcome == PROMOTED and event.to.digest and event.to.digest not in without:
            by_digest.setdefault(event.to.digest, event)
    return [event for digest, event in by_digest.items() if withdrawn(known, digest) is None]


def _found(site: Site, *wanted: Mapping[str, str]) -> list[Event]:
    """The records that carry all tags of one of ``wanted``, each once, oldest first."""
    tracking = Tracking(site.url("mlflow"))
    runs = {
        run.run_id: run for tags in wanted for run in tracking.search(EXPERIMENT, tags, _MOST, deleted=True)
    }
    return [_event(run) for run in sorted(runs.values(), key=lambda run: run.started)]


def _event(run: Found) -> Event:
    tags = run.tags
    return Event(
        run.started,
        tags.get("cx.outcome", ""),
        tags.get("cx.environment", ""),
        Candidate(tags.get("cx.model-version", ""), tags.get("cx.digest", "")),
        tags.get("cx.from-digest", ""),
        tags.get("cx.workflow", ""),
        tags.get("cx.override", ""),
    )
