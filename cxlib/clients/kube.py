"""The Kubernetes API of a site: objects in, objects out, every request with a deadline."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxlib.errors import ConfigError, CxError, Unreachable

FIELD_MANAGER = "cx"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
# Set by others all the time; no difference of ours.
_VOLATILE = ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp")
REFRESH = "argocd.argoproj.io/refresh"

Object = dict[str, Any]


class Refused(CxError):
    """The API server answered with an error. ``status`` is its HTTP status."""

    def __init__(self, what: str, status: int, reason: str) -> None:
        super().__init__(f"{what}: Kubernetes answered {status}: {reason}")
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply left in the cluster, and whether it made a difference."""

    changed: bool
    object: Object


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer that came through the API server's proxy."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Kube:
    """One cluster, by its kubeconfig. May be used from several threads.

    ``folder`` keeps the discovery cache (None: beside the kubeconfig); it is named by the
    kubeconfig's content, so a cluster made anew starts with an empty one.
    """

    def __init__(self, kubeconfig: Path, folder: Path | None = None) -> None:
        if not kubeconfig.is_file():
            raise ConfigError(
                str(kubeconfig), "there is no kubeconfig", "Bring the cluster up first: make staging"
            )
        self._kubeconfig = kubeconfig
        key = hashlib.sha256(kubeconfig.read_bytes()).hexdigest()[:12]
        self._cache = (folder or kubeconfig.parent) / f"discovery-{key}.json"
        self._lock = threading.RLock()
        self._client: Any = None

    def apply(self, manifest: Object, *, manager: str = FIELD_MANAGER) -> Applied:
        """Server-side apply of ``manifest``; fields that others had set and we now set become ours.

        ``changed`` is true when a field other than status and bookkeeping differs afterwards.
        """
        kind, name, namespace = _identity(manifest)
        before = self.get(kind, name, namespace, api=manifest["apiVersion"])
        with _told(f"apply {kind}/{name}"):
            after: Object = (
                self._resources()
                .server_side_apply(
                    self._resource(kind, manifest["apiVersion"]),
                    body=manifest,
                    name=name,
                    namespace=namespace,
                    field_manager=manager,
                    force_conflicts=True,
                )
                .to_dict()
            )
        if before is None:
            return Applied(True, after)
        same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        return Applied(not same and substance(before) != substance(after), after)

    def create(self, manifest: Object) -> Object:
        """Create ``manifest``. Raises ``Refused`` with status 409 when it is already there."""
        kind, name, namespace = _identity(manifest)
        resource = self._resource(kind, manifest["apiVersion"])
        with _told(f"create {kind}/{name}"):
            made: Object = (
                self._resources()
                .create(resource, body=manifest, namespace=namespace, field_manager=FIELD_MANAGER)
                .to_dict()
            )
        return made

    def get(
        self, kind: str, name: str, namespace: str | None = None, *, api: str | None = None
    ) -> Object | None:
        """The object, or None when it isn't there (or its kind isn't known yet)."""
        try:
            resource = self._resource(kind, api)
            with _told(f"get {kind}/{name}"):
                found: Object = self._resources().get(resource, name=name, namespace=namespace).to_dict()
        except Refused as exc:
            if exc.status == 404:
                return None
            raise
        return found

    def list(
        self,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        api: str | None = None,
    ) -> list[Object]:
        """All objects of ``kind`` that fit the selectors; ``namespace`` None means everywhere."""
        resource = self._resource(kind, api)
        with _told(f"list {kind}"):
            found = self._resources().get(
                resource, namespace=namespace, label_selector=labels or None, field_selector=fields or None
            )
            return list(found.to_dict().get("items") or [])

    def patch(
        self, kind: str, name: str, namespace: str | None, body: Object, *, api: str | None = None
    ) -> Object:
        """JSON merge patch."""
        resource = self._resource(kind, api)
        with _told(f"patch {kind}/{name}"):
            patched: Object = (
                self._resources()
                .patch(
                    resource,
                    body=body,
                    name=name,
                    namespace=namespace,
                    content_type="application/merge-patch+json",
                    field_manager=FIELD_MANAGER,
                )
                .to_dict()
            )
        return patched

    def delete(self, kind: str, name: str, namespace: str | None = None, *, api: str | None = None) -> bool:
        """Delete the object and what it owns; False when it wasn't there."""
        try:
            resource = self._resource(kind, api)
            with _told(f"delete {kind}/{name}"):
                self._resources().delete(
                    resource, name=name, namespace=namespace, body={"propagationPolicy": "Background"}
                )
        except Refused as exc:
            if exc.status == 404:
                return False
            raise
        return True

    def create_once(self, manifest: Callable[[], Object], kind: str, name: str, namespace: str) -> Applied:
        """The object that is there, or else a new one of ``manifest()``. Never changes one that is there."""
        if found := self.get(kind, name, namespace):
            return Applied(False, found)
        try:
            return Applied(True, self.create(manifest()))
        except Refused as exc:
            if exc.status != 409:
                raise
            found = self.get(kind, name, namespace)
            if found is None:
                raise
            return Applied(False, found)

    def logs(
        self, namespace: str, pod: str, *, container: str = "", previous: bool = False, lines: int = 200
    ) -> str:
        """The last ``lines`` lines of a container's log; ``previous`` is its run before the last restart."""
        query = f"tailLines={lines}" + ("&previous=true" if previous else "")
        query += f"&container={container}" if container else ""
        answer = self.raw(f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}")
        text = answer.body.decode(errors="replace")
        if answer.status != 200:
            raise Refused(f"log of {namespace}/{pod}", answer.status, text[:200])
        return text

    def raw(self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """One request to the API server as it is, also to what it proxies; any status is an answer."""
        from kubernetes.client import ApiException

        client = self._resources().client
        wanted = {"Accept": "*/*", **(headers or {})}
        with _told(f"{method} {path}"):
            try:
                response = client.call_api(
                    path, method, header_params=wanted, auth_settings=["BearerToken"],
                    _preload_content=False, _return_http_data_only=True,
                )  # fmt: skip
            except ApiException as exc:
                if not exc.status:
                    raise
                body = exc.body if isinstance(exc.body, bytes) else str(exc.body or exc.reason).encode()
                return Answer(exc.status, dict(exc.headers or {}), body)
        return Answer(response.status, dict(response.headers), response.data)

    @property
    def configuration(self) -> Any:
        """The kubernetes client's configuration, for what needs a connection of its own."""
        return self._resources().client.configuration

    def _resources(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _connect(self._kubeconfig, self._cache)
            return self._client

    def _resource(self, kind: str, api: str | None) -> Any:
        """Where ``kind`` lives. Without ``api`` (``group/version``) the core kinds and ours are known."""
        from kubernetes.dynamic.exceptions import ResourceNotFoundError

        with self._lock, _told(f"look up {kind}"):
            try:
                return self._resources().resources.get(api_version=api or _api_of(kind), kind=kind)
            except ResourceNotFoundError as exc:
                raise Refused(f"look up {kind}", 404, "the cluster knows no such kind") from exc


def substance(found: Object) -> Object:
    """An object without its status and bookkeeping: what somebody wants it to be."""
    meta = {k: v for k, v in found["metadata"].items() if k not in _VOLATILE}
    meta["annotations"] = {k: v for k, v in (meta.get("annotations") or {}).items() if k != REFRESH}
    rest = {k: v for k, v in found.items() if k not in ("status", "metadata", "operation")}
    return {**rest, "metadata": meta}


def _api_of(kind: str) -> str:
    known = {
        "Application": "argoproj.io/v1alpha1",
        "AppProject": "argoproj.io/v1alpha1",
        "Workflow": "argoproj.io/v1alpha1",
        "WorkflowTemplate": "argoproj.io/v1alpha1",
        "Deployment": "apps/v1",
        "StatefulSet": "apps/v1",
        "ReplicaSet": "apps/v1",
        "Job": "batch/v1",
        "Role": "rbac.authorization.k8s.io/v1",
        "RoleBinding": "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
        "SubjectAccessReview": "authorization.k8s.io/v1",
    }
    return known.get(kind, "v1")


def _identity(manifest: Object) -> tuple[str, str, str | None]:
    meta = manifest.get("metadata", {})
    return manifest["kind"], meta.get("name", ""), meta.get("namespace")


def _connect(kubeconfig: Path, cache: Path) -> Any:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_kube_config
    from kubernetes.dynamic import DynamicClient

    class TimedClient(ApiClient):  # type: ignore[misc]
        """The client has no default timeout, and its discovery takes none: every call gets one here."""

        def call_api(self, *args: Any, **kwargs: Any) -> Any:
            kwargs["_request_timeout"] = kwargs.get("_request_timeout") or (CONNECT_SECONDS, ANSWER_SECONDS)
            return super().call_api(*args, **kwargs)

    configuration = Configuration()
    try:
        load_kube_config(str(kubeconfig), client_configuration=configuration)
    except ConfigException as exc:
        raise ConfigError(
            str(kubeconfig), f"not a kubeconfig: {exc}", "Remove it and bring the site up"
        ) from exc
    configuration.retries = 1
    if "//127." in configuration.host:
        configuration.proxy = None  # a proxy of the caller's knows no loopback address of ours
    configuration.connection_pool_maxsize = 16
    _drop_broken(cache)
    with _told("discover the API"):
        return DynamicClient(TimedClient(configuration), cache_file=str(cache))


def _drop_broken(cache: Path) -> None:
    """Whoever was killed while it wrote the cache leaves half of it, which the client logs as an error."""
    try:
        json.loads(cache.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except ValueError:
        cache.unlink(missing_ok=True)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """No exception of the kubernetes client or of urllib3 leaves this module."""
    import urllib3
    from kubernetes.client import ApiException

    try:
        yield
    except ApiException as exc:
        if not exc.status:
            raise Unreachable(f"{what}: the Kubernetes API does not answer: {exc.reason}") from exc
        raise Refused(what, exc.status, _message(exc.body) or str(exc.reason)) from exc
    except (urllib3.exceptions.HTTPError, OSError) as exc:
        raise Unreachable(f"{what}: the Kubernetes API does not answer: {exc}") from exc


def _message(body: Any) -> str:
    try:
        return str(json.loads(body)["message"])
    except (TypeError, ValueError, KeyError):
        return ""
