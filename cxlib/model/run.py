"""A load run as its folder tells it: what was planned, what was done, what was served."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Level(_Part):
    """One load level: ``users`` (closed) or ``rate`` (open model); seconds since the run's start."""

    users: Annotated[int, Field(ge=0)]
    rate: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    start: Seconds
    end: Seconds

    def __str__(self) -> str:
        return f"{self.rate:g} rps" if self.rate else f"{self.users} users"


class Served(_Part):
    """What answered: the image's digest and the model's version; None when it could not be learnt."""

    digest: str | None
    model_version: str | None


class ServedSpan(_Part):
    start: Served
    end: Served


class Run(_Part):
    """``run.json`` of a load run folder. ``generator_cpu`` is the highest 5 s share, 0 to 1."""

    format: Annotated[Literal[1], Field(alias="schema")]
    profile: str
    site: str
    started: AwareDatetime
    planned_seconds: Seconds
    actual_seconds: Seconds
    planned_arrivals: Annotated[float, Field(ge=0)] | None
    seed: int
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    generator_cpu: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    workers_lost: Annotated[int, Field(ge=0)]
    locust: str
    served: ServedSpan
