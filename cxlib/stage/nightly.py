"""What the night looks at, and nothing more: every function here reads, and says what it found."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from cxlib import progress, settings
from cxlib.clients import ansible, argocd, endpoint, http, ssh
from cxlib.clients.endpoint import Certificate
from cxlib.clients.kube import Kube
from cxlib.clients.machine import Machine
from cxlib.errors import CxError, StageFailed
from cxlib.parallel import run_all
from cxlib.settings import Site
from cxlib.stage import cluster, status, usage
from cxlib.stage import site as machines

BACKUPS = "backups"
# Certificates alone, never the keys beside them: what is printed here travels.
_CERTIFICATES = r"""
for file in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/*.crt \
            /var/lib/kubelet/pki/kubelet-client-current.pem; do
  [ -f "$file" ] || continue
  echo "@ $file"; sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' "$file"
done
for file in /etc/kubernetes/*.conf; do
  [ -f "$file" ] || continue
  echo "@ $file"; sed -n 's/^ *client-certificate-data: //p' "$file" | base64 -d
done
"""


@dataclass(frozen=True, slots=True)
class Room:
    """Free space, in GiB, of the disk that holds ``path`` on ``machine``."""

    machine: str
    path: str
    gib: float


@dataclass(frozen=True, slots=True)
class Backup:
    """The newest backup; ``made`` is None while there is none, and the first is due at ``due``."""

    name: str
    made: datetime | None
    bytes: int
    due: datetime


def require_site(site: Site) -> Site:
    """``site``, when there is one. Raises ``StageFailed`` with the command that makes it."""
    if not status.exists(site):
        seen = "nothing: it was never made here, or was taken down. Bring it up: pytest features/"
        raise StageFailed(f"site '{site.name}'", wanted="a site to look at", seen=seen)
    return site


def machine_drift(site: Site) -> tuple[str, ...]:
    """What Terraform would change, and machines that are gone or don't run."""
    with progress.stage("look at the machines"):
        return machines.drift(site)


def play_drift(site: Site) -> tuple[str, ...]:
    """What the plays would change: ``machine: task`` each, by Ansible's check mode."""
    with progress.stage("look at what is on them"):
        return ansible.run(site, "site.yml", cluster.variables(site), check=True).changes


def applications(site: Site) -> list[argocd.State]:
    """Every Application of the cluster, by name."""
    found = Kube(site.kubeconfig).list("Application", argocd.NAMESPACE)
    return sorted((argocd.state(one) for one in found), key=lambda state: state.name)


def certificates(site: Site) -> list[Certificate]:
    """Every certificate that the cluster stands on, those that end first in front.

    The one that the API server shows, the one that we identify ourselves with, and those on the machines.
    """
    found = [endpoint.shown(*endpoint.of_kubeconfig(site.kubeconfig))]
    found += endpoint.client_certificates(site.kubeconfig)
    for listed in run_all([partial(_on_machine, site, node) for node in site.nodes]):
        found += listed
    return sorted(found, key=lambda one: one.ends)


def _on_machine(site: Site, node: str) -> list[Certificate]:
    told = ssh.run(site, node, "sudo sh -s", stdin=_CERTIFICATES).stdout
    found = []
    for block in told.split("@ ")[1:]:
        path, _, pem = block.partition("\n")
        if pem.strip():  # a kubeconfig may name its certificate by file
            found += endpoint.certificates(f"{node}:{path}", pem.encode())
    return found


def room(site: Site, paths: Sequence[str]) -> list[Room]:
    """Free space below ``paths`` on every machine of the site, and where this machine keeps its own."""
    asked = [partial(_room, site, node, path) for node in site.nodes for path in paths]
    here = {"caches": settings.cache_root(), "state": site.state, "runs": settings.runs_root()}
    there = {name: path for name, path in here.items() if path.exists()}
    ours = [Room("here", name, shutil.disk_usage(path).free / 2**30) for name, path in there.items()]
    return run_all(asked) + ours


def _room(site: Site, node: str, path: str) -> Room:
    return Room(node, path, Machine(site, node).free_gib(path))


def backup(site: Site, every: timedelta) -> Backup:
    """PostgreSQL's newest backup in MinIO. Raises ``StageFailed`` when nobody makes any."""
    kube = Kube(site.kubeconfig)
    job = kube.get("CronJob", "postgres-backup", "birdclef-platform", api="batch/v1")
    if job is None or job["spec"].get("suspend"):
        seen = "no such CronJob" if job is None else "it is suspended"
        raise StageFailed("backups of PostgreSQL", wanted="the CronJob postgres-backup", seen=seen)
    since = datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    newest = usage.object_store(site).newest(BACKUPS, "postgres/")
    if newest is None:
        return Backup("none yet", None, 0, since + every)
    return Backup(newest.name, newest.modified, newest.bytes, newest.modified + every)


def endpoints(site: Site, paths: Sequence[tuple[str, str]]) -> list[str]:
    """What does not answer with 200 of ``paths``: (name of a port, path), each with what it said."""

    def ask(port: str, path: str) -> str:
        try:
            answer = http.fetch(site.url(port) + path)
        except CxError as exc:
            return f"{port}: {exc}"
        return "" if answer.status == 200 else f"{port}: HTTP {answer.status} from {path}"

    asked: list[Callable[[], str]] = [partial(ask, *one) for one in paths]
    return [said for said in run_all(asked) if said]


def kubernetes_ready(site: Site) -> str:
    """What the API server says of its readiness; ``ok`` when it is ready."""
    answer = Kube(site.kubeconfig).raw("/readyz")
    return answer.body.decode(errors="replace")[:500]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
