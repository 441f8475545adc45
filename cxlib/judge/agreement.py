"""Whether the parts of a site say the same about what an environment runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cxlib.model.standing import Claim, Disagreement, Environment, Image, Proof, short

_CLAIM = "cx.birdclef/promotion"  # the annotation by which a promotion holds an Application
# Number of the feature that brings an environment and its gates.
_FEATURES = {"staging": "05_staging", "canary": "06_canary", "production": "07_production"}


def disagreements(environments: Sequence[Environment], mlflow: str, model: str) -> tuple[Disagreement, ...]:
    """Everything that disagrees, in the order of ``environments``, each with what mends it.

    ``mlflow`` is MLflow's base URL and ``model`` the registered model's name, for the commands. What
    wasn't told disagrees with nothing: that a part did not answer is said elsewhere.
    """
    found: list[Disagreement] = []
    for number, one in enumerate(environments):
        after = environments[number + 1] if number + 1 < len(environments) else None
        found += _of(one, after, mlflow, model)
    return tuple(found)


def _of(one: Environment, after: Environment | None, mlflow: str, model: str) -> list[Disagreement]:
    if not one.installed:
        return _gone(one)
    held, left = one.held_by, one.claim if one.claim and not one.holders else None
    before = f"wait for {held.workflow}, then: cx status" if held else _end(one, left) if left else ""
    pairs = [("Application", _application(one)), ("serves", _serving(one)), ("pods", _pods(one))]
    found = [Disagreement(one.name, part, what, before or _again(one.name)) for part, what in pairs if what]
    if what := _tag(one):
        found.append(Disagreement(one.name, "tag", what, before or _retag(one)))
    if left:
        how = "rolled back" if left.back else "promoted"
        what = f"{left.workflow} left it half {how}, and nothing is at work on it"
        found.append(Disagreement(one.name, "lock", what, before))
    if what := _alias(one):
        found.append(Disagreement(one.name, "alias", what, before or _set_alias(one, mlflow, model)))
    return found + _evidence(one, after)


def _end(one: Environment, left: Claim) -> str:
    """What ends a promotion that nobody ends by itself: on where it came to, or back where it came from.

    A rollback is brought to its end. Production isn't emptied: where there was no version before, the
    promotion is given again.
    """
    if not left.to.digest:  # nobody can read it, so no workflow can end it either
        return f"kubectl -n argocd annotate application birdclef-{one.name} {_CLAIM}-"
    if left.back:
        return _back(one.name, left.to.model_version)
    came = one.wanted is not None and one.wanted.digest == left.to.digest
    if (came and not (_tag(one) or _alias(one) or _serving(one))) or not _may_go_to(one.name, left.before):
        return _again(one.name)
    return _back(one.name, left.before.model_version)


def _may_go_to(environment: str, image: Image) -> bool:
    return bool(image.model_version) or environment == "canary"


def _gone(one: Environment) -> list[Disagreement]:
    """An environment that was never installed is nothing to complain of; one that is gone is."""
    if one.installed is None or not one.alias:
        return []
    what = f"MLflow's alias names version {one.alias}, and there is no Application"
    return [Disagreement(one.name, "Application", what, _again(one.name))]


def _application(one: Environment) -> str:
    if (one.sync, one.health) == ("Synced", "Healthy"):
        return ""
    return f"Argo CD says {one.sync}, {one.health}" + (f": {one.said}" if one.said else "")


def _serving(one: Environment) -> str:
    if one.silent:
        return f"{one.address} does not answer: {one.silent}"
    if one.wanted is None or one.serving is None:
        return ""
    same = (one.wanted.digest, one.wanted.model_version) == (one.serving.digest, one.serving.model_version)
    return "" if same else f"the Application wants {one.wanted}, the address serves {one.serving}"


def _pods(one: Environment) -> str:
    if one.pods is None or one.wanted is None:
        return ""
    wanted = one.wanted.digest or one.tagged or ""
    if not one.pods:
        return "no pod is ready"
    if set(one.pods) == {wanted} or not wanted:
        return ""
    return f"the Application wants {short(wanted)}, pods run {', '.join(map(short, one.pods))}"


def _tag(one: Environment) -> str:
    if one.tagged is None or one.wanted is None:
        return ""
    if not one.tagged:
        return f"the registry has no tag {one.wanted.tag}"
    if one.wanted.digest in ("", one.tagged):
        return ""
    return f"{one.wanted.tag} points at {short(one.tagged)}, the Application wants {short(one.wanted.digest)}"


def _alias(one: Environment) -> str:
    if one.alias is None or one.wanted is None or one.alias == one.wanted.model_version:
        return ""
    now = f"names version {one.alias}" if one.alias else "is not set"
    return f"MLflow's alias {now}, the Application wants {one.wanted}"


def _evidence(one: Environment, after: Environment | None) -> list[Disagreement]:
    """What the image's own gates here say, and those that let it in.

    Before any model there is nothing to prove. Evidence that only grew old matters while it is needed:
    as long as what comes after runs something else. How old the evidence is that once let it in doesn't.
    """
    if one.wanted is None or not one.wanted.model_version:
        return []
    found = []
    for proof in one.proofs or ():
        if not proof.counts and not (proof.expired and not _awaited(one, after)):
            found.append(Disagreement(one.name, "evidence", _told(proof), _prove(one.name)))
    for proof in one.entry or ():
        if not proof.counts and not proof.expired:
            what = f"let in without proof: {_told(proof)}"
            found.append(Disagreement(one.name, "let in by", what, f"cx rollback --env={one.name}"))
    return found


def _awaited(one: Environment, after: Environment | None) -> bool:
    """Whether the image has yet to be promoted from here."""
    if after is None:
        return False
    return after.wanted is None or one.wanted is None or after.wanted.digest != one.wanted.digest


def _told(proof: Proof) -> str:
    if not proof.verdict:
        return f"gate {proof.gate} of {proof.environment}: {proof.refused or 'no evidence about this image'}"
    return (
        f"gate {proof.gate} of {proof.environment}: {proof.verdict}, {proof.refused or 'which opens nothing'}"
    )


def _again(environment: str) -> str:
    return f"pytest features/ --env={environment}"


def _retag(one: Environment) -> str:
    """A run builds staging's image and the first ones anew; the others' tags are pointed by the workflow."""
    if one.name == "staging" or not (one.wanted and one.wanted.model_version):
        return _again(one.name)
    return _back(one.name, one.wanted.model_version)


def _back(environment: str, version: str) -> str:
    return f"cx rollback --env={environment} --to={version or 0}"


def _prove(environment: str) -> str:
    return f"pytest features/{_FEATURES[environment]}.feature --env={environment}"


def _set_alias(one: Environment, mlflow: str, model: str) -> str:
    version = one.wanted.model_version if one.wanted else ""
    at = f"{mlflow}/api/2.0/mlflow/registered-models/alias"
    if not version:
        return f"curl -X DELETE '{at}?name={model}&alias={one.name}'"
    body = f'{{"name": "{model}", "alias": "{one.name}", "version": "{version}"}}'
    return f"curl -H 'Content-Type: application/json' \\\n  {at} \\\n  -d '{body}'"


def age(moment: datetime, now: datetime) -> str:
    """How long ago, or how far ahead, in the largest fitting unit: ``12 min``, ``3 h``, ``5 d``."""
    seconds = abs((now - moment).total_seconds())
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"
