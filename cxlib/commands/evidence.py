"""``cx evidence``: what signed evidence proves, and what there is of it."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxlib.evidence.statement import Statement
    from cxlib.stage.ledger import Entry

HELP = "verify signed evidence of a gate, or list what MLflow keeps"
NOT_PROVEN = 3
_PEM_BYTES = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two verbs: verify a file without a cluster, and list what there is."""
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    told = "what an evidence.json proves, or why it is refused (exit 0 a PASS that counts, 3 anything else)"
    one = verbs.add_parser("verify", help=told, description=told)
    one.add_argument("file", type=Path, metavar="FILE", help="the evidence.json")
    one.add_argument("--digest", metavar="D", help="it must be about this image, sha256:…")
    one.add_argument("--gate", type=Path, metavar="FILE", help="it must be of this gate file's very text")
    one.add_argument("--env", metavar="E", help="it must be of this environment")
    one.add_argument("--fingerprint", metavar="F", help="it must be of this site, such as local:6c1f09ab")
    one.add_argument("--samples", type=Path, metavar="FILE", help="it must be about these samples")
    one.add_argument("--run", type=Path, metavar="FILE", help="it must be about this run.json")
    one.add_argument("--public-key", type=Path, metavar="FILE", help="PEM (default: the site's own)")
    one.add_argument("--site", default="local", help="whose key (default: local)")
    one.add_argument("--json", action="store_true", help="for machines")
    listed = "what MLflow keeps: verdict, age, expiry, and whether it counts"
    many = verbs.add_parser("list", help=listed, description=listed)
    many.add_argument("--env", default="", metavar="E", help="of this environment only")
    many.add_argument("--digest", default="", metavar="D", help="about this image only")
    many.add_argument("--most", type=int, default=30, metavar="N", help="the newest N (default: 30)")
    many.add_argument("--site", default="local", help="which site (default: local)")
    many.add_argument("--json", action="store_true", help="for machines")


def run(args: argparse.Namespace) -> int:
    """Exit code. Raises ``ConfigError`` on wrong input and ``EvidenceRefused`` on bad evidence."""
    return _list(args) if args.what == "list" else _verify(args)


def _verify(args: argparse.Namespace) -> int:
    from cxlib.evidence import envelope
    from cxlib.evidence.statement import EvidenceRefused

    raw = _read(args.file, envelope.MOST_BYTES + 1, "Name an evidence.json")
    asked = _asked(args)
    key = _public_key(args)
    try:
        proven, against = envelope.verify(raw, key), []
        against = _against(proven, asked, datetime.now(UTC))
    except EvidenceRefused as exc:
        proven, against = None, list(exc.reasons)
    if args.json:
        print(json.dumps({"counts": not against, "reasons": against, "statement": _plain(proven)}, indent=1))
    else:
        print(_told(proven, against, envelope.keyid(key)))
    return NOT_PROVEN if against else 0


