"""The signed envelopes that say something of what environments run, found by their runs' tags in MLflow.

Each gate is asked for by itself, and what revokes and what overrides as well: no number of other runs
hides the one that counts. Tags prove nothing: what an envelope is worth is for ``proofs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from cxlib.clients.mlflow_rest import Lookup
from cxlib.errors import Unreachable
from cxlib.evidence import EXPERIMENT, FILE
from cxlib.evidence.policy import Policy
from cxlib.parallel import together
from cxlib.settings import ENVIRONMENTS

_NEWEST = 3  # of each kind: one whose tags lie mustn't hide the next
_OVERRIDES = 20


def about(lookup: Lookup, running: Mapping[str, str], policy: Policy, *, within: float) -> list[bytes]:
    """What MLflow keeps about ``running`` (environment -> digest of what it is meant to run), all at once.

    Of each gate that lets the image in or out: its newest words, its newest PASSes, and its newest FAILs in
    whatever environment. Raises ``Unreachable`` after ``within`` seconds.
    """
    where = lookup.experiment(EXPERIMENT)
    if not where:
        return []
    asked = {tuple(tags.items()): most for tags, most in _questions(running, policy)}
    searches = {str(tags): partial(lookup.runs, where, dict(tags), most=most) for tags, most in asked.items()}
    found, silent = together(searches, within)
    runs = {run.run_id for listed in found.values() for run in listed}
    told, mute = together({run: partial(lookup.artifact, run, FILE) for run in sorted(runs)}, within)
    if silent or mute:
        raise Unreachable(next(iter([*silent.values(), *mute.values()])))
    return [raw for raw in told.values() if raw is not None]


def _questions(running: Mapping[str, str], policy: Policy) -> Iterator[tuple[dict[str, str], int]]:
    """Tags to look for, and how many of the newest."""
    for environment, digest in running.items():
        at = ENVIRONMENTS.index(environment)
        image = {"cx.digest": digest}
        if at:
            yield {**image, "cx.override": environment}, _OVERRIDES
        for where in ENVIRONMENTS[max(0, at - 1) : at + 1]:
            for gate in sorted(policy.names(where)):
                words = {**image, "cx.gate": gate}
                yield {**words, "cx.environment": where}, _NEWEST
                yield {**words, "cx.environment": where, "cx.verdict": "PASS"}, _NEWEST
                yield {**words, "cx.verdict": "FAIL"}, _NEWEST
