"""A part of a site that says nothing for a while, on purpose. It ends by itself, whoever is killed then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from cxlib import progress
from cxlib.clients import ssh
from cxlib.clients.kube import Kube
from cxlib.errors import ConfigError, StageFailed
from cxlib.parallel import run_all
from cxlib.settings import Site
from cxlib.stage import application

_GIT_PORT = 8000
_UNIT = "cx-outage"


@dataclass(frozen=True, slots=True)
class Cut:
    """What makes a part silent on one machine, and what ends that: commands of a shell, as root."""

    node: str
    begin: str
    end: str


def begin(site: Site, kube: Kube, part: str, seconds: float) -> None:
    """Let ``part`` be silent for ``seconds`` from now on; every machine ends its share by its own clock.

    Requests get no answer at all, which is worse than a refusal. Raises ``ConfigError`` for a part that
    isn't known and for a protected site, ``StageFailed`` where nothing of the part runs.
    """
    if part not in PARTS:
        raise ConfigError("outage", f"no part is called '{part}'", f"Use one of: {', '.join(PARTS)}")
    if site.protected:
        raise ConfigError("outage", f"{site.name} is protected", "Break a site that nobody needs")
    cuts = PARTS[part](site, kube)
    if not cuts:
        raise StageFailed(part, wanted="something of it to run", seen="nothing")
    progress.note(f"{part} is silent for {seconds:g} s")
    run_all([partial(_begin, site, cut, seconds) for cut in cuts])


def _begin(site: Site, cut: Cut, seconds: float) -> None:
    program = f"{cut.begin}; sleep {seconds:g}; {cut.end}"
    unit = f"sudo systemd-run --quiet --collect --unit={_UNIT} /bin/sh -c '{program}'"
    ssh.run(site, cut.node, unit)


def _git(site: Site, _: Kube) -> list[Cut]:
    return [_dropped(node, f"{site.supply_address} -p tcp --dport {_GIT_PORT}") for node in site.nodes]


def _api_server(_: Site, kube: Kube) -> list[Cut]:
    """Stopped, not ended: its connections stay open and say nothing."""
    stop, go_on = ("pkill -STOP -x kube-apiserver", "pkill -CONT -x kube-apiserver")
    found = kube.list("Pod", "kube-system", labels="component=kube-apiserver")
    return [Cut(pod["spec"]["nodeName"], stop, go_on) for pod in found]


def _pods(namespace: str, app: str, _: Site, kube: Kube) -> list[Cut]:
    found = kube.list("Pod", namespace, labels=f"app={app}")
    return [_dropped(pod["spec"]["nodeName"], pod["status"]["podIP"]) for pod in found]


def _dropped(node: str, to: str) -> Cut:
    """Packets of pods pass FORWARD, those of the machine itself OUTPUT."""

    def rules(how: str) -> str:
        return "; ".join(f"iptables -w {how} {chain} -d {to} -j DROP" for chain in ("FORWARD", "OUTPUT"))

    return Cut(node, rules("-I"), rules("-D"))


PARTS: Mapping[str, Callable[[Site, Kube], list[Cut]]] = {
    "the registry": partial(_pods, "kube-system", "registry"),
    "MLflow": partial(_pods, application.PLATFORM, "mlflow"),
    "git": _git,
    "the API server": _api_server,
}
