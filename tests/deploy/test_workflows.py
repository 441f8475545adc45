"""The WorkflowTemplates: the mission's parameters, least rights, deadlines everywhere."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from cxlib.stage import supply
from tests.deploy.charts import Manifest, Render

TEMPLATES = {
    "build-initial",
    "train-model",
    "build-container-image",
    "deploy-container-image",
    "promote-model",
    "rollback-model",
}


@pytest.fixture
def manifests(render: Render) -> list[Manifest]:
    return render("workflows")


@pytest.fixture
def templates(manifests: list[Manifest]) -> dict[str, dict[str, Any]]:
    return {m["metadata"]["name"]: m["spec"] for m in manifests if m["kind"] == "WorkflowTemplate"}


def pods(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [template for template in spec["templates"] if "container" in template]


def test_parameters_are_the_missions(templates: dict[str, dict[str, Any]]) -> None:
    """Whoever submits them by hand finds the names that the by-hand procedure had."""
    names = {
        n: [p["name"] for p in s.get("arguments", {}).get("parameters", [])] for n, s in templates.items()
    }
    assert set(names) == TEMPLATES
    assert names["build-initial"] == []
    assert names["train-model"] == ["train-ip", "eval-ip", "mlflow-ip", "model-name", "data-source"]
    assert names["build-container-image"][0] == "model-version"
    assert names["deploy-container-image"][:2] == ["environment", "model-version"]
    chain = ["source-environment", "target-environment", "model-version"]
    assert names["promote-model"] == [*chain, "image-digest"]
    assert names["rollback-model"] == ["environment", "model-version", "image-digest"]


def test_who_submits_a_promotion_does_not_choose_where_its_evidence_lies(
    templates: dict[str, dict[str, Any]],
) -> None:
    """An MLflow of his own would have every PASS, and not the FAIL that came after."""
    for name in ("promote-model", "rollback-model"):
        for pod in pods(templates[name]):
            (mlflow,) = [a for a in pod["container"]["args"] if a.startswith("--mlflow=")]
            assert mlflow == "--mlflow=mlflow.birdclef-platform.svc.cluster.local"


def test_templates_fit_argos_schema(templates: dict[str, dict[str, Any]]) -> None:
    """Against the full CRD that came with the controller's module: a misspelt field is found here."""
    folder = supply.manifests("argo-workflows") / "base" / "crds" / "full"
    text = (folder / "argoproj.io_workflowtemplates.yaml").read_text()
    crd = yaml.load(text, yaml.CSafeLoader)  # 1 MB: the loader in Python takes ten times as long
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    strict = json.loads(json.dumps(schema), object_hook=_closed)
    validator = jsonschema.Draft202012Validator(strict)
    assert [error.message for spec in templates.values() for error in validator.iter_errors(spec)] == []


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """No field that isn't listed, as with the API server's strict validation."""
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        return {**schema, "additionalProperties": False}
    if schema.get("x-kubernetes-int-or-string"):
        return {key: value for key, value in schema.items() if key != "type"}
    return schema


def test_every_pod_runs_under_its_templates_own_account(templates: dict[str, dict[str, Any]]) -> None:
    """Named on the pod: called by templateRef, it would otherwise get the caller's rights."""
    for name, spec in templates.items():
        assert spec["serviceAccountName"] == name
        for pod in pods(spec):
            assert pod["serviceAccountName"] == name


def test_every_wait_ends(templates: dict[str, dict[str, Any]]) -> None:
    """Each pod has a deadline longer than its own program's, and each workflow one for all."""
    for spec in templates.values():
        assert spec["activeDeadlineSeconds"] > 0
        for pod in pods(spec):
            own = [int(a.partition("=")[2]) for a in pod["container"]["args"] if a.startswith("--within=")]
            assert pod["activeDeadlineSeconds"] > max(own, default=0)


def test_each_deployer_touches_its_own_applications(manifests: list[Manifest]) -> None:
    """By name, get and patch, nothing else: what needs no evidence reaches staging only."""
    roles = {
        (m["metadata"]["namespace"], m["metadata"]["name"]): m["rules"]
        for m in manifests
        if m["kind"] == "Role"
    }
    assert roles.pop(("argo", "workflow-results")) == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]
    assert roles.pop(("argo", "read-trust")) == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["cx-trust"], "verbs": ["get"]}
    ]
    promoted = ["birdclef-canary", "birdclef-production"]
    assert {name: _reach(rules) for (_, name), rules in roles.items()} == {
        "deploy-container-image": {"get": {"birdclef-staging"}, "patch": {"birdclef-staging"}},
        "promote-model": {"get": {"birdclef-staging", *promoted}, "patch": {*promoted}},
        "rollback-model": {"get": {*promoted}, "patch": {*promoted}},
    }
    bound = [m for m in manifests if m["kind"] == "RoleBinding" and m["metadata"]["namespace"] == "argocd"]
    assert {b["roleRef"]["name"]: b["subjects"][0]["name"] for b in bound} == {n: n for _, n in roles}
    assert not [m for m in manifests if m["kind"].startswith("Cluster")]


def _reach(rules: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The Applications' names by verb."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        assert (rule["apiGroups"], rule["resources"]) == (["argoproj.io"], ["applications"])
        for verb in rule["verbs"]:
            found.setdefault(verb, set()).update(rule["resourceNames"])
    return found


def test_a_promotion_is_settled_however_it_ends(templates: dict[str, dict[str, Any]]) -> None:
    """One at a time at a target; a killed pod starts again, and what is left goes to the exit handler."""
    for name, target in (("promote-model", "target-environment"), ("rollback-model", "environment")):
        spec = templates[name]
        assert spec["synchronization"]["mutexes"] == [
            {"name": "promote-{{workflow.parameters." + target + "}}"}
        ]
        steps = {template["name"]: template for template in spec["templates"]}
        (settle,) = steps[spec["onExit"]]["steps"][0]
        assert (settle["template"], settle["when"]) == ("settle", "{{workflow.status}} != Succeeded")
        assert "Error" in steps[name]["retryStrategy"]["expression"]
        assert steps["settle"]["retryStrategy"]["retryPolicy"] == "Always"
        assert spec["activeDeadlineSeconds"] > steps[name]["activeDeadlineSeconds"]


def test_no_program_hides_in_yaml(templates: dict[str, dict[str, Any]]) -> None:
    """Task code is Python that has tests."""
    for spec in templates.values():
        for pod in pods(spec):
            assert pod["container"]["command"] == ["python", "-m", "services.pipeline"]
            assert "script" not in pod


def test_step_arguments_are_known_to_the_program(templates: dict[str, dict[str, Any]]) -> None:
    """A renamed argument would only show in the cluster."""
    from services.pipeline.__main__ import parser

    for spec in templates.values():
        for pod in pods(spec):
            args = list(map(str, pod["container"]["args"]))
            parsed = parser().parse_args(args)
            outputs = {p["valueFrom"]["path"] for p in pod["outputs"]["parameters"]}
            assert all(path.startswith(f"{parsed.out}/") for path in outputs)
