"""Somebody else's hands at an environment while it is promoted to: what they set is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cxlib.clients import argocd
from services.pipeline import model, promotion
from services.pipeline.cluster import Cluster
from services.pipeline.target import Wanted
from services.pipeline.undoing import Undone
from tests.cluster.faults import with_act, with_acts
from tests.cluster.promotion_site import PACE, Staged, order
from tests.tiers import further


class Injected(Exception):
    """The fault."""


def fail() -> None:
    raise Injected("the fault")


@dataclass(frozen=True)
class Interrupted(Cluster):
    """A cluster in which ``meddle`` is called once, after an Application to be pointed elsewhere was read."""

    meddle: Callable[[], object] = lambda: None
    done: list[bool] = field(default_factory=list)

    def patch_application(self, name: str, change: dict[str, Any], version: str) -> dict[str, Any]:
        if "spec" in change and not self.done:
            self.done.append(True)
            self.meddle()
        return super().patch_application(name, change, version)


def by_hand(staged: Staged) -> Wanted:
    """Somebody points the canary's Application at something third; what at."""
    third = Wanted("canary", staged.stand.version(), "canary-by-hand", staged.stand.image("by hand"))
    spec = {"source": {"helm": {"parameters": third.parameters}}}
    staged.stand.kube.patch("Application", third.application, argocd.NAMESPACE, {"spec": spec})
    return third


def pointed(third: Wanted) -> dict[str, str]:
    return {"version": third.version, "digest": third.digest, "tag": third.tag}


@pytest.mark.parametrize("step", ["alias", further("synced")])
def test_an_alias_that_somebody_moved_meanwhile_is_left_alone_and_named(staged: Staged, step: str) -> None:
    """It is neither the promotion's nor what was recorded: all else is undone, and the log names it."""
    other = staged.stand.version()

    def meddle() -> None:
        model.set_alias(staged.stand.mlflow, "canary", other)

    asked = order("canary", staged.version)
    with pytest.raises(Undone, match=f"set it meanwhile: alias canary: version {other}; undone: canary at"):
        with_act(step, meddle, lambda: promotion.run(asked, staged.stand.world()))
    assert staged.stand.seen("canary") == staged.old() | {"alias": other}
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") is None
    assert f"alias canary: version {other}" in staged.stand.params(asked.uid)["why"]


def test_an_edit_between_the_look_and_the_write_is_not_written_over(staged: Staged) -> None:
    """The write is refused when the Application changed, and what is there now is compared anew."""
    made: list[Wanted] = []
    world = staged.stand.world()
    where = world.cluster
    cluster = Interrupted(
        where.url, where.token_file, where.ca_file, meddle=lambda: made.append(by_hand(staged))
    )
    asked = order("canary", staged.version)
    with pytest.raises(
        Undone, match="birdclef-canary: wanted as it was recorded, saw canary at canary-by-hand"
    ):
        promotion.run(asked, replace(world, cluster=cluster))
    (third,) = made
    seen = staged.stand.seen("canary")
    assert seen.items() >= pointed(third).items()
    assert (seen["alias"], seen["claim"]) == (staged.old_version, None)
    assert "the Application: canary at canary-by-hand" in staged.stand.params(asked.uid)["why"]


def test_what_somebody_deployed_meanwhile_is_not_undone(staged: Staged) -> None:
    """The promotion fails by it, and takes back what is its own."""
    made: list[Wanted] = []
    world = staged.stand.world(pace=replace(PACE, served=0.5))
    asked = order("canary", staged.version)
    with pytest.raises(Undone, match="set it meanwhile: the Application: canary at canary-by-hand"):
        with_act("served", lambda: made.append(by_hand(staged)), lambda: promotion.run(asked, world))
    (third,) = made
    seen = staged.stand.seen("canary")
    assert seen.items() >= pointed(third).items()
    assert (seen["alias"], seen["claim"]) == (staged.old_version, None)
    assert staged.stand.tagged(f"canary-1.0.{staged.version}") is None


def test_a_tag_that_somebody_moved_meanwhile_is_left_alone_and_named(staged: Staged) -> None:
    """Nothing follows it; it says what somebody wanted it to."""
    other, tag = staged.stand.image("other"), f"canary-1.0.{staged.version}"

    def meddle() -> None:
        staged.stand.tag(tag, staged.stand.manifest(other))

    asked = order("canary", staged.version)
    with pytest.raises(Undone, match=f"set it meanwhile: tag {tag}: {other}"):
        with_acts({"smoke": meddle, "alias": fail}, lambda: promotion.run(asked, staged.stand.world()))
    assert staged.stand.seen("canary") == staged.old()
    assert staged.stand.tagged(tag) == other
