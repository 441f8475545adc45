"""What opens the way out of an environment, and the reason for each thing that doesn't."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from cxlib.evidence import rules
from cxlib.evidence.rules import Accepted, State
from cxlib.evidence.statement import EvidenceRefused, Statement, Subject
from tests.evidence import made
from tests.evidence.made import Keys, override, signed, statement

HOUR = timedelta(hours=1)
TEXT = rules.gate_sha256(made.GATE, made.LINES)


def accept(
    keys: Keys,
    *statements: Statement,
    raw: tuple[bytes, ...] = (),
    gates: Mapping[str, str] | None = None,
    **other: Any,
) -> Accepted:
    """The question as a promotion from staging to canary asks it."""
    asked: dict[str, Any] = {
        "public_key": keys.public,
        "digest": made.DIGEST,
        "environment": "staging",
        "gates": {made.GATE: TEXT} if gates is None else gates,
        "site": made.SITE,
        "now": made.NOW,
        "target": "canary",
    }
    return rules.accept([*signed(keys, *statements), *raw], **(asked | other))


def refusal(keys: Keys, *statements: Statement, **other: Any) -> EvidenceRefused:
    with pytest.raises(EvidenceRefused) as caught:
        accept(keys, *statements, **other)
    return caught.value


def test_a_fresh_pass_opens(keys: Keys) -> None:
    """The one way that needs nobody's word."""
    one = statement()
    found = accept(keys, one)
    assert (found.passes, found.override, found.model_version, found.expires) == (
        (one,),
        None,
        "7",
        one.expires,
    )


def test_nothing_opens_nothing(keys: Keys) -> None:
    """No evidence is the ordinary case of a promotion that somebody submits by hand."""
    assert refusal(keys).reasons == ("gate 'staging' has no PASS for this image",)


def test_no_gate_opens_nothing(keys: Keys) -> None:
    """An empty policy would let everything pass: nothing passes vacuously."""
    assert refusal(keys, statement(), gates={}).reasons == (
        "no gate is set for staging, so nothing is proven",
    )


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "INVALID"])
def test_only_pass_opens(keys: Keys, verdict: str) -> None:
    """What was not proven was not proven."""
    assert f"no PASS for this image, only {verdict}" in str(refusal(keys, statement(verdict)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"subject": Subject(made.OTHER, "7")}, "has no PASS for this image"),
        ({"site": "local:00000000"}, "it is of another site: local:00000000, this is local:6c1f09ab"),
        ({"environment": "canary"}, "it is of canary, not of staging"),
        ({"gate_sha256": "0" * 64}, "the gate's text has changed since"),
        ({"gate": "nightly"}, "has no PASS for this image"),
        ({"finished": made.NOW - made.DAY}, "it expired at 2026-11-24 12:00:00 UTC"),
        ({"finished": made.NOW + 3 * HOUR}, "it is not valid before 2026-11-24 15:00:00 UTC"),
    ],
    ids=["digest", "site", "environment", "gate-text", "gate", "expired", "future"],
)
def test_a_pass_of_something_else_opens_nothing(keys: Keys, change: dict[str, Any], reason: str) -> None:
    """Each is a good PASS, only not of this; the reason says which part differs."""
    assert reason in str(refusal(keys, statement(**change)))


@pytest.mark.parametrize(("ahead", "opens"), [(90, True), (119, True), (121, False)])
def test_clocks_may_differ_a_little(keys: Keys, ahead: int, opens: bool) -> None:
    """The pod that checks has another clock than the harness that judged: two minutes are forgiven."""
    one = statement(finished=made.NOW + timedelta(seconds=ahead))
    if opens:
        assert accept(keys, one).passes == (one,)
    else:
        assert "not valid before" in str(refusal(keys, one))


def test_expiry_is_exact(keys: Keys) -> None:
    """Unlike the beginning: nobody needs evidence to last longer than it says."""
    one = statement()
    assert accept(keys, one, now=one.expires - timedelta(microseconds=1)).passes
    assert "expired" in str(refusal(keys, one, now=one.expires))


def test_a_later_fail_revokes(keys: Keys) -> None:
    """What was seen to fail afterwards isn't proven any more, and the reason says what failed."""
    passed, failed = statement(ago=2 * HOUR), statement("FAIL", ago=HOUR)
    for order in ((passed, failed), (failed, passed)):
        assert "revoked by the FAIL of 2026-11-24 11:00:00 UTC: p95: 41 ms" in str(refusal(keys, *order))


