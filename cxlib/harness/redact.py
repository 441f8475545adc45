"""Takes secrets out of everything that the harness shows or writes."""

from __future__ import annotations

import re
from pathlib import Path

MASK = "[redacted]"
_SHORTEST = 6  # a shorter value would blot out ordinary words
_values: set[str] = set()
_WORDS = r"password|passwd|passphrase|secret|token(?!s\b)|api[_-]?key|access[_-]?key|private[_-]?key"
_KEY = rf"[\w.-]*(?:{_WORDS})[\w.-]*"
_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    # key: value, "key": "value", KEY=value; a reference to a secret by name is no secret
    re.compile(rf"""(?ix) (?P<head> ["']?\b{_KEY}["']? [ \t]*[:=][ \t]* ["']? )
                    (?! (?:null|none|true|false|\[redacted\]|\{{|\[) )
                    (?P<secret> [^\s"',;}}\]]+ )"""),
    re.compile(r"(?i)(?P<head>\b(?:bearer|authorization:\s*basic) )(?P<secret>[\w.~+/=-]{8,})"),
    re.compile(r"(?P<head>\w+://[^/\s:@]+:)(?P<secret>[^/\s@]+)(?=@)"),
    re.compile(r"(?P<secret>\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,})"),
)
_NAMED = re.compile(r"(?i)(?:secretname|secretref|secretkeyref|tokenreview|\w*name|\w*path|\w*file)$")


def add(value: str) -> None:
    """Hide ``value`` from now on. Called by whoever makes or reads a secret; too short ones are ignored."""
    if len(value) >= _SHORTEST:
        _values.add(value)


def redact(text: str) -> str:
    """``text`` without known secrets and without what looks like one in YAML, JSON, env or URLs."""
    for value in sorted(_values, key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(_mask, text)
    return text


def redact_file(path: Path) -> None:
    """Redact a file in place. What is no text stays, unless it holds a known secret: then it goes."""
    raw = path.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        if any(value.encode() in raw for value in _values):
            path.write_text(f"{MASK}: a binary file that held a secret\n")
        return
    clean = redact(text)
    if clean != text:
        path.write_text(clean)


def _mask(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if "secret" not in groups:
        return MASK
    head = groups.get("head") or ""
    key = re.sub(r"[\s\"':=]+$", "", head)
    if _NAMED.search(key):
        return match.group(0)
    return head + MASK
