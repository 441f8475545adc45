"""What the harness reads of the note that the workflows write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from cxlib.model.standing import Claim, Image
from cxlib.stage import claim
from services.pipeline import claim as written
from services.pipeline.target import Wanted

SIX, SEVEN = (Wanted("canary", n, f"canary-1.0.{n}", f"sha256:{n * 64}") for n in "67")
NOTE = written.Claim(
    "promote-model-1", "uid", "token", datetime(2026, 11, 24, tzinfo=UTC), SEVEN,
    written.Before(SIX.parameters, None, "6", served=True), source="staging",
)  # fmt: skip


def read(text: str | None) -> Claim | None:
    annotations = {written.UNDER_WAY: text} if text is not None else None
    return claim.of({"metadata": {"annotations": annotations}})


def image(of: Wanted) -> Image:
    return Image(of.digest, of.version, of.tag)


def test_what_a_workflow_writes_is_read() -> None:
    """Whence, whither, and whether it rolls back: the command that ends it goes by that."""
    assert read(NOTE.text) == Claim("promote-model-1", image(SIX), image(SEVEN))
    back = replace(NOTE, source="", to=SIX, before=replace(NOTE.before, parameters=SEVEN.parameters))
    assert read(back.text) == Claim("promote-model-1", image(SEVEN), image(SIX), back=True)


def test_the_first_build_is_no_model() -> None:
    """It is called 0 there, and has no version here."""
    first = Wanted("canary", "0", "canary-1.0.0", f"sha256:{'0' * 64}")
    found = read(replace(NOTE, before=replace(NOTE.before, parameters=first.parameters)).text)
    assert found is not None
    assert (found.before.model_version, found.before.digest) == ("", first.digest)


def test_a_note_that_cannot_be_read_is_somebodys() -> None:
    """Free would be a lie; without one it is."""
    for text in ("{", "[]", '{"workflow": "w"}', '{"before": 7}'):
        assert read(text) == Claim("something", Image(), Image())
    assert read(None) is None
