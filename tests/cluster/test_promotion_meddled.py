"""Somebody else's hands at an environment while it is promoted to: what they set is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cxlib.clients import argocd
from cxlib.errors import StageFailed
from services.pipeline import model, promotion
from services.pipeline.claim import Stale
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


def deleted(staged: Staged) -> None:
    staged.stand.kube.delete("Application", "birdclef-canary", argocd.NAMESPACE)


def made_anew(staged: Staged) -> None:
    """Deleted, and made again as a harness's run makes it."""
    app = staged.stand.kube.get("Application", "birdclef-canary", argocd.NAMESPACE) or {}
    deleted(staged)
    metadata = {"name": "birdclef-canary", "namespace": argocd.NAMESPACE}
    argocd.ensure(
        staged.stand.kube,
        {"apiVersion": app["apiVersion"], "kind": app["kind"], "metadata": metadata, "spec": app["spec"]},
        {"image.tag": "canary-1.0.0", "image.digest": "", "model.version": ""},
    )


def left(staged: Staged) -> tuple[str | None, str | None]:
    """What a promotion has besides the Application: the alias, and the digest of its tag."""
    stand = staged.stand
    return model.alias_version(stand.mlflow, "canary"), stand.tagged(f"canary-1.0.{staged.version}")


@pytest.mark.parametrize(
    ("go", "said"),
    [
        (deleted, "the Application is gone"),
        (made_anew, "the Application is gone, another was made in its place"),
    ],
)
def test_an_application_that_is_deleted_takes_no_half_promotion_with_it(
    staged: Staged, go: Callable[[Staged], None], said: str
) -> None:
    """The claim is gone, but who held it knows what was: alias and tag go back, and that is noted."""
    asked, world = order("canary", staged.version), staged.stand.world()
    with pytest.raises(Undone, match=f"; undone, {said}$"):
        with_act("agree", lambda: go(staged), lambda: promotion.run(asked, world))
    assert left(staged) == (staged.old_version, None)
    (noted,) = staged.stand.ended(asked.uid)
    assert noted["cx.outcome"] == "undone"
    assert said in staged.stand.params(asked.uid)["why"]
    if go is deleted:
        assert promotion.settle(asked.uid, "canary", "Failed", world) == "undone"


def test_an_application_that_is_deleted_during_an_undoing_is_no_harm(staged: Staged) -> None:
    """What is left to be undone is undone."""
    asked, world = order("canary", staged.version), staged.stand.world()
    acts = {"agree": fail, "undo application": lambda: deleted(staged)}
    with pytest.raises(Undone, match="the fault; undone, the Application is gone"):
        with_acts(acts, lambda: promotion.run(asked, world))
    assert left(staged) == (staged.old_version, None)


def test_what_was_promoted_to_the_new_application_is_not_undone(staged: Staged) -> None:
    """The one who wakes up late has nothing to put back there."""
    asked, world = order("canary", staged.version), staged.stand.world()

    def taken() -> None:
        made_anew(staged)
        promotion.run(order("canary", staged.version), world)

    with pytest.raises(Stale):
        with_act("agree", taken, lambda: promotion.run(asked, world))
    assert staged.stand.seen("canary") == staged.new()


class Killed(BaseException):
    """As SIGKILL ends a process: nothing of ours runs any more."""


def test_a_promotion_that_was_killed_and_lost_its_application_is_not_told_as_settled(staged: Staged) -> None:
    """What it had recorded is gone with the Application; that there is nothing to settle would be a guess."""
    asked, world = order("canary", staged.version), staged.stand.world()

    def die() -> None:
        deleted(staged)
        raise Killed

    with pytest.raises(Killed):
        with_act("agree", die, lambda: promotion.run(asked, world))
    with pytest.raises(StageFailed, match=f"it is gone; alias canary names version {staged.version}"):
        promotion.settle(asked.uid, "canary", "Failed", world)
