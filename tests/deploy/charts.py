"""The charts, the values that a site gives them, and what they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from cxlib.clients import process
from cxlib.settings import CHECKOUT

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

# What the harness gives as valuesObject.
SITE: dict[str, dict[str, Any]] = {
    "deploy/platform": {
        "externalIP": "192.168.1.11",
        "floatingAddress": "127.0.38.1",
        "images": {"postgres": "m:5000/postgres:1", "minio": "m:5000/minio:1", "mlflow": "m:5000/mlflow:1"},
    },
    "deploy/training": {"images": {"trainer": "m:5000/trainer:1", "evaluator": "m:5000/evaluator:1"}},
    "deploy/app": {"externalIP": "192.168.1.11"},
    "workflows": {
        "images": {"pipeline": "m:5000/pipeline:1", "birdclef-base": "m:5000/birdclef-base:1"},
        "gitUrl": "http://m:8000/site.git",
    },
}
NAMESPACES = {
    "deploy/platform": "birdclef-platform",
    "deploy/training": "birdclef-training",
    "deploy/app": "birdclef-staging",
    "workflows": "argo",
}
# Every chart with the value files that Argo CD names.
CHARTS = [
    ("deploy/platform", ()),
    ("deploy/training", ()),
    ("deploy/app", ("values-staging.yaml",)),
    ("deploy/app", ("values-canary.yaml",)),
    ("deploy/app", ("values-production.yaml",)),
    ("workflows", ()),
]


def rendered(
    helm: Path,
    chart: str,
    scratch: Path,
    files: tuple[str, ...] = (),
    parameters: dict[str, str] | None = None,
    site: dict[str, Any] | None = None,
) -> list[Manifest]:
    """What ``helm`` makes of a chart, as Argo CD has it made. Raises ``ProcessFailed`` as helm does."""
    argv = [str(helm), "template", "release", str(CHECKOUT / chart), "--namespace", NAMESPACES[chart]]
    for name in files:
        argv += ["--values", str(CHECKOUT / chart / name)]
    for name, value in (parameters or {}).items():
        argv += ["--set-string", f"{name}={value}"]
    text = _text(tuple(argv), yaml.safe_dump(SITE[chart] if site is None else site), scratch / "site.yaml")
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


_texts: dict[tuple[tuple[str, ...], str], str] = {}


def _text(argv: tuple[str, ...], values: str, file: Path) -> str:
    """What helm says, asked once for the same thing."""
    if (argv, values) not in _texts:
        file.write_text(values)
        _texts[argv, values] = process.run([*argv, "--values", str(file)], timeout=60).stdout
    return _texts[argv, values]


def pod_specs(manifest: Manifest) -> Iterator[Manifest]:
    """Every pod that ``manifest`` makes; a workflow's templates are pods too, in Argo's own form."""
    if manifest["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
        spec = manifest["spec"]["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else manifest["spec"]
        yield spec["template"]["spec"]
        for container in spec["template"]["spec"].get("initContainers", []):
            yield spec["template"]["spec"] | {"containers": [container]}
    if manifest["kind"] == "WorkflowTemplate":
        for template in manifest["spec"]["templates"]:
            if "container" in template:
                yield template | {"containers": [template["container"]]}
