"""Drop what the caches hold for other versions of this checkout."""

from __future__ import annotations

import argparse

from cxlib.stage import images, toolchain

HELP = "drop programs and images that this checkout doesn't use from the user's cache"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Takes none."""


def run(_args: argparse.Namespace) -> int:
    gone = toolchain.prune() + images.prune()
    for name in gone:
        print(f"dropped {name}")
    print(f"{len(gone)} dropped; what this checkout uses is kept")
    return 0
