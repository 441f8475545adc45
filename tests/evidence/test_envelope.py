"""What is signed comes back as it was; anything else is refused, with the reason and without a traceback."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from cxlib.evidence import envelope
from cxlib.evidence.statement import EvidenceRefused, Subject, canonical
from tests.evidence import fuzz, made
from tests.tiers import sampled

Change = Callable[[dict[str, Any]], object]


def resigned(keys: made.Keys, payload: bytes, kind: str = envelope.PAYLOAD) -> bytes:
    """``payload`` under a good signature of the site's own key: what only the schema can refuse."""
    private = load_pem_private_key(keys.private, None)
    assert isinstance(private, Ed25519PrivateKey)
    head = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode()
    signature = {"keyid": envelope.keyid(keys.public), "sig": b64(private.sign(head + payload))}
    return canonical({"payload": b64(payload), "payloadType": kind, "signatures": [signature]})


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def payload(keys: made.Keys) -> dict[str, Any]:
    (raw,) = made.signed(keys, made.statement())
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(raw)["payload"]))
    return found


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "INCONCLUSIVE", "INVALID"])
def test_what_is_signed_comes_back(keys: made.Keys, verdict: str) -> None:
    """Whatever the verdict: a FAIL that isn't kept revokes nothing."""
    one = made.statement(verdict)
    assert envelope.verify(envelope.sign(one, keys.private), keys.public) == one


def test_an_override_comes_back(keys: made.Keys) -> None:
    """Who opened the way, why and where to is part of what is signed."""
    one = made.override()
    assert envelope.verify(envelope.sign(one, keys.private), keys.public) == one


def test_a_fail_about_nothing_is_kept(keys: made.Keys) -> None:
    """A service that doesn't answer can't say what it is, and its gate failed all the same."""
    one = made.statement("INVALID", subject=Subject("", ""))
    assert envelope.verify(envelope.sign(one, keys.private), keys.public) == one


def test_the_same_statement_gives_the_same_bytes(keys: made.Keys) -> None:
    """ed25519 has no randomness and the JSON one form: evidence can be compared by its bytes."""
    assert made.signed(keys, made.statement()) == made.signed(keys, made.statement())


def test_it_is_an_in_toto_statement_in_dsse(keys: made.Keys) -> None:
    """Other tools read these formats; the names and places of their fields are not ours to choose."""
    (raw,) = made.signed(keys, made.statement())
    outer = json.loads(raw)
    assert outer["payloadType"] == "application/vnd.in-toto+json"
    inner = json.loads(base64.b64decode(outer["payload"]))
    assert inner["_type"] == "https://in-toto.io/Statement/v1"
    assert inner["subject"] == [
        {
            "name": "birdclef-app",
            "digest": {"sha256": made.DIGEST.removeprefix("sha256:")},
            "annotations": {"modelVersion": "7"},
        }
    ]
    assert inner["predicateType"].startswith("urn:birdclef-cx:gate-result:")


