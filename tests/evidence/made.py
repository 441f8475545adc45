"""Statements and keys as the tests want them: real ed25519, times around one fixed now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from cxlib.evidence import envelope, rules
from cxlib.evidence.statement import Override, Statement, Subject

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
LINES = ("key: p95 of POST /predict < 30 ms at 1 users", "fail of POST /predict < 1 % at 8 users")
GATE = "staging"
DIGEST = "sha256:" + "5a" * 32
OTHER = "sha256:" + "7b" * 32
SITE = "local:6c1f09ab"


@dataclass(frozen=True, slots=True)
class Keys:
    """A pair in PEM."""

    private: bytes
    public: bytes


def keys() -> Keys:
    """A new pair."""
    made = Ed25519PrivateKey.generate()
    return Keys(
        made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


def statement(verdict: str = "PASS", *, ago: timedelta = timedelta(hours=1), **other: Any) -> Statement:
    """A gate of staging that ended ``ago`` and holds for a day."""
    finished = other.pop("finished", NOW - ago)
    made = Statement(
        gate=GATE,
        gate_sha256=rules.gate_sha256(GATE, LINES),
        environment="staging",
        site=SITE,
        subject=Subject(DIGEST, "7"),
        verdict=verdict,
        reason="all 2 blocking criteria hold" if verdict == "PASS" else "p95: 41 ms",
        criteria=tuple({"text": line, "verdict": verdict, "value": 12.5, "ä": None} for line in LINES),
        samples_sha256="c3" * 32,
        commit="d4" * 20,
        started=finished - timedelta(minutes=2),
        finished=finished,
        expires=finished + DAY,
        run_sha256="e5" * 32,
    )
    return replace(made, **other)


def override(target: str = "canary", **other: Any) -> Statement:
    """Break-glass for ``target``."""
    given = Override("ann", "the oncall page says so", target)
    return statement(
        "OVERRIDE", gate="override", criteria=(), samples_sha256="", run_sha256="", override=given, **other
    )


def signed(keys: Keys, *statements: Statement) -> list[bytes]:
    """An envelope for each."""
    return [envelope.sign(one, keys.private) for one in statements]
