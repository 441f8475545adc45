"""What a disturbed change of production is held to, and that an outage takes away all that it brought."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from cxlib.clients import process
from cxlib.errors import ConfigError, StageFailed
from cxlib.model.standing import Claim, Environment, Image
from cxlib.settings import load_site
from cxlib.stage import hostile, outage
from cxlib.stage.caller import Heard
from cxlib.stage.environment import Candidate
from cxlib.stage.hostile import Change

OLD, NEW = Candidate("6", "sha256:" + "6" * 64), Candidate("7", "sha256:" + "7" * 64)


def ended(serves: Candidate, code: int | None = 0, **seen: object) -> Change:
    """A change from OLD to NEW after which production serves ``serves``."""
    now = Environment("production", "http://127.0.0.1", serving=Image(serves.digest, serves.version))
    heard = Heard(asked=100, digests=[OLD.digest, serves.digest])
    return Change(OLD, NEW, code, "last words", heard, replace(now, **seen))  # type: ignore[arg-type]


@pytest.mark.parametrize(("serves", "code"), [(NEW, 0), (OLD, 1), (OLD, None), (NEW, None)])
def test_all_new_and_all_old_are_whole(serves: Candidate, code: int | None) -> None:
    """A command that was killed promised nothing; its workflow may have got to either end."""
    assert hostile.require_whole(ended(serves, code)) == serves


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (ended(Candidate("5", "sha256:" + "5" * 64)), "model 5"),
        (ended(Candidate("7", OLD.digest)), "model 7"),
        (ended(NEW, claim=Claim("promote-1", Image(), Image())), "promote-1"),
        (ended(NEW, 1), "the command"),
        (ended(OLD, 0), "the command"),
        (replace(ended(NEW), heard=Heard(9, digests=[OLD.digest, "sha256:x", NEW.digest])), "sha256:x"),
    ],
)
def test_half_is_seen(change: Change, why: str) -> None:
    """A third image, a mix, a claim that is left, a command that says the contrary of what is."""
    with pytest.raises(StageFailed, match=why):
        hostile.require_whole(change)


def test_a_caller_that_failed_once_is_seen() -> None:
    """One failed request in a hundred is an interruption."""
    harmed = replace(ended(NEW), heard=Heard(100, failures=["HTTP 503"]))
    with pytest.raises(StageFailed, match="HTTP 503"):
        hostile.require_unharmed(harmed)


@pytest.mark.skipif(os.geteuid() != 0, reason="firewall rules need root")
def test_an_outage_takes_its_rules_away() -> None:
    """Asked of the kernel, in a network of the test's own: two rules while it lasts, none after it."""
    cut = outage._dropped("node1", "192.0.2.7 -p tcp --dport 8000")
    program = f"{cut.begin}; iptables -S; echo over; {cut.end}; iptables -S"
    told = process.run(["unshare", "--net", "sh", "-ec", program], timeout=30).stdout
    during, after = told.split("over")
    assert during.count("-d 192.0.2.7/32 -p tcp -m tcp --dport 8000 -j DROP") == 2
    assert "DROP" not in after


def test_an_unknown_part_and_a_protected_site_are_refused() -> None:
    """Before anything is asked of the site."""
    site = load_site("local")
    with pytest.raises(ConfigError, match="the registry, MLflow, git, the API server"):
        outage.begin(site, None, "the coffee machine", 60)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="protected"):
        outage.begin(site.model_copy(update={"protected": True}), None, "git", 60)  # type: ignore[arg-type]
