"""Takes secrets out of everything that the harness shows or writes."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from urllib.parse import quote

MASK = "[redacted]"
_SHORTEST = 6  # a shorter value would blot out ordinary words
_LINE = 20  # of a key in several lines, each line that is at least this long
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
    """Hide ``value`` from now on, also as others write it, and each line of a key.

    Called by whoever makes or reads a secret; too short ones are ignored.
    """
    lines = [line for line in value.splitlines() if len(line) >= _LINE and not line.startswith("-----")]
    for one in {value, value.strip(), *lines}:
        if len(one) >= _SHORTEST:
            _values.update(_forms(one))


def _forms(value: str) -> tuple[str, ...]:
    """``value`` as it is, and as Python, JSON, HTML, XML, URLs and base64 write it."""
    coded = base64.b64encode(value.encode()).decode()
    marked = (html.escape(value), html.escape(value, quote=False), quote(value, safe=""))
    return (value, repr(value)[1:-1], json.dumps(value)[1:-1], *marked, coded)


def named_secret(name: str) -> bool:
    """Whether what is called ``name``, in a file or the environment, is a secret by its name."""
    return bool(re.fullmatch(_KEY, name, re.I)) and not _NAMED.search(name)


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


def sweep(folder: Path) -> None:
    """Take known secrets out of every file below ``folder``: other programs write there, too.

    Only known ones: what merely looks like a secret may be part of something signed.
    """
    known = [value.encode() for value in sorted(_values, key=len, reverse=True)]
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        raw = path.read_bytes()
        if not any(value in raw for value in known):
            continue
        for value in known:
            raw = raw.replace(value, MASK.encode())
        path.write_bytes(raw)


def _mask(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if "secret" not in groups:
        return MASK
    head = groups.get("head") or ""
    key = re.sub(r"[\s\"':=]+$", "", head)
    if _NAMED.search(key):
        return match.group(0)
    return head + MASK