def _asked(args: argparse.Namespace) -> dict[str, str]:
    """What the options ask for, read before anything is judged."""
    import hashlib

    from cxlib.clients import gatefile
    from cxlib.errors import ConfigError
    from cxlib.evidence import rules
    from cxlib.stage.gate import text

    asked = {"digest": args.digest, "environment": args.env, "site": args.fingerprint}
    if args.gate:
        gate = gatefile.read(args.gate)
        asked |= {
            "gate": gate.name,
            "gate_sha256": rules.gate_sha256(gate.name, text([c.text for c in gate.criteria], gate.load)),
        }
    for option, path, name in (("samples", args.samples, "samples_sha256"), ("run", args.run, "run_sha256")):
        if path:
            try:
                asked[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as exc:
                raise ConfigError(f"--{option}", f"{path}: {exc.strerror}", "Name the file itself") from exc
    return {name: value for name, value in asked.items() if value}


def _against(proven: Statement, asked: dict[str, str], now: datetime) -> list[str]:
    """All that speaks against a statement whose signature is good."""
    from cxlib.evidence import rules

    said = {
        "digest": ("it is about another image", proven.subject.digest),
        "environment": ("it is of another environment", proven.environment),
        "site": ("it is of another site", proven.site),
        "gate": ("it is of another gate", proven.gate),
        "gate_sha256": ("the gate's text has changed since", proven.gate_sha256),
        "samples_sha256": ("it is about other samples", proven.samples_sha256),
        "run_sha256": ("it is about another run.json", proven.run_sha256),
    }
    found = [
        f"{said[name][0]}: {said[name][1] or 'none'}, asked for {value}"
        for name, value in asked.items()
        if said[name][1] != value
    ]
    void = rules.void(proven, environment=proven.environment, site=proven.site, now=now)
    found += [void] if void else []
    if proven.verdict != "PASS":
        found.append(f"the gate's verdict is {proven.verdict}: {proven.reason}")
    return found


def _told(proven: Statement | None, against: list[str], keyid: str) -> str:
    lines = [f"REFUSED: {why}" for why in against] or ["This is proven:"]
    if proven:
        lines += [f"  {name:<11} {value}" for name, value in _facts(proven).items()]
        lines += [f"  {c.get('verdict')!s:<14}  {c.get('text')}: {c.get('reason')}" for c in proven.criteria]
        lines.append(f"signed with key {keyid[:16]}…; later FAILs are known to MLflow only: cx evidence list")
    return "\n".join(lines)


def _facts(proven: Statement) -> dict[str, str]:
    image = proven.subject.digest or "unknown: nothing answered"
    facts = {
        "gate": f"{proven.gate} in {proven.environment} of {proven.site}",
        "verdict": f"{proven.verdict}: {proven.reason}",
        "image": f"{image}, model version {proven.subject.model_version or 'unknown'}",
        "finished": f"{proven.finished:%Y-%m-%d %H:%M:%S} UTC",
        "expires": f"{proven.expires:%Y-%m-%d %H:%M:%S} UTC",
        "gate text": f"sha256 {proven.gate_sha256}",
        "samples": f"sha256 {proven.samples_sha256}" if proven.samples_sha256 else "none",
        "run.json": f"sha256 {proven.run_sha256}" if proven.run_sha256 else "none",
        "commit": proven.commit or "unknown",
    }
    if proven.override:
        facts["override"] = f"to {proven.override.target_environment} by {proven.override.who}"
    return facts


def _public_key(args: argparse.Namespace) -> bytes:
    from cxlib import settings
    from cxlib.errors import ConfigError
    from cxlib.evidence import envelope
    from cxlib.evidence.statement import EvidenceRefused
    from cxlib.stage import identity

    if not args.public_key:
        site = settings.load_site(args.site)
        if not identity.key_file(site).exists():
            fix = "Name one with --public-key FILE"
            raise ConfigError("--public-key", f"site '{site.name}' has no key on this machine", fix)
        return identity.public_key(site)
    pem = _read(args.public_key, _PEM_BYTES, "Name a public key in PEM")
    try:
        envelope.keyid(pem)
    except EvidenceRefused as exc:
        raise ConfigError(str(args.public_key), str(exc), "Give an ed25519 public key in PEM") from exc
    return pem


def _read(path: Path, most: int, fix: str) -> bytes:
    from cxlib.errors import ConfigError

    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as exc:
        raise ConfigError(str(path), f"it cannot be read: {exc.strerror}", fix) from exc


def _list(args: argparse.Namespace) -> int:
    from cxlib import settings
    from cxlib.errors import ConfigError
    from cxlib.stage import ledger

    if args.env and args.env not in settings.ENVIRONMENTS:
        known = ", ".join(settings.ENVIRONMENTS)
        raise ConfigError("--env", f"there is no environment '{args.env}'", f"Use one of: {known}")
    if args.most < 1:
        raise ConfigError("--most", f"{args.most} entries", "Ask for one or more")
    site = settings.load_site(args.site)
    found = ledger.entries(site, environment=args.env, digest=args.digest, most=args.most)
    if args.json:
        print(json.dumps([_row(entry) for entry in found], indent=1))
    else:
        _table(found, datetime.now(UTC))
    return 0


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "run": entry.run.run_id,
        "state": entry.state.value,
        "why": entry.why,
        "tags": {k: v for k, v in entry.run.tags.items() if k.startswith("cx.")},
        "statement": _plain(entry.statement),
    }


def _table(entries: list[Entry], now: datetime) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not entries:
        print("MLflow keeps no gate of that kind")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("gate", "environment", "verdict", "state", "age", "expires", "model", "image", "run"):
        table.add_column(column, no_wrap=True)
    for entry in entries:
        style = {"valid": "green", "expired": "yellow"}.get(entry.state.value, "red")
        cells = _cells(entry, now)
        table.add_row(*(Text(cell, style=style if cell == entry.state.value else "") for cell in cells))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    for entry in entries:
        if entry.why:
            print(f"{entry.run.run_id[:8]} is {entry.state.value}: {entry.why}")


def _cells(entry: Entry, now: datetime) -> list[str]:
    """Signed facts where there are any; else what the run's tags claim, in brackets."""
    from cxlib.errors import duration

    state, run = entry.state.value, entry.run.run_id[:8]
    one = entry.statement
    if one is None:
        claims = [entry.run.tags.get(f"cx.{n}", "") for n in ("gate", "environment", "verdict")]
        age = duration(max(0.0, (now - entry.run.started).total_seconds()))
        return [*(f"({claim})" for claim in claims), state, age, "", "", "", run]
    age = duration(max(0.0, (now - one.finished).total_seconds()))
    left = (one.expires - now).total_seconds()
    expires = f"in {duration(left)}" if left > 0 else f"{duration(-left)} ago"
    image = one.subject.digest.removeprefix("sha256:")[:12]
    return [
        one.gate,
        one.environment,
        one.verdict,
        state,
        age,
        expires,
        one.subject.model_version,
        image,
        run,
    ]


def _plain(statement: Statement | None) -> dict[str, Any] | None:
    from cxlib.evidence.statement import encode

    return dict(json.loads(encode(statement))) if statement else None
