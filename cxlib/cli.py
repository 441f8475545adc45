"""`cx`: what is done beside the features. One file a verb in `cxlib/commands`."""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cxlib import commands
from cxlib.ending import Ending
from cxlib.errors import CxError

INTERRUPTED = 130
PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; its exit code. An error of ours is one message on stderr, never a traceback.

    SIGTERM and a closed terminal end it as Ctrl-C does: whatever it has started is ended first.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal of few letters shows the others' numbers
        sys.stdout.reconfigure(errors="backslashreplace")
    argv = list(sys.argv[1:] if argv is None else argv)
    verbs = _verbs()
    parser = argparse.ArgumentParser(prog="cx", description=__doc__)
    choice = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, path in verbs.items():
        known = choice.add_parser(verb, help=_help(path), description=_help(path))
        if verb in argv[:1]:
            importlib.import_module(f"{commands.__name__}.{verb}").add_arguments(known)
    args = parser.parse_args(argv)
    ending = Ending()
    ending.install()
    try:
        code = _act(args)
    finally:
        ending.restore()
    ending.leave_no_one(INTERRUPTED)
    return code


def _act(args: argparse.Namespace) -> int:
    try:
        return int(importlib.import_module(f"{commands.__name__}.{args.verb}").run(args))
    except CxError as exc:
        print(f"cx {args.verb}: {exc}", file=sys.stderr)
        return exc.exit_code
    except BrokenPipeError:  # who reads has enough, as in `cx status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes what is left when it ends
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print(f"cx {args.verb}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _verbs() -> dict[str, Path]:
    folder = Path(commands.__file__ or "").parent
    return {path.stem: path for path in sorted(folder.glob("[!_]*.py"))}


def _help(path: Path) -> str:
    """The verb's HELP, read without importing it: `cx --help` stays quick."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if (
            isinstance(target, ast.Name)
            and target.id == "HELP"
            and isinstance(node, ast.Assign | ast.AnnAssign)
        ):
            return str(ast.literal_eval(node.value)) if node.value else ""
    return ""


if __name__ == "__main__":
    sys.exit(main())
