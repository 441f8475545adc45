"""What the guides name is what there is."""

from __future__ import annotations

import sys

import pytest

from cxlib.clients import process
from cxlib.harness.tags import TAGS
from cxlib.settings import CHECKOUT

DOCS = CHECKOUT / "docs"


@pytest.mark.parametrize("tag", TAGS)
def test_every_tag_is_in_the_guide_that_calls_any_other_an_error(tag: str) -> None:
    """Whoever writes a scenario reads which there are."""
    assert f"`@{tag}`" in (DOCS / "developer-run.md").read_text()


@pytest.mark.parametrize("command", [["-m", "pytest", "--help"], ["-m", "cxlib.cli", "rollback", "--help"]])
def test_confirm_wants_what_the_guides_call_a_fingerprint(command: list[str]) -> None:
    """`cx status` shows it under that name; another one would be looked for in vain."""
    said = process.run([sys.executable, *command], timeout=60, cwd=CHECKOUT).stdout
    assert "--confirm FINGERPRINT" in said.replace("=", " ")
    for guide in ("sites.md", "promotion.md"):
        assert "`--confirm=<fingerprint>`" in (DOCS / guide).read_text()