def test_openssl_agrees(keys: made.Keys, tmp_path: Path) -> None:
    """Nobody needs our code to verify: docs/evidence.md shows how, by these very commands."""
    (raw,) = made.signed(keys, made.statement())
    outer = json.loads(raw)
    content = base64.b64decode(outer["payload"])
    kind = outer["payloadType"]
    (tmp_path / "pae").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(content)} ".encode() + content)
    (tmp_path / "sig").write_bytes(base64.b64decode(outer["signatures"][0]["sig"]))
    (tmp_path / "key.pem").write_bytes(keys.public)
    asked = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in pae -sigfile sig"
    done = subprocess.run(asked.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "key.pem", "-outform", "DER"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert hashlib.sha256(der.stdout).hexdigest() == outer["signatures"][0]["keyid"]


def test_a_change_of_any_byte_is_refused(keys: made.Keys) -> None:
    """Not only in the payload: white space, key id and base64's spare bits are bytes too."""
    (raw,) = made.signed(keys, made.statement())
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << (at % 8)
        with pytest.raises(EvidenceRefused) as caught:
            envelope.verify(bytes(changed), keys.public)
        assert str(caught.value)


@pytest.mark.parametrize(
    "spoil", [lambda r: r + b"\n", lambda r: b" " + r, lambda r: r[:-1], lambda r: r * 2]
)
def test_a_byte_more_or_less_is_refused(keys: made.Keys, spoil: Callable[[bytes], bytes]) -> None:
    """The file is what was signed, not something that reads alike."""
    (raw,) = made.signed(keys, made.statement())
    with pytest.raises(EvidenceRefused):
        envelope.verify(spoil(raw), keys.public)


def test_another_key_is_refused(keys: made.Keys, strangers: made.Keys) -> None:
    """A stranger's signature is a good signature, only not of anybody we know."""
    (raw,) = made.signed(strangers, made.statement())
    with pytest.raises(EvidenceRefused, match="signed by another key"):
        envelope.verify(raw, keys.public)


def test_a_borrowed_keyid_is_refused(keys: made.Keys, strangers: made.Keys) -> None:
    """The key id is a label: who writes ours beside their own signature is found out."""
    outer = json.loads(made.signed(strangers, made.statement())[0])
    outer["signatures"][0]["keyid"] = envelope.keyid(keys.public)
    with pytest.raises(EvidenceRefused, match="the signature is not that of its content"):
        envelope.verify(canonical(outer), keys.public)


def unsigned(outer: dict[str, Any]) -> None:
    outer["signatures"] = []


def twice(outer: dict[str, Any]) -> None:
    outer["signatures"] *= 2


def two_signers(outer: dict[str, Any]) -> None:
    outer["signatures"].append({"keyid": "ab" * 32, "sig": b64(b"x" * 64)})


def another_type(outer: dict[str, Any]) -> None:
    outer["payloadType"] = "application/json"


def more(outer: dict[str, Any]) -> None:
    outer["comment"] = "harmless"


def no_sig(outer: dict[str, Any]) -> None:
    del outer["signatures"][0]["sig"]


def number(outer: dict[str, Any]) -> None:
    outer["payload"] = 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (unsigned, "it is not signed"),
        (twice, "it has 2 signatures, one is allowed"),
        (two_signers, "it has 2 signatures, one is allowed"),
        (another_type, "its payload is of another type"),
        (more, "it is no DSSE envelope"),
        (no_sig, "its signature must have keyid and sig"),
        (number, "payload, keyid or sig is no text"),
    ],
)
def test_an_envelope_of_another_shape_is_refused(keys: made.Keys, change: Change, reason: str) -> None:
    """One signer, one signature, one type: what has no use can't be abused."""
    outer = json.loads(made.signed(keys, made.statement())[0])
    change(outer)
    with pytest.raises(EvidenceRefused, match=reason):
        envelope.verify(canonical(outer), keys.public)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"a":' * 50_000, "is no JSON"),
        (b"1" * 10_000, "is no JSON"),
        (b"{}", "no DSSE envelope"),
        (b"x" * (envelope.MOST_BYTES + 1), "bytes, 524,288 are allowed"),
    ],
    ids=["empty", "not-utf8", "list", "null", "deep-list", "deep-object", "huge-number", "bare", "oversize"],
)
def test_what_is_no_envelope_is_refused(keys: made.Keys, raw: bytes, reason: str) -> None:
    """Anybody may put a file into MLflow; reading it must never be the way to break a promotion."""
    with pytest.raises(EvidenceRefused, match=reason):
        envelope.verify(raw, keys.public)


def test_another_type_under_our_signature_is_refused(keys: made.Keys) -> None:
    """The type is signed too: what was signed as something else can't be passed off as evidence."""
    raw = resigned(keys, canonical(payload(keys)), "application/json")
    with pytest.raises(EvidenceRefused, match="another type"):
        envelope.verify(raw, keys.public)
    with pytest.raises(EvidenceRefused, match="the signature is not that of its content"):
        envelope.verify(raw.replace(b"application/json", envelope.PAYLOAD.encode()), keys.public)


def old_schema(inner: dict[str, Any]) -> None:
    inner["predicateType"] = "urn:birdclef-cx:gate-result:v0"


def old_statement(inner: dict[str, Any]) -> None:
    inner["_type"] = "https://in-toto.io/Statement/v0.1"


def second_subject(inner: dict[str, Any]) -> None:
    inner["subject"].append(dict(inner["subject"][0]))


def no_subject(inner: dict[str, Any]) -> None:
    inner["subject"] = []


def other_version(inner: dict[str, Any]) -> None:
    inner["subject"][0]["annotations"]["modelVersion"] = "8"


def unknown_verdict(inner: dict[str, Any]) -> None:
    inner["predicate"]["verdict"] = "PASSED"


def local_time(inner: dict[str, Any]) -> None:
    inner["predicate"]["finished"] = "2026-11-24T12:00:00"


