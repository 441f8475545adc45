"""What an environment's pods say of themselves while they serve: restarts, errors, answers that are right."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cxlib.clients import pod
from cxlib.clients.kube import Kube
from cxlib.errors import ConfigError, CxError
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict
from cxlib.settings import Site
from cxlib.stage import digits

RESTARTS, ERRORS, DIGITS = "restarts of its pods", "errors that it counts itself", "digits recognised"
_UNITS = {RESTARTS: "", ERRORS: "%", DIGITS: "%"}
_LINE = re.compile(r"(?P<what>.+?) (?P<op><=|>=) (?P<limit>\d+(?:\.\d+)?)(?: (?P<unit>%))?")
_HOLDS: Mapping[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}
_ANSWERS = re.compile(r'^predict_answers_total\{code="(?P<code>\d+)"\} (?P<count>\S+)$', re.M)
_ASKED = 200


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a watch: ``what`` is counted, and the limit that it must keep."""

    text: str
    what: str
    op: str
    limit: float
    unit: str


@dataclass(frozen=True, slots=True)
class PodState:
    """One pod at one time. ``answers``: how many of ``/predict``, by HTTP status, since it started;
    None when it doesn't say."""

    restarts: int
    answers: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Observed:
    """A value in the criterion's unit, on how many things it rests, or why it can't be told."""

    value: float | None
    n: int = 0
    why: str = ""


def parse(lines: Sequence[str]) -> tuple[Criterion, ...]:
    """The criteria of a watch. Raises ``ConfigError`` with what can be written."""
    found = []
    for line in lines:
        text = " ".join(line.split())
        match = _LINE.fullmatch(text)
        if not match or match["what"] not in _UNITS or (match["unit"] or "") != _UNITS[match["what"]]:
            known = "; ".join(f"'{what} <= 1{' %' if unit else ''}'" for what, unit in _UNITS.items())
            raise ConfigError(f"watch '{text}'", "it can't be read", f"Write it as one of: {known}")
        what, op = match["what"], match["op"]
        found.append(Criterion(text, what, op, float(match["limit"]), match["unit"] or ""))
    return tuple(found)


def look(kube: Kube, environment: str) -> dict[str, PodState]:
    """The environment's pods by their uid, those that end left out. Raises ``Unreachable``."""
    namespace = f"birdclef-{environment}"
    return {
        found["metadata"]["uid"]: PodState(
            sum(status["restartCount"] for status in pod.statuses(found)),
            _answers(kube, namespace, found["metadata"]["name"]),
        )
        for found in kube.list("Pod", namespace, labels="app=birdclef-app")
        if not found["metadata"].get("deletionTimestamp")
    }


def ask(site: Site, environment: str) -> Observed:
    """The share of digits that the environment recognises, in %."""
    try:
        return Observed(100 * digits.share_right(site.url(environment), _ASKED), _ASKED)
    except CxError as exc:
        return Observed(None, why=str(exc))


def judge(
    gate: str,
    criteria: Sequence[Criterion],
    before: Mapping[str, PodState],
    after: Mapping[str, PodState],
    recognised: Observed,
) -> GateVerdict:
    """The verdict on what happened between the two looks. One FAIL is FAIL; what can't be told is INVALID."""
    seen = {RESTARTS: _restarts(before, after), ERRORS: _errors(before, after), DIGITS: recognised}
    results = tuple(_result(c, seen[c.what]) for c in criteria)
    bad = [r for r in results if r.verdict is Verdict.FAIL] or [
        r for r in results if r.verdict is not Verdict.PASS
    ]
    verdict = bad[0].verdict if bad else Verdict.PASS
    reason = "; ".join(f"{r.text}: {r.reason}" for r in bad) or f"all {len(results)} criteria hold"
    return GateVerdict(gate, verdict if results else Verdict.INVALID, reason, results)


def nothing(gate: str, why: str) -> GateVerdict:
    """The verdict where nothing can be said of what was looked at."""
    return GateVerdict(gate, Verdict.INVALID, f"{why}: nothing is proven", ())


def _result(criterion: Criterion, seen: Observed) -> CriterionResult:
    if seen.value is None:
        return CriterionResult(criterion.text, Verdict.INVALID, seen.why, criterion.limit, criterion.unit)
    holds = _HOLDS[criterion.op](seen.value, criterion.limit)
    return CriterionResult(
        criterion.text,
        Verdict.PASS if holds else Verdict.FAIL,
        seen.why or f"{seen.value:g}{' %' if criterion.unit else ''} of {seen.n}",
        criterion.limit,
        criterion.unit,
        value=seen.value,
        n=seen.n,
    )


def _restarts(before: Mapping[str, PodState], after: Mapping[str, PodState]) -> Observed:
    """Containers that started anew, and pods that came in the place of others."""
    again = sum(max(0, now.restarts - before[uid].restarts) for uid, now in after.items() if uid in before)
    gone, new = before.keys() - after.keys(), after.keys() - before.keys()
    replaced = max(len(gone), len(new))
    value = float(again + replaced)
    why = f"{again} restarts, {replaced} pods replaced, of {len(before)} pods"
    return Observed(value, len(before), why) if before else Observed(None, why="it had no pod")


def _errors(before: Mapping[str, PodState], after: Mapping[str, PodState]) -> Observed:
    """The share of answers of ``/predict`` other than 2xx, as the pods count them, in %."""
    silent = [uid for uid, now in after.items() if now.answers is None]
    if silent or not after:
        return Observed(100.0, len(after), f"{len(silent)} of {len(after)} pods don't tell their metrics")
    total = wrong = 0.0
    for uid, now in after.items():
        known = before.get(uid)
        for code, count in (now.answers or {}).items():
            # after a restart a pod counts from zero again
            already = (
                (known.answers or {}).get(code, 0.0) if known and known.restarts == now.restarts else 0.0
            )
            total += count - already
            wrong += 0.0 if code.startswith("2") else count - already
    if not total:
        return Observed(None, why="nobody asked it anything")
    return Observed(100 * wrong / total, int(total))


def _answers(kube: Kube, namespace: str, name: str) -> dict[str, float] | None:
    answer = kube.raw(f"/api/v1/namespaces/{namespace}/pods/{name}:8000/proxy/metrics")
    if answer.status != 200:
        return None
    return {m["code"]: float(m["count"]) for m in _ANSWERS.finditer(answer.body.decode(errors="replace"))}
