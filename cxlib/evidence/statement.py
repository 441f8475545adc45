"""What is signed: an in-toto statement (https://in-toto.io/Statement/v1) about a judged gate."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from cxlib.errors import CxError

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:birdclef-cx:gate-result:v1"
IMAGE = "birdclef-app"
OVERRIDE = "OVERRIDE"
VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE", "INVALID", OVERRIDE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_TEXT = 4_000  # characters that a name or a reason may have
_CRITERION_TEXT = 400  # that each text of a criterion keeps, where all of them are too much
_MOST_CRITERIA_BYTES = 256 * 1024  # of JSON: an envelope of more is read by nobody


class EvidenceRefused(CxError):
    """Evidence that opens nothing. ``reasons`` are all that speak against it, in order."""

    exit_code = 3

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Subject:
    """What was judged: the image by its digest (``sha256:…``) and the model version in it.

    Both are empty when nothing answered; such a statement can't be a PASS.
    """

    digest: str
    model_version: str


@dataclass(frozen=True, slots=True)
class Override:
    """Break-glass: ``who`` opens the way to ``target_environment``, and ``why``."""

    who: str
    why: str
    target_environment: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A gate's verdict about ``subject`` in ``environment`` of ``site``; times are aware, kept in UTC.

    ``criteria`` are the judged criteria as ``verdict.json`` has them. ``samples_sha256`` and
    ``run_sha256`` (of run.json) are empty when the gate needs no load run, ``commit`` when the harness
    didn't run from a git checkout. ``override`` is there if, and only if, the verdict is OVERRIDE.
    """

    gate: str
    gate_sha256: str
    environment: str
    site: str
    subject: Subject
    verdict: str
    reason: str
    criteria: tuple[dict[str, Any], ...]
    samples_sha256: str
    commit: str
    started: datetime
    finished: datetime
    expires: datetime
    override: Override | None = None
    run_sha256: str = ""


def encode(statement: Statement) -> bytes:
    """The one form of ``statement`` as bytes. Raises ``EvidenceRefused`` when it contradicts itself."""
    check(statement)
    predicate = {
        "gate": {"name": statement.gate, "sha256": statement.gate_sha256},
        "environment": statement.environment,
        "site": statement.site,
        "modelVersion": statement.subject.model_version,
        "verdict": statement.verdict,
        "reason": statement.reason,
        "criteria": list(statement.criteria),
        "samples": statement.samples_sha256,
        "commit": statement.commit,
        "started": _time(statement.started),
        "finished": _time(statement.finished),
        "expires": _time(statement.expires),
        "override": asdict(statement.override) if statement.override else None,
    }
    if statement.run_sha256:  # there are statements from before it was hashed, which still revoke
        predicate["run"] = statement.run_sha256
    return canonical(
        {
            "_type": TYPE,
            "subject": [_subject(statement)],
            "predicateType": PREDICATE,
            "predicate": predicate,
        }
    )


def decode(payload: bytes) -> Statement:
    """The statement that ``encode`` wrote. Raises ``EvidenceRefused`` on anything else, to the byte."""
    data = parse(payload, "the statement")
    if data.get("_type") != TYPE:
        _refuse(f"it is no in-toto statement of version 1 but {_short(data.get('_type'))}")
    if data.get("predicateType") != PREDICATE:
        _refuse(f"its predicate is of an unknown schema: {_short(data.get('predicateType'))}")
    try:
        statement = _statement(data["subject"][0], data["predicate"])
        written = encode(statement)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OverflowError):
        _refuse("the statement does not match its schema")
    if written != payload:
        _refuse("the statement is not in its one form: a field is unknown, doubled or written otherwise")
    return statement


def is_digest(text: str) -> bool:
    """Whether a statement can be about the image of that digest."""
    return _DIGEST.fullmatch(text) is not None


def fitted(statement: Statement) -> Statement:
    """``statement`` with its texts cut to what can be signed: a FAIL that can't be revokes nothing.

    A PASS keeps all its criteria, or is too large to be signed.
    """
    kept = replace(statement, reason=_cut(statement.reason, _TEXT))
    if len(canonical(list(kept.criteria))) <= _MOST_CRITERIA_BYTES:
        return kept
    kept = replace(kept, criteria=tuple(map(_brief, kept.criteria)))
    if kept.verdict == "PASS" or len(canonical(list(kept.criteria))) <= _MOST_CRITERIA_BYTES:
        return kept
    return replace(kept, criteria=())