def test_an_earlier_fail_does_not_revoke(keys: Keys) -> None:
    """A gate that failed may be passed by measuring again; both stay on record."""
    passed, failed = statement(ago=HOUR), statement("FAIL", ago=2 * HOUR)
    assert accept(keys, failed, passed).passes == (passed,)


def test_a_fail_at_the_same_moment_revokes(keys: Keys) -> None:
    """When nobody can tell which came last, the safe answer is no."""
    assert "revoked" in str(refusal(keys, statement(), statement("FAIL")))


def test_a_pass_after_the_fail_opens_again(keys: Keys) -> None:
    """Revoking is about the past: a new proof is a new proof."""
    last = statement(ago=HOUR)
    found = accept(keys, statement(ago=3 * HOUR), statement("FAIL", ago=2 * HOUR), last)
    assert found.passes == (last,)


@pytest.mark.parametrize(
    "change",
    [{"environment": "canary"}, {"gate_sha256": "0" * 64}, {"expires": made.NOW - timedelta(minutes=1)}],
    ids=["environment", "text", "expired"],
)
def test_a_fail_revokes_wherever_and_however_it_was_asked(keys: Keys, change: dict[str, Any]) -> None:
    """The same gate failed on the same image: in a canary that turns bad, in other words, a day ago."""
    failed = replace(statement("FAIL", ago=HOUR), **change)
    assert "revoked" in str(refusal(keys, statement(ago=2 * HOUR), failed))


@pytest.mark.parametrize(
    "other",
    [
        {"verdict": "INCONCLUSIVE"},
        {"verdict": "INVALID"},
        {"verdict": "FAIL", "gate": "another"},
        {"verdict": "FAIL", "subject": Subject(made.OTHER, "7")},
    ],
    ids=["inconclusive", "invalid", "another-gate", "another-image"],
)
def test_what_does_not_revoke(keys: Keys, other: dict[str, Any]) -> None:
    """A broken measurement says nothing about the image, and a FAIL is about its own gate and image."""
    passed = statement(ago=2 * HOUR)
    assert accept(keys, passed, statement(ago=HOUR, **other)).passes == (passed,)


def test_a_fail_by_a_stranger_does_not_revoke(keys: Keys, strangers: Keys) -> None:
    """Or anybody who can write to MLflow could stop every promotion."""
    (raw,) = signed(strangers, statement("FAIL", ago=timedelta(0)))
    found = accept(keys, statement(), raw=(raw,))
    assert found.passes
    assert "signed by another key" in found.unusable[0]


def test_every_gate_is_needed(keys: Keys) -> None:
    """One good gate doesn't carry the others, and all that is missing is said at once."""
    gates = {made.GATE: TEXT, "model": "1" * 64, "nodes": "2" * 64}
    said = refusal(keys, statement(), statement("FAIL", gate="nodes", gate_sha256="2" * 64), gates=gates)
    assert said.reasons == (
        "gate 'model' has no PASS for this image",
        "gate 'nodes' has no PASS for this image, only FAIL",
    )


def test_several_gates_open_until_the_first_expires(keys: Keys) -> None:
    """A promotion that waits for its lock must know until when it may go on."""
    old = statement(ago=5 * HOUR, gate="model", gate_sha256="1" * 64)
    found = accept(keys, statement(), old, gates={made.GATE: TEXT, "model": "1" * 64})
    assert found.expires == old.expires


def test_gates_that_name_two_versions_open_nothing(keys: Keys) -> None:
    """One image holds one model version: who says otherwise has mixed something up."""
    other = statement(gate="model", gate_sha256="1" * 64, subject=Subject(made.DIGEST, "8"))
    said = refusal(keys, statement(), other, gates={made.GATE: TEXT, "model": "1" * 64})
    assert "several model versions: 7, 8" in str(said)


def test_an_older_pass_counts_when_the_newest_is_of_another_text(keys: Keys) -> None:
    """Somebody tried a gate with other criteria in between: that takes nothing from what was proven."""
    proven = statement(ago=2 * HOUR)
    assert accept(keys, proven, statement(ago=HOUR, gate_sha256="0" * 64)).passes == (proven,)


def test_a_damaged_envelope_counts_for_nothing(keys: Keys) -> None:
    """Alone it opens nothing, and the refusal says that it was there."""
    (raw,) = signed(keys, statement())
    said = refusal(keys, raw=(raw[:-1],))
    assert said.reasons[0] == "gate 'staging' has no PASS for this image"
    assert said.reasons[1].startswith("envelope 1 of 1 is refused: ")


