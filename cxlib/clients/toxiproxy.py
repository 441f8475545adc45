"""toxiproxy: stands between load and service and does to the connection what it is told to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cxlib.clients import http, process
from cxlib.wait import Budget, Look, wait_until


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy of a running toxiproxy: what is sent to ``address`` arrives at its upstream."""

    name: str
    address: str  # host:port
    api: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def upstream(self) -> str:
        """Where it leads now, as ``host:port``. Raises ``Unreachable``."""
        return str(http.get_json(self._here)["upstream"])

    def lead_to(self, upstream: str) -> None:
        """Lead to ``upstream`` (``host:port``) from now on; open connections are closed."""
        # without `enabled`, toxiproxy stops a proxy that changes
        http.post_json(self._here, {"listen": self.address, "upstream": upstream, "enabled": True})

    def add(self, toxic: str, attributes: Mapping[str, object], *, toxicity: float = 1.0) -> None:
        """Do ``toxic`` to what the service sends; ``toxicity`` is the share of connections, 0 to 1."""
        body = {"name": toxic, "type": toxic, "toxicity": toxicity, "attributes": dict(attributes)}
        http.post_json(f"{self._here}/toxics", body)

    def remove(self, toxic: str) -> None:
        """Stop doing ``toxic``; what it held back is let go."""
        http.delete(f"{self._here}/toxics/{toxic}")

    @property
    def _here(self) -> str:
        return f"{self.api}/proxies/{self.name}"


@dataclass(frozen=True, slots=True)
class Toxiproxy:
    """A running toxiproxy, by the URL of its API."""

    api: str

    def proxy(self, name: str, upstream: str) -> Proxy:
        """A new proxy on a free port of loopback that leads to ``upstream`` (``host:port``)."""
        wanted = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream, "enabled": True}
        made = http.post_json(f"{self.api}/proxies", wanted)
        return Proxy(name, str(made["listen"]), self.api)


@contextmanager
def running(program: Path) -> Iterator[Toxiproxy]:
    """A toxiproxy beside the body. Raises ``Unrecoverable`` when it doesn't start."""
    with process.background([str(program), "127.0.0.1:0"]) as child:
        yield Toxiproxy(f"http://{first_line(child, 'toxiproxy')}")


def first_line(child: process.Background, what: str) -> str:
    """The address that ``child`` writes on its first line, once it answers there."""

    def look() -> Look[str]:
        said = child.tail()
        if child.ended():
            return Look(f"it ended: {said}", hopeless=True)
        address = said.split("\n")[0].strip()
        return Look.found(address) if address else Look("nothing said yet")

    return wait_until(what, look, wanted="its address", within=Budget.ANSWER, every=0.05)
