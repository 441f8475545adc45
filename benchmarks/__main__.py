"""Measure and print ``what | measured | reach | ok``; exit 1 if a figure is missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks import (
    collection,
    delivery,
    evidence,
    footprint,
    generator,
    judging,
    load,
    promotions,
    reporting,
    setup,
    staging,
    status,
    suite,
    toolchain,
)
from benchmarks.figure import Figure
from cxlib.errors import CxError

MEASURES: dict[str, Callable[[], list[Figure]]] = {
    "collection": collection.measure,
    "setup": setup.measure,
    "footprint": footprint.measure,
    "stored": staging.stored,
    "status": status.measure,
    "promotions": promotions.stored,
    "reporting": reporting.measure,
    "load": load.measure,
    "judging": judging.measure,
    "generator": generator.measure,
    "evidence": evidence.measure,
    "toolchain": toolchain.measure,
    "suite": suite.measure,
    "staging": staging.measure,
    "delivery": delivery.measure,
}
# What needs minutes of a site that may be in use runs only when it is named.
UNASKED = [name for name in MEASURES if name not in ("staging", "delivery")]
MARKS = {True: "yes", False: "NO", None: "-"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], help=f"default: {' '.join(UNASKED)}")
    figures = []
    for name in parser.parse_args().names or UNASKED:
        sys.stderr.write(f"measuring: {name}\n")
        try:
            figures += MEASURES[name]()
        except CxError as exc:
            figures.append(Figure(name, str(exc).splitlines()[0], "an answer", False))
    sys.stdout.write(table(figures))
    return int(any(figure.ok is False for figure in figures))


def table(figures: list[Figure]) -> str:
    """The figures in columns as wide as they need."""
    rows = [("what", "measured", "reach", "ok")]
    rows += [(f.what, f.measured, f.reach or "-", MARKS[f.ok]) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return "".join(f"{line.rstrip()}\n" for line in lines)


sys.exit(main())
