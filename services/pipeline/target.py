"""The environments, their chain, and what one of them is to serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cxlib.errors import StageFailed
from services.pipeline import registry
from services.pipeline.image import REPOSITORY

ENVIRONMENTS = ("staging", "canary", "production")
# Whence a model comes to an environment.
SOURCES = {"canary": "staging", "production": "canary"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment is to serve: a registered version ("" or "0": none), its tag, its digest, and the
    ``chart`` by which, a commit or a branch of the site's git; empty: by the one that it has."""

    environment: str
    version: str
    tag: str
    digest: str
    chart: str = ""

    @property
    def application(self) -> str:
        return f"birdclef-{self.environment}"

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The Application's Helm parameters; whoever deploys owns this whole list."""
        named = {"image.tag": self.tag, "image.digest": self.digest, "model.version": self.version}
        return [{"name": name, "value": value, "forceString": True} for name, value in named.items()]

    @property
    def names(self) -> dict[str, str]:
        """The parameters by name."""
        return {p["name"]: p["value"] for p in self.parameters}

    @property
    def source(self) -> dict[str, Any]:
        """The part of the Application's source that says all that."""
        return source_of(self.parameters, self.chart)

    def said_by(self, source: dict[str, Any]) -> bool:
        """Whether an Application's ``source`` says that."""
        return parameters(source) == self.names and self.chart in ("", source.get("targetRevision"))

    @property
    def alias(self) -> str | None:
        """The version that the environment's MLflow alias is to name; None: there is to be no alias."""
        return None if self.version in ("", "0") else self.version

    def __str__(self) -> str:
        model = f"model {self.version}" if self.version not in ("", "0") else "no model"
        by = f", chart {self.chart[:8]}" if self.chart else ""
        return f"{self.environment} at {self.tag} ({model}, {self.digest[:19] or 'by its tag'}{by})"


def wanted(target: str, environment: str, version: str) -> Wanted:
    """What ``environment`` is to serve, its digest looked up in the registry ``target``."""
    if environment not in ENVIRONMENTS:
        raise StageFailed("environment", wanted=" or ".join(ENVIRONMENTS), seen=environment)
    tag = tag_of(environment, version)
    there = registry.digest_of(target, REPOSITORY, tag)
    if there is None:
        raise StageFailed(f"image {REPOSITORY}:{tag}", wanted="in the registry", seen="no such tag")
    return Wanted(environment, version, tag, there)


def tag_of(environment: str, version: str) -> str:
    """The tag under which an environment has a model version."""
    return f"{environment}-1.0.{version}"


def parameters(source: dict[str, Any]) -> dict[str, str]:
    """The Helm parameters of an Application's source, by name."""
    return {p["name"]: p.get("value", "") for p in source.get("helm", {}).get("parameters") or []}


def pointed(app: dict[str, Any], environment: str) -> Wanted:
    """What the Application ``app`` of ``environment`` says now."""
    return said(app["spec"]["source"], environment)


def source_of(listed: list[dict[str, Any]], chart: str) -> dict[str, Any]:
    """The part of an Application's source that says these Helm parameters, and this chart if there is one."""
    return {"helm": {"parameters": listed}, **({"targetRevision": chart} if chart else {})}


def said(source: dict[str, Any], environment: str) -> Wanted:
    """What an Application's ``source`` says that ``environment`` is to serve."""
    named = (parameters(source).get(name, "") for name in ("model.version", "image.tag", "image.digest"))
    return Wanted(environment, *named, source.get("targetRevision") or "")
