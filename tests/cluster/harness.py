"""The harness's promotion as a person starts it, on the tests' own services, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from cxlib.clients import workflows
from cxlib.clients.kube import Kube
from cxlib.ending import Ending
from cxlib.settings import Site
from cxlib.stage import promotion, under_way
from cxlib.stage.environment import Candidate


class LoopbackSite(Site):
    """A site whose services are the tests' own."""

    mlflow: str
    served: str

    def url(self, port: str) -> str:
        return self.mlflow if port == "mlflow" else f"{self.served}/{port}"


def promote_to_canary(site: LoopbackSite) -> None:
    """Says what the canary serves then, and what was done."""
    found = promotion.converge(site, "canary")
    print(found.serving.digest, *found.did, flush=True)


def submit_and_follow(kubeconfig: str, folder: str, digest: str) -> None:
    """From the moment that it has to promote. Says the workflow's name, and then how it ended."""
    ending = Ending()
    ending.install()
    try:
        kube = Kube(Path(kubeconfig), Path(folder))
        under_way.wait_out(kube, "canary")
        run, _ = workflows.started(kube, promotion.order("canary", Candidate("7", digest)))
        print(run.name, flush=True)
        print(under_way.follow(kube, run).phase, flush=True)
    finally:
        ending.leave_no_one(2)
