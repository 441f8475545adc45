"""The harness's promotion as a person starts it, on the tests' own services: see test_promotion_stage."""

from __future__ import annotations

from cxlib.settings import Site
from cxlib.stage import promotion


class LoopbackSite(Site):
    """A site whose services are the tests' own."""

    mlflow: str
    served: str

    def url(self, port: str) -> str:
        return self.mlflow if port == "mlflow" else f"{self.served}/{port}"


def promote_to_canary(site: LoopbackSite) -> None:
    """Says what the canary serves then, and what was done."""
    found = promotion.converge(site, "", "canary")
    print(found.serving.digest, *found.did, flush=True)
