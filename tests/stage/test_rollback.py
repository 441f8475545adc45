"""What a rollback goes back to, and when it has nothing to do: the cluster's part is told by the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from cxlib.clients import workflows
from cxlib.clients.workflows import Order, Run
from cxlib.errors import ConfigError
from cxlib.model.standing import Claim, Image
from cxlib.settings import load_site
from cxlib.stage import (
    canary,
    claim,
    environment,
    last_good,
    model,
    platform,
    promotion_log,
    rollback,
    under_way,
)
from cxlib.stage.environment import Candidate
from cxlib.stage.promotion_log import Event

SITE = load_site("local")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def version(number: str) -> Candidate:
    return Candidate(number, f"sha256:{number * 64}")


@dataclass
class World:
    """An environment, what its log says, and what the workflow is asked for and does."""

    at: Candidate
    log: list[Event] = field(default_factory=list)
    against: dict[str, str] = field(default_factory=dict)
    left: Claim | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def came(self, outcome: str, to: str, *, left: str = "", override: str = "") -> None:
        """One record more."""
        at = NOON + timedelta(minutes=len(self.log))
        was = version(left).digest if left else ""
        self.log.append(Event(at, outcome, "canary", version(to), was, f"w-{to}", override))

    def carry_out(self, order: Order) -> None:
        """What the workflow does: what was left is ended, the environment is at the version, it's noted."""
        self.asked.append(order.parameters)
        to, was = order.parameters["model-version"], self.at
        self.at, self.left = Candidate(to, order.parameters["image-digest"]), None
        self.came("rolled-back", to, left=was.version)

    def back(self, to: str | None = None) -> str:
        """Where `cx rollback --env=canary` brings it, and whether that was any work."""
        before = len(self.asked)
        rollback.roll_back(SITE, "canary", to)
        return self.at.version + (", nothing changed" if len(self.asked) == before else "")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Versions 5, 6 and 7 were promoted to the canary, one after the other."""
    made = World(version("7"))
    for number in "567":
        made.came("promoted", number, left=str(int(number) - 1))

    def started(_: object, order: Order, *, again: bool) -> tuple[Run, bool]:
        assert again
        made.carry_out(order)
        return Run(f"rollback-{len(made.asked)}", "", "", "", "Succeeded", "", "", {}, ""), True

    monkeypatch.setattr(platform, "connect", lambda site: None)
    monkeypatch.setattr(under_way, "wait_out", lambda kube, name: ())
    monkeypatch.setattr(claim, "held", lambda kube, name: made.left)
    monkeypatch.setattr(environment, "pointed", lambda kube, name: made.at)
    monkeypatch.setattr(environment, "aliased", lambda site, name: made.at.version.strip("0") or None)
    monkeypatch.setattr(model, "image_digest", lambda kube, tag: version(tag[-1]).digest)
    monkeypatch.setattr(promotion_log, "events", lambda site, name: made.log)
    monkeypatch.setattr(last_good, "against", lambda site, kube, name, to: made.against.get(to.version, ""))
    monkeypatch.setattr(workflows, "started", started)
    monkeypatch.setattr(rollback, "_look", lambda site, kube, name, wanted, did: _seen(wanted, did))
    return made


def _seen(wanted: Candidate, did: list[str]) -> environment.Environment:
    serving = environment.Serving(wanted.version.strip("0"), wanted.digest, "")
    state = None
    return environment.Environment("canary", state, serving, frozenset(), None, tuple(did))  # type: ignore[arg-type]


def test_it_goes_to_the_version_before_and_no_further_when_it_is_asked_again(world: World) -> None:
    """The harness was killed while the workflow went on: the same command must not take a good one away."""
    assert world.back() == "6"
    assert world.back() == "6, nothing changed"


def test_further_back_goes_who_says_to_which_version(world: World) -> None:
    """That is a decision, and no repetition of a command."""
    world.back()
    assert world.back("5") == "5"


def test_what_it_was_rolled_back_to_is_left_when_it_turns_bad(world: World) -> None:
    """Its evidence was revoked since: `cx status` is red and names just this command."""
    world.back()
    world.against["6"] = "it was revoked by the FAIL of today"
    assert world.back() == "5"


def test_after_another_promotion_it_goes_back_again(world: World) -> None:
    """The rollback of last month answers nothing today."""
    world.back()
    world.at = version("8")
    world.came("promoted", "8", left="6")
    assert world.back() == "6"


def test_a_version_that_the_workflow_would_refuse_is_passed_over(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Instead of the refusal the next one is tried, and it is said why."""
    world.against["6"] = "gate 'staging' has no PASS for this image"
    assert world.back() == "5"
    assert "not back to model 6: gate 'staging' has no PASS" in "".join(capsys.readouterr())


