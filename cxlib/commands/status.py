"""`cx status`: one page of truth about a site."""

from __future__ import annotations

import argparse
import json
import os
import sys

HELP = "say what each environment runs and what was proven, and where that disagrees"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", default="local", help="a folder of sites/ (default: local)")
    parser.add_argument("--json", action="store_true", help="the same for machines, on stdout")


def run(args: argparse.Namespace) -> int:
    """0 when everything agrees, 1 when something disagrees, does not answer, or there is no site."""
    from cxlib.report import status as report
    from cxlib.settings import load_site
    from cxlib.stage import status

    standing = status.standing(load_site(args.site))
    if args.json:
        print(json.dumps(standing.as_json(), indent=1, ensure_ascii=False))
    else:
        print(report.page(standing, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    sys.stdout.flush()
    return 0 if standing.agrees else 1
