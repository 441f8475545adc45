"""Removes what a journal entry speaks of; what is gone already is well."""

from __future__ import annotations

from cxlib.clients import process
from cxlib.journal import Entry
from cxlib.settings import Site


def remove_container(site: Site, entry: Entry) -> None:  # noqa: ARG001
    """A container of this machine."""
    process.run(["podman", "rm", "--force", "--ignore", "--time", "2", entry.name], timeout=60)


def delete_namespace(site: Site, entry: Entry) -> None:
    """A namespace of the cluster, with all that is in it."""
    _delete(site, "Namespace", entry.name, None, None)


def delete_object(site: Site, entry: Entry) -> None:
    """One object of the cluster; ``how`` holds its ``kind``, and ``namespace`` and ``api`` if it has them."""
    _delete(site, entry.how["kind"], entry.name, entry.how.get("namespace"), entry.how.get("api"))


def _delete(site: Site, kind: str, name: str, namespace: str | None, api: str | None) -> None:
    from cxlib.clients.kube import Kube

    if site.kubeconfig.is_file():  # without it the cluster is gone, and the object with it
        Kube(site.kubeconfig).delete(kind, name, namespace, api=api)
