"""Messages that people act on."""

from __future__ import annotations

import pytest

from cxlib.errors import (
    ConfigError,
    CxError,
    GateClosed,
    PreflightFailed,
    ProcessFailed,
    StageFailed,
    WaitTimedOut,
    duration,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (0.42, "0.4s"),
        (1.0, "1s"),
        (59.6, "1m00s"),
        (302, "5m02s"),
        (3600, "1h00m"),
        (7380, "2h03m"),
    ],
)
def test_duration_reads_as_people_write_it(seconds: float, text: str) -> None:
    """`302.417` makes a person calculate."""
    assert duration(seconds) == text


def test_message_of_a_wait_says_wanted_seen_and_how_long() -> None:
    """Without the last state seen, a timeout only says that somebody was impatient."""
    error = WaitTimedOut("canary", wanted="Healthy", seen="Progressing", within=300, after=302)
    assert str(error) == "canary: wanted Healthy within 5m00s, saw Progressing after 5m02s"
    assert (error.what, error.wanted, error.seen) == ("canary", "Healthy", "Progressing")


def test_message_of_a_process_never_holds_more_than_the_first_arguments() -> None:
    """Later arguments may be long, and they are in the log."""
    error = ProcessFailed(["a", "b", "c", "d", "e"], 3, "last words\n")
    assert str(error) == "a b c d: exit 3\nlast words"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("--site", "no such", "Use local"), 2),
        (PreflightFailed("no podman"), 2),
        (StageFailed("x", wanted="a", seen="b"), 1),
        (GateClosed("FAIL", 3), 3),
    ],
)
def test_exit_code_says_whose_fault_it_is(error: CxError, code: int) -> None:
    """CI tells a wrong input (2) from a failed run (1) and a closed gate (3 to 5)."""
    assert error.exit_code == code
