"""Where things are: the site's description, the user's caches and state, the checkout."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress, ValidationError

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

    def parameters(self) -> dict[str, str]:
        """The parameters of the workflow ``train-model``; those left out have the template's defaults."""
        found = self.model_dump(exclude_none=True)
        return {name.replace("_", "-"): str(value) for name, value in found.items()}


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
    floating_address: IPvAnyAddress
    supply_address: IPvAnyAddress
    ssh_user: str
    nodes: Annotated[dict[str, IPvAnyAddress], Field(min_length=1)]
    training: Training = Training()
    evidence: Evidence = Evidence()
    load: Load = Load()

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


def load_site(name: str) -> Site:
    """The site called ``name``. Raises ``ConfigError`` naming the file, the field and the fix."""
    path = CHECKOUT / "sites" / name / "site.toml"
    known = sorted(p.parent.name for p in (CHECKOUT / "sites").glob("*/site.toml"))
    if name not in known:
        raise ConfigError("--site", f"there is no site '{name}'", f"Use one of: {', '.join(known)}")
    try:
        return Site.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
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
