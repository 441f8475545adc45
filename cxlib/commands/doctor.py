"""`cx doctor`: does this machine have what a site needs?"""

from __future__ import annotations

import argparse

HELP = "say in one table what this machine lacks for a site, and how to get it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", default="local", help="a folder of sites/ (default: local)")


def run(args: argparse.Namespace) -> int:
    """Print the table; 2 when something is missing."""
    from cxlib import preflight
    from cxlib.settings import load_site

    rows = preflight.checks(load_site(args.site))
    print(preflight.table(rows))
    missing = [row.what for row in rows if not row.ok]
    print(f"\nmissing: {', '.join(missing)}" if missing else "\nready")
    return 2 if missing else 0
