"""`cx sweep`: remove what a killed run left behind."""

from __future__ import annotations

import argparse
import sys

HELP = "list what killed runs left behind on a site; with --delete, remove it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", default="local", help="a folder of sites/ (default: local)")
    parser.add_argument("--delete", action="store_true", help="remove it")


def run(args: argparse.Namespace) -> int:
    """0 when nothing is left, or all of it was removed; 1 otherwise. A living run's things are left alone."""
    from cxlib import journal
    from cxlib.errors import CxError
    from cxlib.settings import load_site

    site = load_site(args.site)
    orphans = [entry for entry in journal.left(site) if not entry.owner_lives]
    still = len(orphans)
    for entry in orphans:
        print(f"{entry.at}  {entry.kind}  {entry.name}", end="" if args.delete else "\n", flush=True)
        if not args.delete:
            continue
        try:
            journal.undo(site, entry)
        except CxError as exc:
            print("  not removed")
            print(f"cx sweep: {entry.kind} {entry.name}: {exc}", file=sys.stderr)
        else:
            print("  removed")
            still -= 1
    if not orphans:
        print("nothing is left behind")
    elif not args.delete:
        print("remove it with: cx sweep --delete")
    return 1 if still else 0
