"""A gate in a file: YAML with ``name``, ``criteria`` (a list of lines) and perhaps ``load``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from cxlib.errors import ConfigError
from cxlib.model.criterion import Gate
from cxlib.model.grammar import EXAMPLE, parse_gate
from cxlib.model.load import Load, LoadLevel, levels

_FORM = f"Write 'name: …' and 'criteria:' with lines such as '- {EXAMPLE}'"
_LOAD_FORM = "Write such as 'load: {profile: classify, levels: [{users: 8, seconds: 30}]}'"


def read(path: Path) -> Gate:
    """The gate in ``path``. Raises ``ConfigError`` naming file, field and fix."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        data, twice = yaml.safe_load(text), _twice(yaml.compose(text, Loader=yaml.SafeLoader))
    except OSError as exc:
        raise ConfigError(str(path), f"cannot be read: {exc.strerror}", "Name a gate file") from exc
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as exc:  # PyYAML lets the others out
        raise ConfigError(str(path), f"not YAML: {' '.join(str(exc).split())[:300]}", _FORM) from exc
    if not isinstance(data, dict):
        raise ConfigError(str(path), "not a mapping", _FORM)
    if twice:
        raise ConfigError(f"{path}: {twice}", "given twice in one place: the last would win unseen", _FORM)
    if unknown := sorted(map(str, set(data) - {"name", "criteria", "load"})):
        raise ConfigError(f"{path}: {unknown[0]}", "unknown field", _FORM)
    name, lines = data.get("name"), data.get("criteria")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{path}: name", "missing or no text", _FORM)
    if not isinstance(lines, list):
        raise ConfigError(f"{path}: criteria", "not a list of lines", _FORM)
    gate = parse_gate(name, [_line(path, number, line) for number, line in enumerate(lines, 1)])
    return replace(gate, load=_load(f"{path}: load", data["load"])) if "load" in data else gate


def _twice(document: Any) -> str:
    """The first field that a mapping of the YAML has more than once, at any depth; empty when none has."""
    import yaml

    left, known = [document], set()
    while left:
        node = left.pop()
        if node is None or id(node) in known:  # an alias may stand for what it is in
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += reversed(node.value)
        elif isinstance(node, yaml.MappingNode):
            names = Counter(str(name.value) for name, _ in node.value)
            if doubled := next((name for name, times in names.items() if times > 1), ""):
                return doubled
            left += [part for pair in reversed(node.value) for part in reversed(pair)]
    return ""


def _load(where: str, said: object) -> Load:
    """A profile and its levels, each with the columns that a table of them has."""
    if not isinstance(said, dict) or set(said) != {"profile", "levels"}:
        raise ConfigError(where, "not a profile with levels", _LOAD_FORM)
    profile, rows = said["profile"], said["levels"]
    if not isinstance(profile, str) or not isinstance(rows, list) or not rows:
        raise ConfigError(where, "a profile without a name, or without levels", _LOAD_FORM)
    found: list[LoadLevel] = []
    for row in rows:
        if not isinstance(row, dict):
            raise ConfigError(where, "a level without fields", _LOAD_FORM)
        found += levels([[str(name) for name in row], [str(value) for value in row.values()]])
    return Load(profile, tuple(found))


def _line(path: Path, number: int, line: object) -> str:
    """A criterion as its text: YAML takes an unquoted ``key: p95 …`` for a mapping of one."""
    if isinstance(line, dict) and len(line) == 1:
        prefix, rest = next(iter(line.items()))
        line = f"{prefix}: {rest}" if isinstance(rest, str) else line
    if not isinstance(line, str):
        raise ConfigError(f"{path}: criteria, entry {number}", "not a line of text", _FORM)
    return line
