"""Have a run's model evaluated, and read the answer."""

from __future__ import annotations

from dataclasses import dataclass

from cxlib.errors import StageFailed, Unreachable
from cxlib.wait import Look, wait_until
from services.pipeline import web

EVALUATOR_PORT = 8080


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``version``: the registered model's, a whole number of 1 or more; ``accuracy`` 0 to 1, or None
    when the evaluator doesn't say it."""

    version: str
    accuracy: float | None


def evaluate(evaluator: str, run_id: str, *, within: float) -> Evaluation:
    """The version under which the model of ``run_id`` is registered; ``within`` in seconds.

    Asking again gives the same version, so an evaluator that doesn't answer is asked again.
    Raises ``StageFailed`` with the evaluator's reason when it refuses or answers nonsense.
    """
    url = f"{web.address(evaluator, EVALUATOR_PORT)}/get-version"

    def look() -> Look[web.Answer]:
        try:
            return Look.found(web.call("GET", url, params={"run_id": run_id}, answer_within=within))
        except Unreachable as exc:
            return Look(str(exc))

    answer = wait_until(f"evaluation of run {run_id}", look, wanted="an answer", within=within, every=3)
    if answer.status != 200:
        raise StageFailed(
            f"GET {url}", wanted="a model version", seen=f"HTTP {answer.status}: {answer.reason}"
        )
    return _read(url, answer)


def _read(url: str, answer: web.Answer) -> Evaluation:
    version = answer.data.get("new_model_version") if isinstance(answer.data, dict) else None
    if isinstance(version, bool) or not isinstance(version, str | int) or not str(version).isdecimal():
        raise StageFailed(f"GET {url}", wanted="new_model_version, a whole number", seen=answer.text[:200])
    if int(version) < 1:
        raise StageFailed(f"GET {url}", wanted="a version of 1 or more", seen=str(version))
    accuracy = answer.data.get("accuracy")
    return Evaluation(str(int(version)), float(accuracy) if isinstance(accuracy, int | float) else None)
