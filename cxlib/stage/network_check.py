"""Whether pods find and reach each other: real pods on every node that ask each other, then are removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from cxlib import settings
from cxlib.clients import pod
from cxlib.clients.kube import Kube, Object
from cxlib.errors import StageFailed
from cxlib.parallel import run_all
from cxlib.stage import scratch, supply
from cxlib.wait import Budget, Look, wait_until

PORT = 8080
# Answers every request with the name of its node.
_ANSWERER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["NODE"].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""
# Asks every name for its addresses and every address for its node; prints what it was told.
_ASKER = """
import json, socket, sys, urllib.request
def ask(host): return urllib.request.urlopen(f"http://{host}:8080", timeout=5).read().decode()
found = {}
for name in sys.argv[1:]:
    addresses = sorted({a[4][0] for a in socket.getaddrinfo(name, 8080, socket.AF_INET, socket.SOCK_STREAM)})
    found[name] = {a: ask(a) for a in addresses}
print(json.dumps(found))
"""
# Asks for a name that nobody has (RFC 6761); prints what it was told and the seconds until then.
_DENIED = """
import socket, time
began = time.monotonic()
try: told = str(socket.getaddrinfo("nobody.invalid", 80))
except socket.gaierror as exc: told = {socket.EAI_NONAME: "", socket.EAI_NODATA: ""}.get(exc.errno, str(exc))
print(told); print(time.monotonic() - began)
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """A namespace of its own with a pod on every node, for as long as a check needs it."""

    kube: Kube
    namespace: str
    nodes: tuple[str, ...]

    def ask(self, node: str, *names: str) -> dict[str, dict[str, str]]:
        """From the pod on ``node``: DNS name -> address -> the node that answered there."""
        argv = ["python3", "-c", _ASKER, *names]
        return dict(json.loads(pod.execute(self.kube, self.namespace, f"answer-{node}", "answer", argv)))


@contextmanager
def trial(site: settings.Site) -> Iterator[Trial]:
    """Put a pod on every node; they and their namespace go away at the end, whatever happens."""
    kube = Kube(site.kubeconfig)
    image = supply.images(site)["base"]
    with scratch.namespace(site, kube) as namespace:
        kube.apply(_service(namespace, "all", headless=True))
        kube.apply(_service(namespace, "any", headless=False))
        run_all([partial(kube.apply, _answerer(namespace, node, image)) for node in site.nodes])
        ours = Trial(kube, namespace, tuple(site.nodes))
        wait_until(
            "a pod on every node", lambda: _all_ready(ours), wanted="all ready", within=Budget.BOOT, every=0.5
        )
        yield ours


def require_all_reached(ours: Trial) -> None:
    """Every pod reaches the pod on every node by DNS name and address. Raises ``StageFailed``."""
    name = f"all.{ours.namespace}.svc.cluster.local"
    wanted = set(ours.nodes)
    for node, told in zip(ours.nodes, run_all([partial(ours.ask, n, name) for n in ours.nodes]), strict=True):
        reached = set(told[name].values())
        if reached != wanted:
            missing = ", ".join(sorted(wanted - reached))
            raise StageFailed(f"pod on {node}", wanted="answers from every node", seen=f"none from {missing}")


def require_denied(ours: Trial, within: float) -> None:
    """Within so many seconds the DNS denies a name that nobody has. Raises ``StageFailed``.

    A DNS that asks on where nobody answers holds up whoever asks it: Argo CD does before each look.
    """
    argv = ["python3", "-c", _DENIED]
    asked = [
        partial(pod.execute, ours.kube, ours.namespace, f"answer-{n}", "answer", argv) for n in ours.nodes
    ]
    for node, answer in zip(ours.nodes, run_all(asked), strict=True):
        told, seconds = answer.splitlines()
        if told or float(seconds) > within:
            seen = f"{told or 'no such name'} after {float(seconds):.1f} s"
            raise StageFailed(f"DNS, asked on {node}", wanted=f"no such name within {within:g} s", seen=seen)


def require_same_service_after_reschedule(ours: Trial) -> str:
    """A pod that is taken away and comes up on another node answers under the same Service's name.

    Returns ``from -> to``. Raises ``StageFailed`` or ``WaitTimedOut``.
    """
    first, second = ours.nodes[-1], ours.nodes[0]
    name = f"any.{ours.namespace}.svc.cluster.local"
    for node in ours.nodes:
        if node != first:
            ours.kube.patch(
                "Pod", f"answer-{node}", ours.namespace, {"metadata": {"labels": {"serves": "no"}}}
            )
    _require_answer(ours, second, name, first)
    ours.kube.delete("Pod", f"answer-{first}", ours.namespace)
    ours.kube.patch("Pod", f"answer-{second}", ours.namespace, {"metadata": {"labels": {"serves": "yes"}}})
    _require_answer(ours, ours.nodes[1], name, second)
    return f"{first} -> {second}"


def _require_answer(ours: Trial, asker: str, name: str, wanted: str) -> None:
    def look() -> Look[str]:
        try:
            told = set(ours.ask(asker, name)[name].values())
        except StageFailed as exc:
            return Look(str(exc).strip().splitlines()[0])
        return Look(f"answers from {', '.join(sorted(told))}", done=told == {wanted})

    wait_until(
        f"the Service, asked from {asker}",
        look,
        wanted=f"an answer from {wanted}",
        within=Budget.ANSWER,
        every=0.5,
    )


def _all_ready(ours: Trial) -> Look[None]:
    pods = ours.kube.list("Pod", ours.namespace)
    if stuck := pod.troubles(pods):
        return Look("; ".join(map(str, stuck)), hopeless=True)
    ready = [p["metadata"]["name"] for p in pods if pod.ready(p)]
    return Look(f"{len(ready)} of {len(ours.nodes)} ready", done=len(ready) == len(ours.nodes))


def _service(namespace: str, name: str, *, headless: bool) -> Object:
    selector = {"app": "answer"} if headless else {"app": "answer", "serves": "yes"}
    spec: Object = {"selector": selector, "ports": [{"port": PORT}]}
    if headless:
        spec["clusterIP"] = "None"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _answerer(namespace: str, node: str, image: str) -> Object:
    answerer = scratch.pod(
        namespace,
        f"answer-{node}",
        image,
        _ANSWERER,
        container={
            "name": "answer",
            "env": [{"name": "NODE", "value": node}],
            "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        },
        nodeName=node,
        terminationGracePeriodSeconds=0,
    )
    answerer["metadata"]["labels"] = {"app": "answer", "serves": "yes"}
    return answerer
