"""How a site stands: what each environment is meant to run, runs, and has been proven to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Image:
    """An image and the model version in it; each part is empty where it isn't known or there is no model."""

    digest: str = ""
    model_version: str = ""
    tag: str = ""

    def __str__(self) -> str:
        what = f"model {self.model_version}" if self.model_version else "no model"
        return f"{what} from {short(self.digest) or self.tag or 'no image'}"


@dataclass(frozen=True, slots=True)
class Proof:
    """The newest word of one gate about what an environment is meant to run.

    ``verdict`` is empty when there is none. ``refused`` says why it doesn't count, ``expired`` whether its
    age is the only reason. ``override`` is who opened the way by hand, and why.
    """

    gate: str
    environment: str
    verdict: str = ""
    finished: datetime | None = None
    expires: datetime | None = None
    refused: str = ""
    expired: bool = False
    override: str = ""

    @property
    def counts(self) -> bool:
        return self.verdict in ("PASS", "OVERRIDE") and not self.refused


@dataclass(frozen=True, slots=True)
class Holder:
    """A workflow that is at work on an environment, or waits for its turn there."""

    workflow: str
    state: str
    since: datetime | None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """``workflow`` brings an environment from ``before`` ``to`` another image; ``back`` for a rollback."""

    workflow: str
    before: Image
    to: Image
    back: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment. What is None wasn't told: the part that knows it did not answer.

    ``wanted`` is what the Application is pointed at, ``serving`` what answers at the address, ``pods``
    the digests that ready pods run, ``tagged`` the digest that the wanted tag points at (empty: no such
    tag), ``alias`` the version that MLflow's alias names (empty: none). ``proofs`` are of this
    environment's own gates, ``entry`` of the gates that let the image in. ``claim`` is what a promotion
    under way left on the Application, kept until it is whole or undone.
    """

    name: str
    address: str
    installed: bool | None = None
    sync: str = ""
    health: str = ""
    said: str = ""
    revision: str = ""
    wanted: Image | None = None
    serving: Image | None = None
    silent: str = ""
    pods: tuple[str, ...] | None = None
    tagged: str | None = None
    alias: str | None = None
    proofs: tuple[Proof, ...] | None = None
    entry: tuple[Proof, ...] | None = None
    holders: tuple[Holder, ...] = ()
    claim: Claim | None = None

    @property
    def held_by(self) -> Holder | None:
        return next((holder for holder in self.holders if not holder.waits), None)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two parts that say different things, and the command that mends it. ``part`` names the row."""

    environment: str
    part: str
    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A site at ``at``. ``down`` are the parts that did not answer, each with why."""

    site: str
    at: datetime
    fingerprint: str = ""
    exists: bool = True
    environments: tuple[Environment, ...] = ()
    down: Mapping[str, str] | None = None
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def agrees(self) -> bool:
        return self.exists and not self.disagreements and not self.down

    def as_json(self) -> dict[str, Any]:
        """Everything, with times in ISO 8601."""
        return {"schema": 1, "agrees": self.agrees, **_plain(asdict(self))}


def short(digest: str) -> str:
    """The beginning of a digest, enough to tell two apart: ``sha256:5a251b6bfb07``."""
    return digest[:19]


def _plain(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing]
    return thing.isoformat() if isinstance(thing, datetime) else thing
