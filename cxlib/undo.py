"""Removes what a journal entry speaks of; what is gone already is well."""

from __future__ import annotations

from cxlib.journal import Entry
from cxlib.settings import Site


def delete_namespace(site: Site, entry: Entry) -> None:
    """A namespace of the cluster, with all that is in it."""
    from cxlib.clients.kube import Kube

    if site.kubeconfig.is_file():  # without it the cluster is gone, and the namespace with it
        Kube(site.kubeconfig).delete("Namespace", entry.name)
