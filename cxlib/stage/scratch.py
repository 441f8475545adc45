"""A namespace of its own for a check, gone when the check is: also after a kill, by ``cx sweep``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from cxlib import journal, settings
from cxlib.clients.kube import Kube


@contextmanager
def namespace(site: settings.Site, kube: Kube) -> Iterator[str]:
    """The name of a new namespace; it and all in it are deleted at the end, whatever happens."""
    name = f"cx-check-{uuid.uuid4().hex[:6]}"
    labels = {"app.kubernetes.io/managed-by": "cx"}
    with journal.for_a_while(site, "namespace", name):
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        yield name
