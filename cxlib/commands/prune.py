"""Drop what the caches hold for other versions of this checkout."""

from __future__ import annotations

import argparse

from cxlib.stage import images, toolchain

HELP = "drop programs and images that this checkout doesn't use from the user's cache"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Takes none."""


def run(_args: argparse.Namespace) -> int:
    done = toolchain.prune() + images.prune()
    for name in done.gone:
        print(f"dropped {name}")
    for told in done.kept:
        print(f"kept {told}")
    print(f"{len(done.gone)} dropped; what this checkout uses is kept")
    return 0
