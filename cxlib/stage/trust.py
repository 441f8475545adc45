"""What the cluster believes: the site's public key, and the gates that each environment must have passed.

It lies in a ConfigMap that the harness writes and pods only read. A promotion goes by it alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cxlib import progress
from cxlib.clients.kube import Kube, Object, Refused
from cxlib.clients.workflows import NAMESPACE
from cxlib.errors import ConfigError, StageFailed
from cxlib.evidence import policy as policies
from cxlib.evidence.policy import Policy
from cxlib.settings import ENVIRONMENTS, Site
from cxlib.stage import identity
from cxlib.wait import Budget, Look, wait_until

NAME = "cx-trust"
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Trust:
    """``policy``: by environment, the gates that a model must have passed to leave it, now and before."""

    public_key: bytes
    site: str
    policy: Policy

    def gates(self, environment: str) -> Mapping[str, str]:
        """Gate name -> hash of its text; empty where nothing was asked for."""
        return self.policy.gates(environment)


def read(kube: Kube) -> Trust:
    """What the cluster believes now. Raises ``StageFailed`` when nothing readable is there."""
    found = kube.get("ConfigMap", NAME, NAMESPACE)
    wanted = "the site's public key and policy"
    if found is None:
        raise StageFailed(f"ConfigMap {NAMESPACE}/{NAME}", wanted=wanted, seen="no such ConfigMap")
    try:
        data = found["data"]
        return Trust(data["public-key.pem"].encode(), data["site"], policies.read(data))
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise StageFailed(
            f"ConfigMap {NAMESPACE}/{NAME}", wanted=wanted, seen=f"something else: {exc!r}"
        ) from exc


def publish_trust(kube: Kube, site: Site) -> bool:
    """The cluster has this site's public key and name; whether that changed anything. The policy stays."""
    own = {
        "public-key.pem": identity.public_key(site).decode(),
        "site": identity.fingerprint(site, kube),
    }
    made = kube.create_once(
        lambda: _config_map({**own, policies.TODAY: "{}\n"}), "ConfigMap", NAME, NAMESPACE
    )
    if made.changed:
        return True
    changed = _update(kube, lambda _: own)
    if changed:
        progress.note("the cluster trusted another key or site until now: evidence of that counts no more")
    return changed


def require(kube: Kube, environment: str, gates: Mapping[str, str]) -> bool:
    """What leaves ``environment`` must have passed exactly ``gates`` (name -> hash of the text).

    ``gates`` are all of the environment's, not only those of this run. ``publish_trust`` comes first.
    What was asked before is kept with its time: a rollback is judged by it.
    Returns whether that changed anything. Raises ``ConfigError`` on none at all.
    """
    if environment not in ENVIRONMENTS:
        raise ConfigError("policy", f"no environment '{environment}'", f"One of: {', '.join(ENVIRONMENTS)}")
    if not gates:
        raise ConfigError(
            f"policy of {environment}", "no gate, so everything would pass", "Name at least one gate"
        )

    now = datetime.now(UTC)
    return _update(kube, lambda data: policies.noted(data, environment, gates, now))


def _update(kube: Kube, wanted: Callable[[Mapping[str, str]], dict[str, str]]) -> bool:
    """Write what ``wanted`` makes of the data, and look again when somebody else wrote in between.

    Each refusal means that another writer came through; pauses of random length let every one come through.
    """

    def write() -> Look[bool]:
        found = kube.get("ConfigMap", NAME, NAMESPACE)
        if found is None:
            return Look("no such ConfigMap", hopeless=True)
        data = found.get("data") or {}
        asked = wanted(data)
        if asked.items() <= data.items():
            return Look.found(False)
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        try:
            kube.patch("ConfigMap", NAME, NAMESPACE, {"metadata": version, "data": asked})
        except Refused as exc:
            if exc.status == _CONFLICT:
                return Look("another run wrote it just now")
            raise
        return Look.found(True)

    pause = random.uniform(0.02, 0.2)  # noqa: S311  no secret
    what = f"ConfigMap {NAMESPACE}/{NAME}"
    return wait_until(what, write, wanted="the site's key and gates in it", within=Budget.ANSWER, every=pause)


def _config_map(data: dict[str, str]) -> Object:
    meta = {"name": NAME, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "birdclef"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
