"""The page of `cx status`: one screen, 80 columns, readable without colours."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cxlib.judge import agreement
from cxlib.model.standing import Claim, Environment, Holder, Image, Proof, Standing
from cxlib.report.status import COLUMNS, page

D1, D2 = ("sha256:" + c * 64 for c in "12")
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
PASS = Proof("fast", "staging", "PASS", NOW - timedelta(minutes=12), NOW + timedelta(hours=23))
WELL = Environment(
    "staging", "http://127.0.38.1:8081", installed=True, sync="Synced", health="Healthy", revision="c" * 40,
    wanted=Image(D1, "7", "staging-1.0.7"), serving=Image(D1, "7", "staging-1.0.7"), pods=(D1,), tagged=D1,
    alias="7", proofs=(PASS,), entry=(),
)  # fmt: skip
ABSENT = Environment("production", "http://127.0.38.1:80", installed=False, alias="")


def standing(*environments: Environment, **other: object) -> Standing:
    found = agreement.disagreements(environments, "http://127.0.38.1:8000", "BirdClassificationModel")
    made = Standing("local", NOW, "local:6c1f09ab", environments=environments, down={}, disagreements=found)
    return replace(made, **other)  # type: ignore[arg-type]


def test_page_of_a_site_that_agrees() -> None:
    """Everything that one would otherwise ask five programs for."""
    text = page(standing(WELL, ABSENT), colour=False)
    for expected in (
        "local · local:6c1f09ab · 2026-11-24 06:00 UTC",
        "staging      model 7 from sha256:111111111111 · http://127.0.38.1:8081",
        "  Application  Synced, Healthy, at cccccccc",
        "  tag          staging-1.0.7 -> sha256:111111111111",
        "  evidence     PASS fast of staging, 12 min old, expires in 23 h",
        "  lock         free",
        "production   not installed",
        "✓ all agree",
    ):
        assert expected in text.splitlines()
    assert "✗" not in text


def test_what_disagrees_is_marked_red_and_comes_with_what_mends_it() -> None:
    """Not by colour alone: logs have none, and some eyes neither."""
    broken = standing(replace(WELL, pods=(D1, D2), alias="6"), ABSENT)
    plain, coloured = (page(broken, colour=colour) for colour in (False, True))
    marked = [line for line in plain.splitlines() if line.startswith("✗")]
    assert [line.split()[1] for line in marked] == ["pods", "alias", "staging:", "staging:"]
    assert "mend it: pytest features/ --env=staging" in plain
    assert "\x1b[31m✗ pods" in coloured
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_page_is_at_most_80_columns_wide_and_a_screen_high() -> None:
    """With everything wrong at once, too; commands and hashes are the only words that can't be broken."""
    bad = replace(
        WELL, sync="OutOfSync", health="Degraded", said="a very long message " * 20, serving=None,
        silent="no answer", pods=(D1, D2), tagged=D2, alias="6",
        proofs=(replace(PASS, refused="revoked " * 30),),
        holders=(Holder("promote-model-0123456789ab-1", "Running at smoke", NOW - timedelta(minutes=3)),),
    )  # fmt: skip
    down = {"MLflow": "http://127.0.38.1:8000/api: no answer: " + "refused " * 30}
    names = ("staging", "canary", "production")
    text = page(standing(*(replace(bad, name=name) for name in names), down=down), colour=False)
    assert [line for line in text.splitlines() if len(line) > COLUMNS] == []
    well = page(standing(*(replace(WELL, name=name) for name in names)), colour=False)
    assert len(well.splitlines()) <= 36


def test_lock_says_who_holds_it_since_when() -> None:
    """The loser of two promotions has to know whom to wait for."""
    holders = (
        Holder("promote-model-a-1", "Running at smoke", NOW - timedelta(minutes=3)),
        Holder("promote-model-b-1", "Pending", NOW, waits=True),
    )
    text = " ".join(page(standing(replace(WELL, holders=holders)), colour=False).split())
    assert "held by promote-model-a-1, for 3 min (Running at smoke)" in text
    assert "awaited by promote-model-b-1" in text


def test_half_promotion_that_nobody_finishes_is_marked_at_the_lock() -> None:
    """Free would be a lie: the next promotion finds the note."""
    text = page(
        standing(replace(WELL, claim=Claim("promote-model-a-1", Image("", "6"), Image("", "7")))),
        colour=False,
    )
    assert "✗ lock         kept by promote-model-a-1, which is gone" in text


def test_override_is_shown_as_long_as_it_runs() -> None:
    """Break-glass must not be forgotten: who and why stand beside what it let in."""
    opened = replace(PASS, verdict="OVERRIDE", gate="override", override="ada: the fix can't wait")
    text = page(standing(replace(WELL, entry=(opened,))), colour=False)
    assert "let in by    OVERRIDE, 12 min old, by ada: the fix can't wait" in text


def test_part_that_is_down_is_named_and_the_others_are_still_told() -> None:
    """The morning on which MLflow is down is the one on which this page is needed."""
    found = standing(replace(WELL, alias=None, proofs=None), down={"MLflow": "connection refused"})
    text = page(found, colour=False)
    assert "✗ MLflow: not reachable: connection refused" in text
    assert "  alias        staging -> not told" in text
    assert "  pods         sha256:111111111111" in text
    assert not found.agrees


def test_site_that_is_not_there_is_said_with_the_next_command() -> None:
    """The first thing that a newcomer types."""
    text = page(Standing("local", NOW, exists=False), colour=True)
    assert "There is no site 'local'" in text
    assert "pytest features/" in text
