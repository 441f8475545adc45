"""What stages tell while they run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cxlib import progress


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def began(self, stage: str) -> None:
        self.lines.append(f"began {stage}")

    def state(self, waiting_for: str, last: str) -> None:
        self.lines.append(f"state {waiting_for}: {last}")

    def note(self, line: str) -> None:
        self.lines.append(f"note {line}")

    def ended(self, stage: str, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        self.lines.append(f"ended {stage} {outcome}")


@pytest.fixture
def heard() -> Iterator[Heard]:
    listener = Heard()
    before = progress.listen(listener)
    yield listener
    progress.listen(before)


def test_stage_tells_its_beginning_its_states_and_its_end(heard: Heard) -> None:
    """The listener needs no other source."""
    with progress.stage("cluster"):
        progress.state("nodes Ready", "2 of 3")
        progress.note("node2 was restarted")
    assert heard.lines == [
        "began cluster",
        "state nodes Ready: 2 of 3",
        "note node2 was restarted",
        "ended cluster done",
    ]


@pytest.mark.parametrize(("error", "outcome"), [(ValueError, "failed"), (KeyboardInterrupt, "interrupted")])
def test_stage_that_does_not_end_well_says_so(heard: Heard, error: type[BaseException], outcome: str) -> None:
    """An interrupted stage is not a broken one."""
    with pytest.raises(error), progress.stage("cluster"):
        raise error
    assert heard.lines[-1] == f"ended cluster {outcome}"


def test_plain_listener_says_a_state_only_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """A probe every second must not fill a CI log."""
    seldom, often = progress.PlainListener(every=30), progress.PlainListener(every=0)
    seldom.state("nodes", "1 of 3")
    assert capsys.readouterr().err == ""
    often.state("nodes", "2 of 3")
    assert capsys.readouterr().err == "    waiting for nodes: 2 of 3\n"
