"""``cx rollback``: an environment back to a version that was good, verified, MLflow's alias included."""

from __future__ import annotations

import argparse

HELP = "take canary or production back to the last version with evidence, or to one of your choice"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which environment, to which version, of which site."""
    parser.add_argument("--env", required=True, choices=("canary", "production"), help="what is rolled back")
    parser.add_argument(
        "--to", metavar="VERSION", help="a model version that served there (default: the last good)"
    )
    parser.add_argument("--site", default="local", help="a folder of sites/ (default: local)")
    parser.add_argument(
        "--confirm", metavar="FINGERPRINT", help="the cluster's fingerprint, as `cx status` shows it"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the environment serves that version, by everyone's word. Raises ``CxError``."""
    from cxlib.settings import load_site
    from cxlib.stage import confirmation, rollback

    site = load_site(args.site)
    confirmation.require(site, args.env, args.confirm)
    found = rollback.roll_back(site, args.env, args.to)
    serves = f"model {found.serving.model_version}" if found.serving.model_version else "the first build"
    how = f"by {', '.join(found.did)}" if found.changed else "nothing changed"
    print(f"{args.env} serves {serves}, {found.serving.digest}: {how}")
    return 0
