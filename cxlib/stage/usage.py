"""The platform used as its users use it: through the floating address, with something read back."""

from __future__ import annotations

import json
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cxlib.clients import pod
from cxlib.clients.mlflow import Tracking
from cxlib.clients.objectstore import ObjectStore
from cxlib.errors import StageFailed
from cxlib.settings import PORTS, Site
from cxlib.stage import application, platform

EXPERIMENT = "cx-checks"
BUCKET = "birdclef-data"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What was given to a service, and what it gave back under ``key``."""

    key: str
    wrote: object
    read: object


def log_and_read(site: Site) -> RoundTrip:
    """An MLflow run with an artifact, logged and read back. It stays until ``forget``."""
    tracking = Tracking(site.url("mlflow"))
    text = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="cx-check-") as scratch:
        path = Path(scratch) / "artifact.txt"
        path.write_text(text, encoding="utf-8")
        logged = tracking.log(
            EXPERIMENT, "check", params={"text": text}, metrics={"answer": 42.0}, files=[path]
        )
    params, metrics = tracking.run(logged.run_id)
    read = (params.get("text"), metrics.get("answer"), tracking.artifact(logged.run_id, "artifact.txt"))
    return RoundTrip(logged.run_id, (text, 42.0, text.encode()), read)


def forget(site: Site, run_id: str) -> None:
    """Delete the run of a check."""
    Tracking(site.url("mlflow")).remove(run_id)


def row_in_postgres(site: Site, run_id: str) -> dict[str, object]:
    """The run as PostgreSQL's own client finds it in MLflow's table. Raises ``StageFailed`` without one."""
    kube = platform.connect(site)
    found = [p for p in kube.list("Pod", application.PLATFORM, labels="app=postgres") if pod.ready(p)]
    if not found:
        raise StageFailed("PostgreSQL", wanted="a ready pod", seen="none")
    if not run_id.isalnum():
        raise StageFailed("MLflow", wanted="a run id of letters and digits", seen=run_id)
    query = f"select row_to_json(r) from (select run_uuid, status from runs where run_uuid = '{run_id}') r"  # noqa: S608
    argv = ["psql", "-h", "/tmp", "-U", "mlflow", "-d", "mlflow", "-tAc", query]  # noqa: S108  its socket's folder
    out = pod.execute(kube, application.PLATFORM, found[0]["metadata"]["name"], "postgres", argv)
    if not out.strip():
        raise StageFailed("PostgreSQL", wanted=f"a row of run {run_id}", seen="none")
    return dict(json.loads(out))


def object_store(site: Site) -> ObjectStore:
    """The site's MinIO at the floating address, with the secret that the cluster keeps."""
    keys = platform.secret_values(platform.connect(site))["minio-credentials"]
    endpoint = f"{site.floating_address}:{PORTS['minio']}"
    return ObjectStore(endpoint, keys["root-user"], keys["root-password"])


def put_and_get(site: Site) -> RoundTrip:
    """An object put into MinIO and got back; it is removed again."""
    store, name, content = (
        object_store(site),
        f"cx-check/{secrets.token_hex(4)}",
        secrets.token_bytes(1 << 16),
    )
    store.put(BUCKET, name, content)
    try:
        return RoundTrip(name, content, store.get(BUCKET, name))
    finally:
        store.remove(BUCKET, name)


def exposures(site: Site, folder: Path) -> list[str]:
    """Where a secret's value can be read: files below ``folder`` and logs of the platform's pods."""
    kube = platform.connect(site)
    values = [v for keys in platform.secret_values(kube).values() for k, v in keys.items() if "password" in k]
    texts = {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}
    for found in kube.list("Pod", application.PLATFORM):
        for container in pod.statuses(found):
            if container.get("containerID"):
                name = found["metadata"]["name"]
                log = kube.logs(application.PLATFORM, name, container=container["name"], lines=5000)
                texts[f"log of {name}/{container['name']}"] = log.encode()
    return sorted(where for where, text in texts.items() if any(v.encode() in text for v in values))
