"""What a rollback goes back to, where no other version ever served."""

from __future__ import annotations

import pytest

from cxlib.clients.kube import Kube
from cxlib.errors import ConfigError
from cxlib.settings import load_site
from cxlib.stage import model, promotion_log, rollback
from cxlib.stage.environment import Candidate

EMPTY = Candidate("0", f"sha256:{'0' * 64}")
NOW = Candidate("1", f"sha256:{'1' * 64}")


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Kube:
    """A cluster that is asked for the first build's digest only; nothing was promoted."""
    monkeypatch.setattr(promotion_log, "events", lambda site, name: [])
    monkeypatch.setattr(model, "image_digest", lambda kube, tag: {"canary-1.0.0": EMPTY.digest}.get(tag))
    return Kube(load_site("local").kubeconfig)


def test_a_person_is_told_how_to_empty_the_canary(kube: Kube) -> None:
    """They asked for a version that was good; there is none, and no model may not be what they want."""
    with pytest.raises(ConfigError, match=r"cx rollback --env=canary --to 0"):
        rollback.choose(load_site("local"), kube, "canary", NOW, None)


def test_a_canary_that_turned_bad_is_emptied(kube: Kube) -> None:
    """The first model of all may be the bad one, and nobody is there to be asked."""
    assert rollback.choose(load_site("local"), kube, "canary", NOW, None, or_empty=True) == EMPTY


def test_production_is_never_emptied(kube: Kube) -> None:
    """Whoever calls has to bring a version."""
    with pytest.raises(ConfigError, match="no other version was promoted there"):
        rollback.choose(load_site("local"), kube, "production", NOW, None, or_empty=True)
