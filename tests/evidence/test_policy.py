"""Which gates were asked for when, as the cluster keeps it."""

from __future__ import annotations

from datetime import timedelta

from cxlib.evidence import policy
from cxlib.evidence.policy import Asked
from tests.evidence.made import DAY, NOW

HOUR = timedelta(hours=1)
BOTH = {"nodes": "1" * 64, "staging": "2" * 64}


def test_the_history_of_the_policy_is_kept_and_bounded() -> None:
    """A ConfigMap has room for a megabyte."""
    data: dict[str, str] = {}
    for number in range(policy.MOST + 5):
        data |= policy.noted(data, "staging", {"g": f"{number:064d}"}, NOW + number * HOUR)
    kept = policy.read(data).asked["staging"]
    assert len(kept) == policy.MOST
    assert policy.read(data).gates("staging") == {"g": f"{policy.MOST + 4:064d}"}
    assert policy.read(data).at("staging", NOW + 7.5 * HOUR).gates == {"g": f"{7:064d}"}
    assert policy.read(data).at("staging", NOW) == Asked({"g": f"{5:064d}"})


def test_asking_for_the_same_again_changes_nothing() -> None:
    """A second run has to say that nothing changed."""
    data = policy.noted({}, "staging", BOTH, NOW)
    assert policy.noted(data, "staging", BOTH, NOW + DAY) == data
    assert policy.noted(data, "canary", BOTH, NOW + DAY) != data


def test_a_policy_from_before_the_history_was_kept_is_the_oldest_known() -> None:
    """Its names are known, since when and with which texts are not."""
    old = {policy.TODAY: '{"staging": {"gates": {"a": "1"}}}'}
    data = {**old, **policy.noted(old, "staging", BOTH, NOW)}
    assert policy.read(data).at("staging", NOW - DAY) == Asked({"a": "1"})
    assert policy.read(data).at("staging", NOW + DAY).gates == BOTH


def test_a_policy_that_was_written_without_its_history_has_none() -> None:
    """Who doesn't know of it wrote today's alone: the history's last word isn't what is asked."""
    data = policy.noted({}, "staging", BOTH, NOW) | {policy.TODAY: '{"staging": {"gates": {"a": "1"}}}'}
    assert policy.read(data).asked["staging"] == (Asked({"a": "1"}),)
