"""Build what the site is made of: programs, and images unless told otherwise."""

from __future__ import annotations

import argparse

from cxlib import preflight
from cxlib.stage import images, toolchain

HELP = "build the toolchain (and, with --images, the images) into the user's cache"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images", action="store_true", help="build the images as well; else the first run does"
    )


def run(args: argparse.Namespace) -> int:
    preflight.require_to_build()
    built = toolchain.ensure()
    if args.images:
        built += images.ensure()
    print(f"built {', '.join(built)}" if built else "toolchain: all in place")
    return 0
