"""What a load report shows besides the run itself. Plain data: whoever calls has looked it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from; empty is shown as unknown, never left out."""

    environment: str = ""
    site: str = ""
    commit: str = ""
    gate_sha256: str = ""
    samples_sha256: str = ""
    key_id: str = ""
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastGate:
    """One verdict on a gate, from MLflow; ``recorded`` is None for the run that is being reported.

    ``values`` by criterion text, in the criterion's unit.
    """

    recorded: datetime | None
    verdict: str
    environment: str = ""
    model_version: str = ""
    digest: str = ""
    run_id: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OverrideMark:
    """Somebody opened a gate without its proof."""

    recorded: datetime
    who: str
    why: str
    target: str
    digest: str = ""
    model_version: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that ``load.render`` takes besides run, samples and verdict.

    ``history`` is newest first and without the run itself; ``history_missing`` says why it could not be
    read. ``overrides`` are all that are on record, newest first. ``digest`` and ``model_version`` are of
    what was judged, for gates without a load run.
    """

    provenance: Provenance = Provenance()
    history: tuple[PastGate, ...] = ()
    overrides: tuple[OverrideMark, ...] = ()
    history_missing: str = ""
    digest: str = ""
    model_version: str = ""


NOTHING = Context()
