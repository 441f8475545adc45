"""Looks into MLflow over its REST interface, for those who can't wait for its client's import (2.5 s)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxlib.clients import http
from cxlib.errors import ConfigError, Unreachable

# https://mlflow.org/docs/latest/api_reference/rest-api.html
_API = "/api/2.0/mlflow"
CONNECT_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Found:
    """A run by its tags, and when it began in milliseconds since 1970."""

    run_id: str
    tags: Mapping[str, str]
    started: int


class Lookup:
    """One MLflow server, by its base URL. Reads only. Raises ``Unreachable``."""

    def __init__(self, url: str, *, connect: float = CONNECT_SECONDS) -> None:
        self._url, self._connect = url.rstrip("/"), connect

    def aliases(self, model: str) -> dict[str, str]:
        """Every alias of ``model`` and the version that it names; empty when there is no such model."""
        found = self._get("/registered-models/get", name=model)
        listed = found.get("registered_model", {}).get("aliases") or []
        return {entry["alias"]: str(entry["version"]) for entry in listed}

    def experiment(self, name: str) -> str:
        """The id of an experiment; empty when there is none."""
        found = self._get("/experiments/get-by-name", experiment_name=name)
        return str(found["experiment"]["experiment_id"]) if found else ""

    def runs(self, experiment: str, tags: Mapping[str, str], *, most: int = 100) -> list[Found]:
        """The newest runs of the experiment with this id that carry all ``tags``, deleted ones too: what
        they said was said."""
        body = {
            "experiment_ids": [experiment],
            "filter": carrying(tags),
            "max_results": most,
            "order_by": ["attributes.start_time DESC"],
            "run_view_type": "ALL",
        }
        listed = self._read(http.fetch(f"{self._url}{_API}/runs/search", body=body, timeout=self._connect))
        return [_found(run) for run in listed.get("runs") or []]

    def artifact(self, run_id: str, name: str) -> bytes | None:
        """The bytes of an artifact, as the server serves it; None when it has none of that name."""
        where = {"run_uuid": run_id, "path": name}
        answer = http.fetch(f"{self._url}/get-artifact", params=where, timeout=self._connect)
        return answer.body if answer.status == 200 else None

    def _get(self, path: str, **params: str) -> dict[str, Any]:
        return self._read(http.fetch(f"{self._url}{_API}{path}", params=params, timeout=self._connect))

    def _read(self, answer: http.Answer) -> dict[str, Any]:
        """The answer's JSON; empty when MLflow says that there is no such thing."""
        try:
            told = json.loads(answer.body)
        except ValueError as exc:
            raise Unreachable(f"MLflow at {self._url}: HTTP {answer.status}: no JSON") from exc
        if answer.status == 404 and told.get("error_code") == "RESOURCE_DOES_NOT_EXIST":
            return {}
        if answer.status != 200:
            raise Unreachable(f"MLflow at {self._url}: HTTP {answer.status}: {told.get('message', '')[:200]}")
        return dict(told)


def carrying(tags: Mapping[str, str]) -> str:
    """MLflow's filter for runs that carry all ``tags``. Raises ``ConfigError`` on what it can't ask for."""
    return " and ".join(f"tags.`{key}` = {_quoted(key, value)}" for key, value in tags.items())


def _quoted(tag: str, value: str) -> str:
    """``value`` as MLflow's filters take it: they know no escape, but two kinds of quotes."""
    quote = '"' if "'" in value else "'"
    if quote in value:
        raise ConfigError(f"tag {tag}", f"{value} holds both kinds of quotes", "Leave out one kind")
    return f"{quote}{value}{quote}"


def _found(run: dict[str, Any]) -> Found:
    tags = {tag["key"]: tag["value"] for tag in run["data"].get("tags") or []}
    return Found(run["info"]["run_id"], tags, int(run["info"]["start_time"]))