def backwards(inner: dict[str, Any]) -> None:
    inner["predicate"]["expires"] = inner["predicate"]["started"]


def missing(inner: dict[str, Any]) -> None:
    del inner["predicate"]["site"]


def added(inner: dict[str, Any]) -> None:
    inner["predicate"]["note"] = "harmless"


def scalar_criteria(inner: dict[str, Any]) -> None:
    inner["predicate"]["criteria"] = ["PASS"]


def half_override(inner: dict[str, Any]) -> None:
    inner["predicate"]["override"] = {"who": "eve"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (old_schema, "unknown schema"),
        (old_statement, "no in-toto statement of version 1"),
        (second_subject, "not in its one form"),
        (no_subject, "does not match its schema"),
        (other_version, "not in its one form"),
        (unknown_verdict, "unknown verdict 'PASSED'"),
        (local_time, "does not match its schema|no time zone"),
        (backwards, "out of order"),
        (missing, "does not match its schema"),
        (added, "not in its one form"),
        (scalar_criteria, "no JSON object"),
        (half_override, "does not match its schema"),
    ],
)
def test_a_statement_of_another_schema_is_refused(keys: made.Keys, change: Change, reason: str) -> None:
    """Also under our own signature: a later format must not be read as today's."""
    inner = payload(keys)
    change(inner)
    with pytest.raises(EvidenceRefused, match=reason):
        envelope.verify(resigned(keys, canonical(inner)), keys.public)


def test_a_doubled_field_is_refused(keys: made.Keys) -> None:
    """JSON readers differ in which of two they take; a statement must say one thing to all."""
    text = (
        canonical(payload(keys)).decode().replace('"verdict":"PASS"}', '"verdict":"FAIL","verdict":"PASS"}')
    )
    with pytest.raises(EvidenceRefused, match="not in its one form"):
        envelope.verify(resigned(keys, text.encode()), keys.public)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "MAYBE"},
        {"subject": Subject("", "7")},
        {"subject": Subject("latest", "7")},
        {"gate": ""},
        {"gate_sha256": "abc"},
        {"samples_sha256": "abc"},
        {"run_sha256": "abc"},
        {"expires": made.NOW - made.DAY},
        {"finished": datetime(2026, 11, 24, 12, 0)},
        {"criteria": ({"verdict": "PASS", "value": float("nan")},)},
        {"criteria": ({"verdict": "PASS", "value": object()},)},
        {"reason": "x" * 5_000},
        {"verdict": "OVERRIDE"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_statement_that_contradicts_itself_is_not_signed(keys: made.Keys, change: dict[str, Any]) -> None:
    """A PASS about no image, NaN as a value, an override by nobody: such a thing must not come to be."""
    broken = made.statement()
    with pytest.raises(EvidenceRefused):
        envelope.sign(replace(broken, **change), keys.private)


def test_what_is_too_large_is_not_signed(keys: made.Keys) -> None:
    """What nobody would read again must be told when it is made."""
    many = tuple({"text": "x" * 1000, "verdict": "PASS"} for _ in range(1000))
    with pytest.raises(EvidenceRefused, match="are allowed"):
        envelope.sign(made.statement(criteria=many), keys.private)


def ec_pem() -> tuple[bytes, bytes]:
    made_key = generate_private_key(SECP256R1())
    return (
        made_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        made_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


def test_a_key_that_is_none_is_told(keys: made.Keys) -> None:
    """Another kind of key, or a file that is no key at all; what is in it is never shown."""
    private, public = ec_pem()
    (raw,) = made.signed(keys, made.statement())
    for wrong, reason in ((public, "no ed25519 key"), (b"junk", "no key in PEM"), (b"", "no key in PEM")):
        with pytest.raises(EvidenceRefused, match=reason):
            envelope.verify(raw, wrong)
    for wrong, reason in ((private, "no ed25519 key"), (b"s3cret junk", "no key in PEM")):
        with pytest.raises(EvidenceRefused, match=reason) as caught:
            envelope.sign(made.statement(), wrong)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("rounds", sampled((600, 10_000), every_run=(600,)))
def test_fuzzed_envelopes_are_refused(keys: made.Keys, rounds: int) -> None:
    """Whatever a file holds: a reason, no traceback, no PASS."""
    told = fuzz.run(keys.private, keys.public, rounds, random.Random(1))
    assert sum(told.values()) == rounds
    assert len(told) > 8, f"the fuzz meets too few refusals to mean much: {told}"
