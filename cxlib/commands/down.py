"""Take a site down."""

from __future__ import annotations

import argparse

from cxlib import settings
from cxlib.stage import site as stage

HELP = "take the site down: no container, network, volume, route or firewall rule is left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", default="local", help="which site (default: local)")


def run(args: argparse.Namespace) -> int:
    left = stage.destroy(settings.load_site(args.site))
    for thing in left:
        print(f"left behind: {thing}")
    if not left:
        print(f"site '{args.site}' is down; nothing is left but its caches and keys")
    return 1 if left else 0
