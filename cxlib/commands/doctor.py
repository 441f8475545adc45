"""`cx doctor`: does this machine have what a site needs?"""

from __future__ import annotations

import argparse

HELP = "say in one table what this machine lacks for a site, and how to get it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", default="local", help="a folder of sites/ (default: local)")
    parser.add_argument("--brief", action="store_true", help="print only what is missing")


def run(args: argparse.Namespace) -> int:
    """Print the table; 2 when something is missing."""
    from cxlib import preflight
    from cxlib.settings import load_site

    rows = preflight.checks(load_site(args.site))
    missing = [row for row in rows if not row.ok]
    if shown := missing if args.brief else rows:
        print(preflight.table(shown))
    if missing or not args.brief:
        print(f"\nmissing: {', '.join(row.what for row in missing)}" if missing else "\nready")
    return 2 if missing else 0
