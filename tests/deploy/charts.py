"""The charts, the values that a site gives them, and what they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

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