def test_a_version_that_an_override_let_in_is_passed_over(world: World) -> None:
    """It never was proven: who wants it back has to name it."""
    world.log[1] = Event(NOON, "promoted", "canary", version("6"), version("5").digest, "w-6", "me: hotfix")
    assert world.back() == "5"
    world.at = version("7")
    assert world.back("6") == "6"


def test_without_a_good_version_every_reason_is_told(world: World) -> None:
    """And how to empty the canary: no model may not be what the person wants."""
    world.against |= {"5": "it was revoked", "6": "it was revoked"}
    with pytest.raises(ConfigError, match=r"model 6: it was revoked; model 5: .*--env=canary --to 0") as told:
        world.back()
    assert world.asked == []
    assert "stayed good" in str(told.value)


def test_production_is_never_emptied(world: World) -> None:
    """Whoever calls has to bring a version."""
    world.log.clear()
    with pytest.raises(ConfigError, match="no other version was promoted there"):
        rollback.withdraw(SITE, "production", world.at)
    with pytest.raises(ConfigError, match="version 0 never served production"):
        rollback.roll_back(SITE, "production", "0")


def half(before: str, to: str, *, back: bool = False) -> Claim:
    """What a workflow that was deleted left on the Application."""
    images = [Image(version(number).digest, number) for number in (before, to)]
    return Claim("promote-model-gone-1", *images, back=back)


def test_a_promotion_that_was_left_is_ended_also_where_all_else_is_as_wanted(world: World) -> None:
    """`cx status` names this command; only the workflow can take the note away."""
    world.at, world.left = version("6"), half("6", "8")
    assert world.back("6") == "6"
    assert world.left is None


@pytest.mark.parametrize("at", ["6", "8"], ids=["not begun", "half way"])
def test_back_from_a_promotion_that_was_left_is_where_it_came_from(world: World, at: str) -> None:
    """Not one version further, because it had not got far."""
    world.log = world.log[:2]
    world.at, world.left = version(at), half("6", "8")
    assert world.back() == "6"


def test_a_rollback_that_was_left_is_brought_to_its_end(world: World) -> None:
    """The same command again means the same."""
    world.left = half("7", "6", back=True)
    assert world.back() == "6"


def test_a_version_from_before_the_log_can_be_gone_back_to_while_the_promotion_keeps_it(world: World) -> None:
    """What was there is known from the note itself."""
    world.at, world.left = version("8"), half("4", "8")
    assert world.back("4") == "4"


def test_a_bad_canary_is_taken_away_once(world: World) -> None:
    """Two runs soaked it: the second must not take the good version away that came in its place."""
    assert "was rolled back, it serves model 6" in canary._withdraw(SITE, version("7"))
    assert "was taken away by somebody else meanwhile" in canary._withdraw(SITE, version("7"))
    assert world.at == version("6")


def test_a_bad_canary_is_left_also_after_a_rollback(world: World) -> None:
    """It came there by one, and failed its soak: whoever is not there can't name a version."""
    world.back()
    assert "it serves model 5" in canary._withdraw(SITE, version("6"))


def test_a_bad_canary_without_a_good_version_is_emptied(world: World) -> None:
    """The first model of all may be the bad one, and nobody is there to be asked."""
    world.log = world.log[2:]
    assert "it serves the first build, without a model" in canary._withdraw(SITE, version("7"))
