"""A load run as its folder tells it: what was planned, what was done, what was served."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

MOST_SECONDS = 30 * 86400.0  # no run is longer, and no list of its blocks too long for the memory
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


def _as_written(value: object) -> object:
    """A bare number is no time of day: pydantic would take -1 for 1969."""
    if isinstance(value, (int, float)):
        raise ValueError("a number is no time; write such as 2026-11-23T20:00:00Z")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Level(_Part):
    """One load level: ``users`` (closed) or ``rate`` (open model); seconds since the run's start."""

    users: Annotated[int, Field(ge=0, le=2**31 - 1)]
    rate: Rate
    start: Seconds
    end: Seconds

    @property
    def key(self) -> tuple[int, float]:
        """What makes two entries the same load level: users and rate."""
        return self.users, self.rate

    def __str__(self) -> str:
        return f"{self.rate:g} rps" if self.rate else f"{self.users} users"


class Served(_Part):
    """What answered: the image's digest and the model's version; None when it could not be learnt."""

    digest: str | None
    model_version: str | None


class ServedSpan(_Part):
    start: Served
    end: Served


class Half(_Part):
    """One of the runs that an extended run is of: as many of its load levels, in order, as the others."""

    planned_seconds: Seconds
    actual_seconds: Seconds
    planned_arrivals: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


class Run(_Part):
    """``run.json`` of a load run folder. ``generator_cpu`` is the highest 5 s share, 0 to 1.

    ``generator_first``: it ran before all else on its machine; None where that isn't known.
    ``halves`` are there when it was extended: each must be valid by itself.
    """

    format: Annotated[Literal[1], Field(alias="schema")]
    profile: str
    site: str
    started: Annotated[AwareDatetime, BeforeValidator(_as_written)]
    planned_seconds: Seconds
    actual_seconds: Seconds
    planned_arrivals: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    seed: int
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=1000)]
    generator_cpu: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    generator_first: bool | None = None
    workers_lost: Annotated[int, Field(ge=0)]
    locust: str
    served: ServedSpan
    halves: tuple[Half, ...] = ()

    @property
    def alone(self) -> tuple[Run, ...]:
        """Its halves as runs of their own, with their load levels; itself where it was not extended."""
        each, left = divmod(len(self.levels), len(self.halves) or 1)
        if not self.halves or left:
            return (self,)
        return tuple(
            self.model_copy(
                update={**dict(half), "levels": self.levels[i * each : (i + 1) * each], "halves": ()}
            )
            for i, half in enumerate(self.halves)
        )
