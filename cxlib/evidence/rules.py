"""When evidence opens the way out of an environment."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cxlib.evidence import envelope
from cxlib.evidence.statement import OVERRIDE, EvidenceRefused, Statement, canonical

# How far the clock of the machine that judged may be ahead of the one that checks.
SKEW = timedelta(minutes=2)
_EXPIRED = "it expired at"


class State(enum.Enum):
    """What a statement is worth now, whatever its verdict."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Why the way is open: a PASS for each gate, or an override; both, when it was given although all gates
    had passed, because something else spoke against the image.

    ``expires`` is when the first of them ends. ``unusable`` says what else was found and doesn't count.
    """

    digest: str
    model_version: str
    passes: tuple[Statement, ...]
    override: Statement | None
    expires: datetime
    unusable: tuple[str, ...] = ()


def gate_sha256(name: str, criteria: Iterable[str]) -> str:
    """SHA-256, in hex, of a gate's text: its name and its criteria in order, blanks made even."""
    lines = [" ".join(line.split()) for line in criteria]
    return hashlib.sha256(canonical({"name": name, "criteria": lines})).hexdigest()


def accept(
    raw_envelopes: Sequence[bytes],
    *,
    public_key: bytes,
    digest: str,
    environment: str,
    gates: Mapping[str, str],
    site: str,
    now: datetime,
    target: str | None = None,
) -> Accepted:
    """Whether the image ``digest`` may leave ``environment`` of ``site`` at ``now`` (for ``target``).

    ``gates`` are the gates that it must have passed, with the hash of each one's text. An envelope
    that can't be verified counts for nothing. Raises ``EvidenceRefused`` with every reason.
    """
    believed, unusable = verified(raw_envelopes, public_key)
    return decide(
        believed, unusable, digest=digest, environment=environment, gates=gates, site=site, now=now,
        target=target,
    )  # fmt: skip


def decide(
    believed: Sequence[Statement],
    unusable: Sequence[str],
    *,
    digest: str,
    environment: str,
    gates: Mapping[str, str],
    site: str,
    now: datetime,
    target: str | None,
) -> Accepted:
    """As ``accept``, of statements whose signatures were ``verified``. Raises ``EvidenceRefused``."""
    about = [s for s in believed if s.subject.digest == digest]
    reasons = [] if gates else [f"no gate is set for {environment}, so nothing is proven"]
    passes = []
    for gate, sha256 in gates.items():
        try:
            passes.append(_passed(gate, sha256, about, environment, site, now))
        except EvidenceRefused as exc:
            reasons += exc.reasons
    versions = sorted({s.subject.model_version for s in passes})
    if len(versions) > 1:
        reasons.append(f"the evidence names several model versions: {', '.join(versions)}")
    opened = _override(about, site, now, target)
    if not reasons:
        expires = min(s.expires for s in passes)
        # given when all of that was there already: it went over something else, as a rollback
        last = max(s.finished for s in passes)
        over = opened if opened and opened.finished > last else None
        return Accepted(digest, versions[0], tuple(passes), over, expires, tuple(unusable))
    if opened:
        version = opened.subject.model_version
        return Accepted(digest, version, (), opened, opened.expires, (*reasons, *unusable))
    raise EvidenceRefused(*reasons, *unusable)


def verified(raw_envelopes: Sequence[bytes], public_key: bytes) -> tuple[list[Statement], list[str]]:
    """The statements that the key's owner signed, and why each of the others counts for nothing."""
    believed, unusable = [], []
    for number, raw in enumerate(raw_envelopes, 1):
        try:
            believed.append(envelope.verify(raw, public_key))
        except EvidenceRefused as exc:
            unusable.append(f"envelope {number} of {len(raw_envelopes)} is refused: {exc}")
    return believed, unusable


def void(
    statement: Statement, *, environment: str, site: str, now: datetime, sha256: str | None = None
) -> str | None:
    """Why a verified statement no longer counts by itself, or None. ``sha256``: the gate's text of today."""
    if statement.site != site:
        return f"it is of another site: {statement.site}, this is {site}"
    if statement.environment != environment:
        return f"it is of {statement.environment}, not of {environment}"
    if sha256 is not None and statement.gate_sha256 != sha256:
        return "the gate's text has changed since"
    if statement.finished > now + SKEW:
        return f"it is not valid before {_utc(statement.finished)}"
    if now >= statement.expires:
        return f"{_EXPIRED} {_utc(statement.expires)}"
    return None


def state(
    statement: Statement,
    others: Iterable[Statement],
    *,
    site: str,
    now: datetime,
    sha256: str | None = None,
) -> tuple[State, str]:
    """What a verified statement is worth among ``others``, and why when it isn't valid.

    A revocation is told whatever else speaks against it: it counts also where age doesn't.
    """
    if statement.verdict == "PASS" and (fail := revoked_by(statement, others)):
        return State.REVOKED, _revoked(fail)
    why = void(statement, environment=statement.environment, site=site, now=now, sha256=sha256)
    if why:
        return (State.EXPIRED if why.startswith(_EXPIRED) else State.VOID), why
    return State.VALID, ""


def revoked_by(statement: Statement, others: Iterable[Statement]) -> Statement | None:
    """The FAIL of the same gate on the same image that came with or after ``statement``, if there is one."""
    later = [
        s
        for s in others
        if s.verdict == "FAIL"
        and (s.gate, s.subject.digest) == (statement.gate, statement.subject.digest)
        and s.finished >= statement.finished
    ]
    return max(later, key=lambda s: s.finished, default=None)


def _passed(
    gate: str, sha256: str, about: Sequence[Statement], environment: str, site: str, now: datetime
) -> Statement:
    """The newest PASS of ``gate`` that counts. Raises ``EvidenceRefused`` with the newest's reason."""
    found = [s for s in about if s.gate == gate]
    passes = sorted((s for s in found if s.verdict == "PASS"), key=lambda s: s.finished, reverse=True)
    if not passes:
        others = sorted({s.verdict for s in found if s.verdict != OVERRIDE})
        said = f", only {' and '.join(others)}" if others else ""
        raise EvidenceRefused(f"gate '{gate}' has no PASS for this image{said}")
    whys = []
    for one in passes:
        why = void(one, environment=environment, site=site, now=now, sha256=sha256)
        if why is None and (fail := revoked_by(one, found)):
            why = _revoked(fail)
        if why is None:
            return one
        whys.append(why)
    raise EvidenceRefused(f"gate '{gate}': {whys[0]}")


def _override(about: Sequence[Statement], site: str, now: datetime, target: str | None) -> Statement | None:
    usable = [
        s
        for s in about
        if s.override
        and s.override.target_environment == target
        and void(s, environment=s.environment, site=site, now=now) is None
    ]
    return max(usable, key=lambda s: s.expires, default=None)


def _revoked(fail: Statement) -> str:
    return f"it was revoked by the FAIL of {_utc(fail.finished)}: {fail.reason}"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
