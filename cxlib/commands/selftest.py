"""`cx selftest`: does the gate close on what it has to close on?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxlib.stage.selftest import Outcome

HELP = "put faults between load and service and see the gate close on each"
_WIDE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--site", help="a folder of sites/: against its staging (default: a small service here)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the run folders go (default: .cx/runs)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 when a verdict differs from what is wanted."""
    from cxlib.settings import load_site
    from cxlib.stage import selftest

    site = load_site(args.site) if args.site else None
    outcomes = selftest.run(selftest.new_folder(args.out), site=site)
    print(table(outcomes))
    wrong = [o.case.name for o in outcomes if not o.ok]
    print(f"\nnot as wanted: {', '.join(wrong)}" if wrong else f"\nall {len(outcomes)} as wanted")
    print(f"run folders: {outcomes[0].folder.parent}")
    return 1 if wrong else 0


def table(outcomes: Sequence[Outcome]) -> str:
    """One case a line: what was done, the verdict wanted, the verdict seen, and why."""
    rows = [("", "done to the load", "wanted", "seen", "reason")]
    for o in outcomes:
        rows.append(("" if o.ok else "!", o.case.did, o.case.wanted.value, o.said, _short(o.reason)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(r, widths, strict=False)), r[4]]) for r in rows)


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _WIDE else line[: _WIDE - 1] + "…"
