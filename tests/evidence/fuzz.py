"""Envelopes as nobody should send them: real ones that were broken in one of many ways, and plain junk."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cxlib.evidence import envelope, rules
from cxlib.evidence.statement import EvidenceRefused, canonical, encode
from tests.evidence import made

JUNK: tuple[Any, ...] = (
    None, True, -1, 0.5, 1e308, "", "PASS", "\ud800", "é" * 50, [], {}, [[[]]], {"a": {"b": 1}}, "x" * 5000,
    "2026-11-24T12:00:00Z", "sha256:" + "0" * 64, 10**30,
)  # fmt: skip


def run(private: bytes, public: bytes, rounds: int, rng: random.Random) -> Counter[str]:
    """Judge ``rounds`` broken envelopes; the refusals by the first words of their reason.

    Raises ``AssertionError`` when one is believed; any error but ``EvidenceRefused`` comes through.
    """
    whole = envelope.sign(made.statement(), private)
    signer = load_pem_private_key(private, None)
    assert isinstance(signer, Ed25519PrivateKey)
    told: Counter[str] = Counter()
    for _ in range(rounds):
        raw = rng.choice(WAYS)(whole, signer, rng)
        if raw == whole:
            raw += b" "
        try:
            envelope.verify(raw, public)
        except EvidenceRefused as exc:
            told[" ".join(str(exc).split()[:4])] += 1
        else:
            raise AssertionError(f"believed: {raw[:300]!r}")
        _opens_nothing(raw, public)
    return told


def _opens_nothing(raw: bytes, public: bytes) -> None:
    one = made.statement()
    try:
        rules.accept(
            [raw], public_key=public, digest=made.DIGEST, environment="staging",
            gates={one.gate: one.gate_sha256}, site=made.SITE, now=made.NOW,
        )  # fmt: skip
    except EvidenceRefused:
        return
    raise AssertionError(f"opened by {raw[:300]!r}")


def _bytes(whole: bytes, signer: Ed25519PrivateKey, rng: random.Random) -> bytes:
    """Some bytes changed, taken out or put in."""
    raw = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        at = rng.randrange(len(raw))
        kind = rng.randrange(3)
        if kind == 0:
            raw[at] = rng.randrange(256)
        elif kind == 1:
            del raw[at : at + rng.randrange(1, 9)]
        else:
            raw[at:at] = rng.randbytes(rng.randrange(1, 9))
        if not raw:
            return b""
    return bytes(raw)


def _cut(whole: bytes, signer: Ed25519PrivateKey, rng: random.Random) -> bytes:
    return whole[: rng.randrange(len(whole))]


def _noise(whole: bytes, signer: Ed25519PrivateKey, rng: random.Random) -> bytes:
    return rng.choice((rng.randbytes(rng.randrange(2000)), b"[" * rng.randrange(60_000), b"{}", b"[]", b"7"))


def _outer(whole: bytes, signer: Ed25519PrivateKey, rng: random.Random) -> bytes:
    """One field of the envelope replaced by junk, taken out or added."""
    return _dump(_spoilt(json.loads(whole), rng))


def _signed_junk(whole: bytes, signer: Ed25519PrivateKey, rng: random.Random) -> bytes:
    """A statement that was spoilt before the site's own key signed it: only the schema can refuse it."""
    inner = json.loads(encode(made.statement()))
    content = _dump(_spoilt(inner, rng))
    if content == encode(made.statement()):
        content += b" "
    return _sealed(content, signer)


def _signed_noise(whole: bytes, signer: Ed25519PrivateKey, rng: random.Random) -> bytes:
    return _sealed(_noise(whole, signer, rng), signer)


def _stranger(whole: bytes, signer: Ed25519PrivateKey, rng: random.Random) -> bytes:
    """Somebody else's signature, with their key id or with ours."""
    outer = json.loads(
        _sealed(encode(made.statement()), Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)))
    )
    if rng.random() < 0.5:
        outer["signatures"][0]["keyid"] = json.loads(whole)["signatures"][0]["keyid"]
    return _dump(outer)


def _sealed(content: bytes, signer: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    kind = envelope.PAYLOAD
    sig = signer.sign(f"DSSEv1 {len(kind)} {kind} {len(content)} ".encode() + content)
    signatures = [{"keyid": envelope.keyid(public), "sig": base64.b64encode(sig).decode()}]
    payload = base64.b64encode(content).decode()
    return canonical({"payload": payload, "payloadType": kind, "signatures": signatures})


def _spoilt(data: Any, rng: random.Random) -> Any:
    """``data`` with one place of its tree, chosen by chance, replaced, taken out or added to."""
    at = data
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = rng.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and rng.random() < 0.8:
            at = at[key]
            continue
        kind = rng.randrange(4)
        if kind == 0:
            del at[key]
        elif kind == 1 and isinstance(at, dict):
            at["more"] = rng.choice(JUNK)
        elif kind == 1:
            at.append(rng.choice(JUNK))
        else:
            at[key] = rng.choice(JUNK)
        return data


def _dump(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


WAYS: tuple[Callable[[bytes, Ed25519PrivateKey, random.Random], bytes], ...] = (
    _bytes, _bytes, _cut, _noise, _outer, _signed_junk, _signed_junk, _signed_noise, _stranger,
)  # fmt: skip
