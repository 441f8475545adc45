"""The signed envelope: DSSE (https://github.com/secure-systems-lab/dsse) with one ed25519 signature."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cxlib.evidence import statement as statements
from cxlib.evidence.statement import EvidenceRefused, Statement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD = "application/vnd.in-toto+json"
MOST_BYTES = 512 * 1024


def sign(statement: Statement, private_key_pem: bytes) -> bytes:
    """``statement`` in an envelope, as JSON in its one form.

    Raises ``EvidenceRefused`` when the statement contradicts itself, is too large, or the key is no
    ed25519 key.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # exported without saying

    private = _private(private_key_pem)
    made = Envelope(statements.encode(statement), PAYLOAD, {})
    made.sign(CryptoSigner(private, _key(private.public_key())))
    raw = statements.canonical(made.to_dict())
    if len(raw) > MOST_BYTES:
        raise EvidenceRefused(f"the envelope would have {len(raw):,} bytes, {MOST_BYTES:,} are allowed")
    return raw


def verify(raw: bytes, public_key_pem: bytes) -> Statement:
    """The statement in the envelope ``raw``, when the key's owner signed just that.

    Says nothing about who else may use it: expiry, digest and gate are for ``rules``. Any other byte
    than ``sign`` wrote is refused. Raises ``EvidenceRefused`` with the reason, and nothing else.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error

    key = _key(_public(public_key_pem))
    data = _shaped(raw)
    theirs = data["signatures"][0]["keyid"]
    if theirs != key.keyid:
        raise EvidenceRefused(f"it was signed by another key: {theirs[:12]!r}, trusted is {key.keyid[:12]}")
    try:
        opened = Envelope.from_dict(data)
        written = statements.canonical(opened.to_dict())
    except (Error, ValueError, KeyError, TypeError) as exc:
        raise EvidenceRefused("payload or signature is not in base64") from exc
    if written != raw:
        raise EvidenceRefused("the envelope is not in its one form: it was changed after it was written")
    try:
        opened.verify([key], threshold=1)
    except (Error, ValueError) as exc:
        raise EvidenceRefused("the signature is not that of its content") from exc
    return statements.decode(opened.payload)


def keyid(public_key_pem: bytes) -> str:
    """SHA-256, in hex, of the public key as DER (SubjectPublicKeyInfo). Raises ``EvidenceRefused``."""
    return str(_key(_public(public_key_pem)).keyid)


def _shaped(raw: bytes) -> dict[str, Any]:
    """The envelope's JSON, of the right size, fields and types."""
    if len(raw) > MOST_BYTES:
        raise EvidenceRefused(f"the envelope has {len(raw):,} bytes, {MOST_BYTES:,} are allowed")
    data = statements.parse(raw, "the envelope")
    if set(data) != {"payload", "payloadType", "signatures"}:
        raise EvidenceRefused("it is no DSSE envelope: it must have payload, payloadType and signatures")
    if data["payloadType"] != PAYLOAD:
        raise EvidenceRefused(f"its payload is of another type than {PAYLOAD}")
    signatures = data["signatures"]
    if not isinstance(signatures, list) or not signatures:
        raise EvidenceRefused("it is not signed")
    if len(signatures) != 1:
        raise EvidenceRefused(f"it has {len(signatures)} signatures, one is allowed")
    one = signatures[0]
    if not isinstance(one, dict) or set(one) != {"keyid", "sig"}:
        raise EvidenceRefused("its signature must have keyid and sig")
    if not all(isinstance(text, str) for text in (one["keyid"], one["sig"], data["payload"])):
        raise EvidenceRefused("payload, keyid or sig is no text")
    return data


def _key(public: Ed25519PublicKey) -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # exported without saying

    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SSlibKey.from_crypto(public, hashlib.sha256(der).hexdigest(), "ed25519")


def _public(pem: bytes) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise EvidenceRefused("the public key is no key in PEM") from exc
    if not isinstance(found, Ed25519PublicKey):
        raise EvidenceRefused("the public key is no ed25519 key")
    return found


def _private(pem: bytes) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise EvidenceRefused("the signing key is no key in PEM without a password") from exc
    if not isinstance(found, Ed25519PrivateKey):
        raise EvidenceRefused("the signing key is no ed25519 key")
    return found
