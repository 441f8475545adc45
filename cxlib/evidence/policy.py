"""Which gates the cluster asks for, and which it asked for before: as ConfigMap ``cx-trust`` has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

TODAY, HISTORY = "policy.json", "policy-history.json"
MOST = 100  # changes that are kept of each environment


@dataclass(frozen=True, slots=True)
class Asked:
    """What leaves an environment must have passed ``gates`` (name -> hash of the text), from ``since`` on.

    ``since`` is None when nobody noted it: then the names are known, and the texts aren't.
    """

    gates: Mapping[str, str]
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """By environment what was asked for, oldest first; the last is what is asked today."""

    asked: Mapping[str, tuple[Asked, ...]]

    def gates(self, environment: str) -> Mapping[str, str]:
        """Those of today; empty where nothing was asked for."""
        listed = self.asked.get(environment)
        return listed[-1].gates if listed else {}

    def at(self, environment: str, moment: datetime) -> Asked:
        """What was asked at ``moment``; before all that is known, the oldest that is."""
        listed = self.asked.get(environment, ())
        known = [one for one in listed if one.since and one.since <= moment]
        if known:
            return known[-1]
        return replace(listed[0], since=None) if listed else Asked({})

    def names(self, environment: str) -> set[str]:
        """Every gate that is or was asked for."""
        return {name for one in self.asked.get(environment, ()) for name in one.gates}

    def since(self, environment: str, moment: datetime) -> tuple[Asked, ...]:
        """What was asked at ``moment`` and after it, newest first."""
        later = [one for one in self.asked.get(environment, ()) if one.since and one.since > moment]
        return (*reversed(later), self.at(environment, moment))

    def changes(self, environment: str) -> tuple[datetime, ...]:
        """When something else was asked for."""
        return tuple(one.since for one in self.asked.get(environment, ()) if one.since)


def read(data: Mapping[str, str]) -> Policy:
    """What the ConfigMap's data say. Raises ``KeyError``, ``ValueError``, ``TypeError`` or
    ``AttributeError`` when that is no policy."""
    today = {name: dict(rules["gates"]) for name, rules in json.loads(data[TODAY]).items()}
    past = {name: _listed(told) for name, told in json.loads(data.get(HISTORY) or "{}").items()}
    # who doesn't know of a history writes today's policy alone: then nobody knows since when
    kept = {
        name: past[name] if name in past and past[name][-1].gates == gates else (Asked(gates),)
        for name, gates in today.items()
    }
    return Policy(kept)


def noted(
    data: Mapping[str, str], environment: str, gates: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """The ConfigMap's data from now on, when ``gates`` are asked for in ``environment``; the same as they
    are when they were asked for already. Raises as ``read`` does."""
    known = read({**data, TODAY: data.get(TODAY) or "{}"})
    listed = known.asked.get(environment, ())
    if not listed or listed[-1].gates != gates:
        listed = (*listed, Asked(dict(gates), now))[-MOST:]
    asked = {**known.asked, environment: listed}
    today = {name: {"gates": dict(one[-1].gates)} for name, one in asked.items()}
    past = {name: [_plain(entry) for entry in one] for name, one in asked.items()}
    return {TODAY: _text(today), HISTORY: _text(past)}


def _listed(told: list[dict[str, object]]) -> tuple[Asked, ...]:
    found = tuple(
        Asked(dict(one["gates"]), datetime.fromisoformat(str(one["since"])) if one["since"] else None)  # type: ignore[call-overload]
        for one in told
    )
    if not found or any(one.since and one.since.tzinfo is None for one in found):
        raise ValueError("a history without an entry, or a time without its zone")
    return found


def _plain(one: Asked) -> dict[str, object]:
    since = one.since.astimezone(UTC).isoformat() if one.since else None
    return {"gates": dict(one.gates), "since": since}


def _text(data: object) -> str:
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