def test_an_override_opens_and_says_so(keys: Keys) -> None:
    """Break-glass works also against a FAIL, and what it went over is on record."""
    given = override()
    found = accept(keys, statement("FAIL"), given)
    assert (found.passes, found.override, found.model_version) == ((), given, "7")
    assert "no PASS for this image, only FAIL" in found.unusable[0]


def test_an_override_works_without_any_gate(keys: Keys) -> None:
    """It is for days on which nothing is as it should be."""
    assert accept(keys, override(), gates={}).override


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (override("production"), {}),
        (override(), {"target": "production"}),
        (override(), {"target": None}),
        (override(subject=Subject(made.OTHER, "7")), {}),
        (override(site="local:00000000"), {}),
        (override(finished=made.NOW - made.DAY), {}),
        (override(finished=made.NOW + HOUR), {}),
    ],
    ids=["its-target", "target", "no-target", "image", "site", "expired", "future"],
)
def test_an_override_is_for_one_thing(keys: Keys, given: Statement, asked: dict[str, Any]) -> None:
    """Who opened one door didn't open the next one, nor this one for good."""
    assert "no PASS" in str(refusal(keys, given, **asked))


def test_an_override_is_no_pass_of_a_gate_of_its_name(keys: Keys) -> None:
    """Nobody can turn one into evidence by calling a gate so."""
    given = replace(override(), gate=made.GATE, gate_sha256=TEXT)
    assert accept(keys, given).passes == ()
    assert "no PASS" in str(refusal(keys, given, target="production"))


def test_evidence_is_preferred_to_an_override(keys: Keys) -> None:
    """What was proven needs no excuse, and its report shows none."""
    assert accept(keys, statement(), override()).override is None


def test_an_override_that_came_after_all_evidence_is_told_beside_it(keys: Keys) -> None:
    """None is signed where nothing speaks against an image: it went over a rollback, as is on record."""
    proven, given = statement(ago=2 * HOUR), override(ago=HOUR)
    found = accept(keys, proven, given)
    assert (found.passes, found.override, found.expires) == ((proven,), given, proven.expires)


def test_the_hash_of_a_gate_is_of_its_text() -> None:
    """White space is no change; a word, the order, the name, and where a line ends are."""
    spaced = [line.replace(" of ", "   of ") + " " for line in made.LINES]
    assert rules.gate_sha256(made.GATE, spaced) == TEXT
    others = [
        rules.gate_sha256(made.GATE, made.LINES[::-1]),
        rules.gate_sha256(made.GATE, [made.LINES[0].replace("30", "31"), made.LINES[1]]),
        rules.gate_sha256(made.GATE, [made.LINES[0].removeprefix("key: "), made.LINES[1]]),
        rules.gate_sha256(made.GATE, made.LINES[:1]),
        rules.gate_sha256(made.GATE, [" ".join(made.LINES)]),
        rules.gate_sha256("canary", made.LINES),
    ]
    assert len({TEXT, *others}) == 7


@pytest.mark.parametrize(
    ("one", "others", "state", "why"),
    [
        (statement(), (), State.VALID, ""),
        (statement("FAIL"), (), State.VALID, ""),
        (statement(ago=25 * HOUR), (), State.EXPIRED, "it expired at 2026-11-24 11:00:00 UTC"),
        (statement(ago=2 * HOUR), (statement("FAIL"),), State.REVOKED, "revoked by the FAIL"),
        (statement(ago=27 * HOUR), (statement("FAIL"),), State.REVOKED, "revoked by the FAIL"),
        (statement(gate_sha256="0" * 64), (), State.VOID, "text has changed"),
        (statement(site="local:00000000"), (), State.VOID, "another site"),
    ],
)
def test_the_state_of_a_statement(
    one: Statement, others: tuple[Statement, ...], state: State, why: str
) -> None:
    """What `cx evidence list` shows is what a promotion would decide."""
    found, said = rules.state(one, others, site=made.SITE, now=made.NOW, sha256=TEXT)
    assert found is state
    assert why in said


def test_now_must_know_its_zone(keys: Keys) -> None:
    """A caller's naive time is the caller's error, and must not turn into evidence that is valid or not."""
    with pytest.raises(TypeError):
        accept(keys, statement(), now=datetime(2026, 11, 24, 12, 0))
