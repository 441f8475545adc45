"""The services that a promotion deals with, and how patient it is with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.pipeline.cluster import Cluster
from services.pipeline.pace import Pace, waited_out


@dataclass(frozen=True, slots=True)
class World:
    """``registry`` is host:port, ``mlflow`` a host with or without port; ``places`` says at which URL
    each environment is served, ``question`` is the JSON body with which a prediction is asked for."""

    cluster: Cluster
    registry: str
    mlflow: str
    places: Mapping[str, str]
    question: str
    pace: Pace = field(default_factory=Pace)

    def application(self, environment: str) -> dict[str, Any]:
        """The environment's Application; an API server that is down is waited for. Raises ``Missing``."""
        name = f"birdclef-{environment}"
        return waited_out(name, lambda: self.cluster.application(name), self.pace)
