"""What is new since last night, how long a check has been red, and how often it flips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

from cxlib.model.night import History, Night

WINDOW = 30  # nights that flips are counted in
_STRIP = 14


def history(nights: Sequence[Night]) -> tuple[History, ...]:
    """Every check of the newest of ``nights``, which are in order of time; red ones first, then those mended.

    A night that didn't ask a check says nothing about it. Empty without nights.
    """
    if not nights:
        return ()
    found = [_of(check, nights) for check in nights[-1].checks]
    return tuple(sorted(found, key=lambda one: (not one.red, one.change != "mended", -one.flips)))


def _of(check: str, nights: Sequence[Night]) -> History:
    asked = [night for night in nights if check in night.checks]
    reds = [bool(night.checks[check]) for night in asked]
    streak = len(list(takewhile(bool, reversed(reds))))
    recent = reds[-WINDOW:]
    return History(
        check=check,
        red=reds[-1],
        change=_change(reds),
        since=asked[-streak].at if streak else None,
        nights=streak,
        flips=sum(a != b for a, b in pairwise(recent)),
        of=len(recent),
        strip="".join("✗" if red else "✓" for red in reds[-_STRIP:]),
        cause=asked[-1].checks[check],
    )


def _change(reds: Sequence[bool]) -> str:
    now, before = reds[-1], reds[-2] if len(reds) > 1 else None
    if now:
        return "first seen" if before is None else "still" if before else "new"
    return "mended" if before else ""


def told(one: History) -> str:
    """``one`` in a line: ``new``, ``red for 3 nights, since 2026-11-21``, ``mended``; and how it flips."""
    parts = {
        "new": "new since last night",
        "first seen": "red, first night",
        "still": f"red for {one.nights} nights, since {one.since:%Y-%m-%d}" if one.since else "",
        "mended": "mended",
        "": "green",
    }[one.change]
    flips = f", flipped {one.flips} times in {one.of} nights" if one.flips > 1 else ""
    return parts + flips
