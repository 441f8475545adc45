"""Load workers as pods, for loads that one machine cannot send; their namespace goes when it is over."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from cxlib import progress, settings
from cxlib.clients import load_worker, locust, locustfile, pod
from cxlib.clients.kube import Kube, Object, Refused
from cxlib.errors import ConfigError, CxError, Unreachable
from cxlib.parallel import run_all
from cxlib.stage import scratch, supply
from cxlib.wait import Budget

PORT = 8089
# A ConfigMap holds 1 MiB; its other fields need a little.
MOST_BYTES = 900_000
MEMORY = {"requests": "96Mi", "limits": "512Mi"}
# Keeps the order where the plugin may write, then becomes Locust.
_START = 'printf %s "$CX_ORDER" > "$CX_LOAD_ORDER" && exec "$@"'


def inside(environment: str) -> str:
    """Where pods reach the application of ``environment``."""
    return f"http://birdclef-app.birdclef-{environment}.svc.cluster.local:{settings.PORTS[environment]}"


def sender(site: settings.Site, kube: Kube, environment: str) -> locust.Generate:
    """Who sends a load to ``environment`` as ``[load]`` of the site's site.toml says: this machine's
    processes, or pods."""
    if site.load.pods:
        return fleet(site, kube, inside(environment), site.load)
    return locust.processes(site.load.processes)


def fleet(site: settings.Site, kube: Kube, host: str, size: settings.Load) -> locust.Generate:
    """Who sends a load to ``host``, a URL that pods reach, from ``size.pods`` pods of the cluster.

    Each pod runs Locust with its share of the load; all begin together, and their samples become one run.
    A pod that goes away or hands nothing over is a lost worker. Raises ``ConfigError`` (a profile too big
    for a ConfigMap), ``StageFailed`` (pods that do not get ready).
    """
    return lambda errand, folder: _send(site, kube, replace(errand, host=host), folder, size)


def _send(
    site: settings.Site, kube: Kube, errand: locust.Errand, folder: Path, size: settings.Load
) -> tuple[list[Path], int]:
    locust.require_work(errand, size.pods)
    files = _files(errand.profile)
    image = supply.images(site)["locust"]
    with scratch.namespace(site, kube) as namespace:
        kube.apply(_configmap(namespace, files))
        pods = [_pod(namespace, errand, files, image, index, size) for index in range(size.pods)]
        run_all([partial(kube.apply, manifest) for manifest in pods])
        workers = [_worker(kube, namespace, manifest["metadata"]["name"]) for manifest in pods]
        progress.note(f"{size.pods} load pods in namespace {namespace}")
        try:
            found = load_worker.drive(
                workers, errand.seconds, folder / "parts", ready=Budget.ROLLOUT, stop=locust.STOP_SECONDS
            )
        finally:
            _keep_logs(kube, namespace, workers, errand.folder)
    return found, size.pods - len(found)


def _files(profile: Path) -> dict[str, bytes]:
    """What a pod needs, by its path in the pod: the profile with what lies beside it, and what drives it.

    Raises ``ConfigError`` when it is more than a ConfigMap holds.
    """
    ours = settings.CHECKOUT / "cxlib"
    found = {f"code/cxlib/load/{path.name}": path for path in (ours / "load").glob("*.py")}
    found["code/cxlib/__init__.py"] = ours / "__init__.py"
    found |= {f"profile/{path.name}": path for path in locustfile.parts(profile)}
    read = {name: path.read_bytes() for name, path in sorted(found.items())}
    if (total := sum(map(len, read.values()))) > MOST_BYTES:
        problem = f"it and the data beside it are {total:,} bytes, a ConfigMap holds {MOST_BYTES:,}"
        raise ConfigError(f"load profile {profile}", problem, "Move what it doesn't need to another folder")
    return read


def _configmap(namespace: str, files: dict[str, bytes]) -> Object:
    import base64

    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "load", "namespace": namespace},
        "binaryData": {_key(name): base64.b64encode(content).decode() for name, content in files.items()},
    }


def _key(path: str) -> str:
    return path.replace("/", "..")


def _pod(
    namespace: str,
    errand: locust.Errand,
    files: dict[str, bytes],
    image: str,
    index: int,
    size: settings.Load,
) -> Object:
    order = errand.order(index, size.pods, size.processors, ("0.0.0.0", PORT))
    plugin = f"/load/code/{locust.PLUGIN.as_posix()}"
    argv = errand.argv("python3", f"/load/profile/{errand.profile.name}", plugin)
    environment = {"CX_ORDER": order, "CX_LOAD_ORDER": "/work/order.json", "PYTHONPATH": "/load/code"}
    share = f"{round(1000 * size.processors)}m"
    items = [{"key": _key(name), "path": name} for name in files]
    made = scratch.pod(
        namespace,
        f"load-{index}",
        image,
        "",
        container={
            "name": "locust",
            "command": ["sh", "-c", _START, "load", *argv],
            "workingDir": "/work",
            "env": [{"name": name, "value": value} for name, value in environment.items()],
            "ports": [{"containerPort": PORT}],
            "resources": {
                "requests": {"cpu": share, "memory": MEMORY["requests"]},
                "limits": {"cpu": share, "memory": MEMORY["limits"]},
            },
            "volumeMounts": [
                {"name": "load", "mountPath": "/load", "readOnly": True},
                {"name": "work", "mountPath": "/work"},
            ],
        },
        restartPolicy="Never",
        terminationGracePeriodSeconds=1,
        volumes=[
            {"name": "load", "configMap": {"name": "load", "items": items}},
            {"name": "work", "emptyDir": {"sizeLimit": "256Mi"}},
        ],
        topologySpreadConstraints=[
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": "load"}},
            }
        ],
    )
    made["metadata"]["labels"] = {"app": "load", "app.kubernetes.io/managed-by": "cx"}
    return made


def _worker(kube: Kube, namespace: str, name: str) -> load_worker.Worker:
    def ask(method: str, path: str) -> bytes:
        proxied = f"/api/v1/namespaces/{namespace}/pods/{name}:{PORT}/proxy{path}"
        try:
            return load_worker.body(kube.raw(proxied, method=method), path)
        except Refused as exc:
            raise Unreachable(f"{name}{path}: {exc}") from exc

    def ended() -> str:
        try:
            found = kube.get("Pod", name, namespace)
        except CxError:
            return ""  # the API is busy; whether the worker still answers is asked beside this
        return why_ended(found)

    return load_worker.Worker(name, ask, ended)


def why_ended(found: Object | None) -> str:
    """Why a worker's pod sends nothing and won't; empty when it may yet."""
    if found is None:
        return "its pod is gone"
    if found["metadata"].get("deletionTimestamp"):
        return "its pod was deleted"
    if stuck := pod.troubles([found]):
        return str(stuck[0])
    status = found.get("status") or {}
    if status.get("phase") not in ("Failed", "Succeeded"):
        return ""
    ends = [(s.get("state") or {}).get("terminated") or {} for s in pod.statuses(found)]
    codes = ", ".join(f"{end.get('reason', 'ended')}, exit {end.get('exitCode')}" for end in ends if end)
    return f"its pod ended: {status.get('reason') or codes or status['phase']}"


def _keep_logs(kube: Kube, namespace: str, workers: list[load_worker.Worker], folder: Path) -> None:
    """What each pod said, while it is there to be asked; a worker that never began says why there."""
    for worker in workers:
        try:
            said = kube.logs(namespace, worker.name, lines=1000)
        except CxError as exc:
            said = f"{worker.lost or 'no log'}: {exc}\n"
        (folder / f"{worker.name}.log").write_text(said, encoding="utf-8")
