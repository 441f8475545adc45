"""Where things are: the site's description, the user's caches and state, the checkout."""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cxlib.errors import ConfigError

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ("staging", "canary", "production")
# The ports of the pipeline at the floating address, as the mission names them.
PORTS = {
    "minio": 9000,
    "minio-console": 9001,
    "mlflow": 8000,
    "grafana": 3000,
    "prometheus": 4000,
    "label-studio": 5000,
    "staging": 8081,
    "canary": 8080,
    "production": 80,
    "kubernetes": 6443,
}
REGISTRY = "registry.kube-system.svc.cluster.local:5000"
MODEL_NAME = "BirdClassificationModel"


class Training(BaseModel):
    """What is trained, and by whom. Addresses are ``host`` or ``host:port``; None: the sample services."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_name: str = "logistic-regression"
    data_source: str = "train"
    train_ip: str | None = None
    eval_ip: str | None = None
    mlflow_ip: str | None = None

    def asked(self) -> dict[str, str]:
        """Its fields as site.toml names them, without those that are left to the template."""
        return {name: str(value) for name, value in self.model_dump(exclude_none=True).items()}

    def parameters(self) -> dict[str, str]:
        """The parameters of the workflow ``train-model``; those left out have the template's defaults."""
        return {name.replace("_", "-"): value for name, value in self.asked().items()}


class Evidence(BaseModel):
    """How long a gate's PASS opens the way, in hours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24.0


class Load(BaseModel):
    """Who sends a load: ``processes`` of this machine, or ``pods`` of the cluster if there are any, each
    given ``processors`` of processor time a second."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processes: Annotated[int, Field(ge=1, le=64)] = 1
    pods: Annotated[int, Field(ge=0, le=200)] = 0
    processors: Annotated[float, Field(ge=0.05, le=1)] = 0.5


class Site(BaseModel):
    """One ``sites/<name>/site.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    protected: bool = False
    remote: bool = False
    floating_address: IPv4Address
    supply_address: IPv4Address
    ssh_user: str
    nodes: Annotated[dict[str, IPv4Address], Field(min_length=1)]
    training: Training = Training()
    evidence: Evidence = Evidence()
    load: Load = Load()

    @model_validator(mode="after")
    def _can_work(self) -> Site:
        """Raises ``ConfigError`` with the first field that can't be, and the fix."""
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            problem = f"'{self.name}' is no name for machines and networks"
            raise ConfigError("name", problem, "Use lower-case letters, digits and hyphens between them")
        twice = [str(a) for a, count in Counter(self.nodes.values()).items() if count > 1]
        if twice:
            raise ConfigError("nodes", f"two have the address {twice[0]}", "Give each its own")
        if not self.remote:
            _require_local(self)
        return self

    @property
    def network(self) -> IPv4Network:
        """The /24 that its machines share with the image mirror."""
        return IPv4Network(f"{self.supply_address}/24", strict=False)

    @property
    def folder(self) -> Path:
        return CHECKOUT / "sites" / self.name

    @property
    def state(self) -> Path:
        """What the machine remembers of this site: Terraform state, keys, kubeconfig. Mode 0700."""
        folder = state_root() / self.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    def url(self, port: str) -> str:
        """Base URL of a pipeline port by its name in ``PORTS``, at the floating address."""
        return f"http://{self.floating_address}:{PORTS[port]}"


def _require_local(site: Site) -> None:
    """What containers of this machine can't do without. Raises ``ConfigError``."""
    if not site.floating_address.is_loopback:
        problem = f"{site.floating_address} is not an address of this machine alone"
        raise ConfigError(
            "floating_address", problem, "Use one in 127.0.0.0/8, or remote = true for real machines"
        )
    wrong = [name for name in site.nodes if not name.isascii() or not name.isalnum() or name != name.lower()]
    if wrong or "supply" in site.nodes:
        name = (wrong or ["supply"])[0]
        raise ConfigError(
            f"nodes.{name}", "no name for a machine", "Use lower-case letters and digits, not 'supply'"
        )
    if "node1" not in site.nodes:
        problem = "there is no node1, which publishes the pipeline's ports and has the volume"
        raise ConfigError("nodes", problem, "Call the first one node1")
    if site.supply_address in site.nodes.values():
        raise ConfigError("supply_address", f"{site.supply_address} is a node's too", "Give it its own")
    net, last = site.network, site.network.broadcast_address
    taken = (net.network_address, net.network_address + 1, last)  # its own, the gateway's, the one for all
    nodes = {f"nodes.{name}": address for name, address in site.nodes.items()}
    for field, address in {"supply_address": site.supply_address, **nodes}.items():
        if address not in net or address in taken:
            problem = f"{address} is none that a container can have in {net}, supply_address's network"
            raise ConfigError(field, problem, f"Use one from {net.network_address + 2} to {last - 1}")


def load_site(name: str) -> Site:
    """The site called ``name``. Raises ``ConfigError`` naming the file, the field and the fix."""
    path = CHECKOUT / "sites" / name / "site.toml"
    known = sorted(p.parent.name for p in (CHECKOUT / "sites").glob("*/site.toml"))
    if name not in known:
        raise ConfigError("--site", f"there is no site '{name}'", f"Use one of: {', '.join(known)}")
    try:
        site = Site.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        if site.name != name:
            raise ConfigError("name", f"'{site.name}' in the folder of '{name}'", f'Write name = "{name}"')
        return site
    except UnicodeDecodeError as exc:
        raise ConfigError(str(path), f"not UTF-8 at byte {exc.start}", "Save it as UTF-8") from exc
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc.field}", exc.problem, exc.fix) from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(str(path), f"not TOML: {exc}", "Mend the line it names") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {field}", first["msg"], "See docs/sites.md for every field") from exc


def cache_root() -> Path:
    """What can be made again: toolchain and images, keyed by content. ``CX_CACHE`` overrides it."""
    return Path(os.environ.get("CX_CACHE") or platformdirs.user_cache_path("cx"))


def state_root() -> Path:
    """What belongs to the machine's sites. ``CX_STATE`` overrides it."""
    return Path(os.environ.get("CX_STATE") or platformdirs.user_state_path("cx"))


def runs_root() -> Path:
    """One folder a run, in the checkout: reports, load samples, diagnostics."""
    return CHECKOUT / ".cx" / "runs"