def check(statement: Statement) -> None:
    """Raises ``EvidenceRefused`` when the statement lacks something or contradicts itself."""
    s = statement
    texts = (s.gate, s.environment, s.site, s.reason, s.commit, s.subject.model_version, s.verdict)
    if not all(isinstance(text, str) and len(text) <= _TEXT for text in texts):
        _refuse(f"a field is no text of at most {_TEXT:,} characters")
    if not (s.gate and s.environment and s.site):
        _refuse("gate, environment or site is empty")
    if s.verdict not in VERDICTS:
        _refuse(f"unknown verdict {_short(s.verdict)}")
    if not all(
        _HASH.fullmatch(h or "0" * 64) for h in (s.gate_sha256 or "-", s.samples_sha256, s.run_sha256)
    ):
        _refuse("the hash of the gate, of the samples or of run.json is no SHA-256")
    if s.subject.digest and not is_digest(s.subject.digest):
        _refuse(f"{_short(s.subject.digest)} is no image digest")
    if not all(isinstance(criterion, dict) for criterion in s.criteria):
        _refuse("a criterion is no JSON object")
    _check_opening(s)
    if any(moment.tzinfo is None for moment in (s.started, s.finished, s.expires)):
        _refuse("a time has no time zone")
    if not s.started <= s.finished < s.expires:
        _refuse("its times are out of order")


def _check_opening(s: Statement) -> None:
    """What a statement that opens a way must say besides."""
    if s.verdict in ("PASS", OVERRIDE) and not s.subject.digest:
        _refuse(f"a {s.verdict} must name the image that it is about")
    if s.verdict == "PASS" and not s.subject.model_version:
        _refuse("a PASS must name the model version that it is about")
    if s.verdict == "PASS":
        blocking = [c.get("verdict") for c in s.criteria if c.get("blocking", True) is not False]
        if "PASS" not in blocking or not set(map(str, blocking)) <= {"PASS", "NOT APPLICABLE"}:
            _refuse("a PASS must have criteria that block, and of those none that isn't PASS")
    if (s.verdict == OVERRIDE) != (s.override is not None):
        _refuse("an override is a verdict of its own")
    if s.override and not all(
        isinstance(text, str) and 0 < len(text) <= _TEXT
        for text in (s.override.who, s.override.why, s.override.target_environment)
    ):
        _refuse("an override must say who, why and to which environment")


def canonical(data: Any) -> bytes:
    """JSON in one form: keys sorted, no space, UTF-8, no NaN. Raises ``EvidenceRefused``."""
    try:
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise EvidenceRefused(f"it holds what JSON cannot say: {_short(exc)}") from exc


def parse(raw: bytes, what: str) -> dict[str, Any]:
    """The JSON object in ``raw``. Raises ``EvidenceRefused``."""
    try:
        data = json.loads(raw.decode("utf-8", errors="strict"))
    except (ValueError, RecursionError):
        _refuse(f"{what} is no JSON")
    if not isinstance(data, dict):
        _refuse(f"{what} is no JSON object")
    return data


def _subject(statement: Statement) -> dict[str, Any]:
    """The image; where it isn't known, the gate's text: in-toto wants something with a digest."""
    digest = statement.subject.digest
    if not digest:
        return {"name": "gate", "digest": {"sha256": statement.gate_sha256}}
    notes = {"modelVersion": statement.subject.model_version}
    return {"name": IMAGE, "digest": {"sha256": digest.removeprefix("sha256:")}, "annotations": notes}


def _statement(subject: dict[str, Any], predicate: dict[str, Any]) -> Statement:
    digest = f"sha256:{subject['digest']['sha256']}" if subject["name"] == IMAGE else ""
    return Statement(
        gate=predicate["gate"]["name"],
        gate_sha256=predicate["gate"]["sha256"],
        environment=predicate["environment"],
        site=predicate["site"],
        subject=Subject(digest, predicate["modelVersion"]),
        verdict=predicate["verdict"],
        reason=predicate["reason"],
        criteria=tuple(predicate["criteria"]),
        samples_sha256=predicate["samples"],
        commit=predicate["commit"],
        started=datetime.fromisoformat(predicate["started"]),
        finished=datetime.fromisoformat(predicate["finished"]),
        expires=datetime.fromisoformat(predicate["expires"]),
        override=Override(**predicate["override"]) if predicate["override"] is not None else None,
        run_sha256=predicate.get("run", ""),
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _short(thing: object) -> str:
    text = str(thing)
    return repr(text if len(text) <= 80 else text[:79] + "…")


def _brief(criterion: dict[str, Any]) -> dict[str, Any]:
    return {k: _cut(v, _CRITERION_TEXT) if isinstance(v, str) else v for k, v in criterion.items()}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _refuse(reason: str) -> NoReturn:
    raise EvidenceRefused(reason)
