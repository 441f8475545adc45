"""MLflow: models, runs and evidence. Every call has a deadline, and few retries."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cxlib.clients.mlflow_rest import carrying
from cxlib.errors import Unreachable

# By default one call may block for many minutes: 7 retries of 120 s.
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Artifacts go through MLflow: we can't reach what stands behind it by the name that it has there.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
}
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered version, with what its training run logged."""

    version: str
    run_id: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A run that a search found, with the last value of each metric."""

    run_id: str
    name: str
    started: datetime
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a run was logged."""

    run_id: str
    experiment_id: str


def load() -> None:
    """Import MLflow's client, which takes seconds: to be done while something else is waited for."""
    _limit()
    import mlflow.tracking  # noqa: F401


class Tracking:
    """One MLflow server, by its base URL."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._made: Any = None
        _limit()

    def alias(self, model: str, alias: str) -> str | None:
        """The version that ``alias`` of ``model`` points at, or None."""
        with self._told(f"alias {alias} of {model}", absent_ok=True):
            return str(self._client().get_model_version_by_alias(model, alias).version)
        return None

    def versions(self, model: str) -> list[str]:
        """All versions of ``model``, oldest first."""
        with self._told(f"versions of {model}"):
            found = self._client().search_model_versions(f"name = '{model}'")
        return sorted((str(v.version) for v in found), key=int)

    def version(self, model: str, version: str) -> ModelVersion | None:
        """A version of ``model`` and its run's data, or None when there is none."""
        with self._told(f"version {version} of {model}", absent_ok=True):
            found = self._client().get_model_version(model, version)
            data = self._client().get_run(found.run_id).data
            tags = {**dict(data.tags), **dict(found.tags)}
            return ModelVersion(str(found.version), found.run_id, dict(data.metrics), dict(data.params), tags)
        return None

    def model_bytes(self, model: str, version: str) -> int:
        """The size in bytes of all files of a version of ``model``."""
        with self._told(f"size of {model} {version}"):
            from mlflow.artifacts import download_artifacts

            # by where it lies: by its name, it would be looked for in a registry of the working folder
            where = self._client().get_model_version_download_uri(model, version)
            with tempfile.TemporaryDirectory(prefix="cx-model-") as scratch:
                folder = download_artifacts(where, dst_path=scratch, tracking_uri=self._url)
                return sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())

    def log(
        self,
        experiment: str,
        name: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        files: Sequence[Path] = (),
    ) -> Logged:
        """Log a finished run with ``files`` as its artifacts into ``experiment``, made when missing."""
        with self._told(f"log into {experiment}"):
            client = self._client()
            found = client.get_experiment_by_name(experiment)
            where = found.experiment_id if found else client.create_experiment(experiment)
            run_id = str(client.create_run(where, run_name=name, tags=dict(tags or {})).info.run_id)
            for key, value in (params or {}).items():
                client.log_param(run_id, key, value)
            for key, number in (metrics or {}).items():
                client.log_metric(run_id, key, number)
            for path in files:
                client.log_artifact(run_id, str(path))
            client.set_terminated(run_id)
            return Logged(run_id, str(where))

    def artifact(self, run_id: str, name: str) -> bytes:
        """The bytes of an artifact, as the server serves it."""
        with (
            self._told(f"artifact {name} of {run_id}"),
            tempfile.TemporaryDirectory(prefix="cx-art-") as scratch,
        ):
            return Path(self._client().download_artifacts(run_id, name, scratch)).read_bytes()

    def artifact_if_there(self, run_id: str, name: str) -> bytes | None:
        """The bytes of an artifact, or None when the run has none of that name."""
        with self._told(f"artifacts of {run_id}"):
            listed = {item.path for item in self._client().list_artifacts(run_id)}
        return self.artifact(run_id, name) if name in listed else None

    def run(self, run_id: str) -> tuple[dict[str, str], dict[str, float]]:
        """Parameters and metrics of a run."""
        with self._told(f"run {run_id}"):
            data = self._client().get_run(run_id).data
            return dict(data.params), dict(data.metrics)

    def search(
        self, experiment: str, tags: Mapping[str, str], most: int = 100, *, deleted: bool = False
    ) -> list[Found]:
        """The runs of ``experiment`` that carry all ``tags``, newest first; none without the experiment.

        ``deleted``: also those that somebody deleted, as long as MLflow still has them.
        """
        wanted = carrying(tags)
        with self._told(f"search in {experiment}"):
            from mlflow.entities import ViewType

            client, order = self._client(), ["attributes.start_time DESC"]
            where = client.get_experiment_by_name(experiment)
            if where is None:
                return []
            view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
            runs = client.search_runs([where.experiment_id], wanted, view, most, order)
        return [_found(run) for run in runs]

    def remove(self, run_id: str) -> None:
        """Delete a run (MLflow keeps it as deleted)."""
        with self._told(f"delete run {run_id}"):
            self._client().delete_run(run_id)

    def _client(self) -> Any:
        if self._made is None:
            _no_proxy(urlsplit(self._url).hostname or "")
            from mlflow.tracking import MlflowClient

            self._made = MlflowClient(tracking_uri=self._url, registry_uri=self._url)
        return self._made

    @contextmanager
    def _told(self, what: str, *, absent_ok: bool = False) -> Iterator[None]:
        """No exception of MLflow or of requests leaves here. ``absent_ok``: what isn't there is no error."""
        import requests
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as exc:
            if absent_ok and (exc.error_code in _ABSENT or "not found" in str(exc).lower()):
                return  # MLflow calls a missing alias an invalid parameter
            raise Unreachable(f"MLflow at {self._url}: {what}: {exc}") from exc
        except (requests.RequestException, OSError) as exc:
            raise Unreachable(f"MLflow at {self._url}: {what}: {exc}") from exc


def _found(run: Any) -> Found:
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    data = run.data
    return Found(
        run.info.run_id, run.info.run_name, started, dict(data.tags), dict(data.metrics), dict(data.params)
    )


def _limit() -> None:
    """MLflow reads its limits from the environment, some of them when it is imported."""
    for key, value in _LIMITS.items():
        os.environ.setdefault(key, value)


def _no_proxy(host: str) -> None:
    """MLflow's client asks the environment for a proxy: none stands between us and the site."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, "").split(",") if part]
        if host not in known:
            os.environ[name] = ",".join([*known, host])
