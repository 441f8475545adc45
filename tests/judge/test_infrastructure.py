"""The infrastructure against its gate: grammar, and that what could not be seen never passes."""

from __future__ import annotations

import random

import pytest

from cxlib.errors import ConfigError
from cxlib.judge import infrastructure
from cxlib.model.infrastructure import Application, Count, Observation, Seen, parse, parse_gate
from cxlib.model.verdict import CriterionResult, Verdict

GOOD = Observation(
    {
        Count.READY: Seen(("node1", "node2", "node3")),
        Count.NOT_READY: Seen(),
        Count.TERRAFORM: Seen(),
        Count.ANSIBLE: Seen(),
    },
    {"birdclef-staging": Application("Synced", "Healthy")},
)
LINES = (
    "nodes ready >= 3",
    "nodes not ready = 0",
    "Terraform changes = 0",
    "Ansible changes = 0",
    "Applications out of sync = 0",
    "Applications unhealthy = 0",
    "Application birdclef-staging is Synced and Healthy",
)


def judged(line: str, observation: Observation) -> CriterionResult:
    (result,) = infrastructure.judge(parse_gate("infrastructure", [line]), observation).criteria
    return result


def told(line: str) -> str:
    """What is wrong with ``line``, or that it was read."""
    try:
        parse(line)
    except ConfigError as exc:
        return exc.problem
    return "read"


def test_whole_lines_are_read() -> None:
    """Every part of the grammar lands in its field."""
    c = parse("key:  nodes not ready <= 1")
    assert (c.count, c.op, c.limit, c.key, c.blocking) == (Count.NOT_READY, "<=", 1, True, True)
    c = parse("watch: Application a-b.c is Synced and Healthy")
    assert (c.count, c.application, c.blocking) == (None, "a-b.c", False)


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("", 1, "empty line"),
        ("pods ready >= 3", 1, "unknown or missing count"),
        ("nodes ready 3", 13, "comparison is missing"),
        ("nodes ready >= ", 15, "number is missing"),
        ("nodes ready >= 2.5", 16, "whole number"),
        ("nodes ready >= 0", 16, "always or never"),
        ("Terraform changes < 0", 21, "always or never"),
        ("Terraform changes = 0 %", 23, "too much"),
        ("Application is Synced and Healthy", 13, "name is missing"),
        ("Application staging", 20, "'is' is missing"),
        ("Application staging is Green", 24, "state is missing"),
        ("Application staging is Synced and Healthy now", 43, "too much"),
        ("see: nodes ready >= 3", 1, "unknown prefix"),
    ],
)
def test_wrong_lines_are_told_with_their_column(line: str, column: int, says: str) -> None:
    """A typing error is found before anything is asked, and points at itself."""
    with pytest.raises(ConfigError, match=says) as caught:
        parse(line)
    assert caught.value.field == f"criterion '{' '.join(line.split())}', column {column}"


def test_no_line_of_rubbish_brings_a_traceback() -> None:
    """10,000 lines made of the grammar's own words: each is read or refused with a message."""
    words = ["nodes", "ready", "not ready", "Terraform changes", "Application", "is", "Synced and Healthy",
             "=", ">=", "0", "3", "x", "watch:", "", "٣", "9" * 400]  # fmt: skip
    chosen = random.Random(4)
    for _ in range(10_000):
        line = " ".join(chosen.choices(words, k=chosen.randint(0, 6)))
        assert told(line), line


def test_sound_infrastructure_passes() -> None:
    """Every criterion can be met."""
    outcome = infrastructure.judge(parse_gate("infrastructure", LINES), GOOD)
    assert outcome.verdict is Verdict.PASS, outcome.reason
    assert all(c.verdict is Verdict.PASS for c in outcome.criteria)


@pytest.mark.parametrize(
    ("line", "observation", "says"),
    [
        (LINES[0], Observation({Count.READY: Seen(("node1",))}), "1: node1"),
        (LINES[1], Observation({Count.NOT_READY: Seen(("node2",))}), "1: node2"),
        (LINES[2], Observation({Count.TERRAFORM: Seen(("a: update",))}), "1: a: update"),
        (LINES[3], Observation({Count.ANSIBLE: Seen(tuple("abcdefg"))}), "7: a, b, c, d, e and 2 more"),
        (LINES[4], Observation({}, {"a": Application("OutOfSync", "Healthy")}), "1: a OutOfSync/Healthy"),
        (LINES[4], Observation({}, {"a": Application("Synced", "Healthy", False)}), "not looked at yet"),
        (LINES[5], Observation({}, {"a": Application("Synced", "Degraded")}), "1: a Synced/Degraded"),
        (LINES[6], Observation({}, {"birdclef-staging": Application("Synced", "Missing")}), "Missing"),
    ],
)  # fmt: skip
def test_each_kind_of_damage_fails_and_is_named(line: str, observation: Observation, says: str) -> None:
    """A closed gate says which machine, resource, task or Application it is about."""
    result = judged(line, observation)
    assert result.verdict is Verdict.FAIL
    assert says in result.reason


@pytest.mark.parametrize("line", LINES)
def test_what_could_not_be_seen_is_invalid(line: str) -> None:
    """A cluster that doesn't answer has no damage that could be counted, and no health either."""
    silent = Seen(problem="the Kubernetes API does not answer")
    counts = dict.fromkeys(Count, silent)
    for observation in (
        Observation(counts, None, "the Kubernetes API does not answer"),
        Observation({}, {}),
    ):
        result = judged(line, observation)
        assert result.verdict is Verdict.INVALID
        assert result.value is None
        assert result.reason
