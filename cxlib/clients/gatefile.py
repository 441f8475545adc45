"""A gate in a file: YAML with ``name`` and ``criteria``, a list of lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxlib.errors import ConfigError
from cxlib.model.criterion import Gate
from cxlib.model.grammar import EXAMPLE, parse_gate

_FORM = f"Write 'name: …' and 'criteria:' with lines such as '- {EXAMPLE}'"


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
        raise ConfigError(f"{path}: {twice}", "given twice, and the last would win unseen", _FORM)
    if unknown := sorted(map(str, set(data) - {"name", "criteria"})):
        raise ConfigError(f"{path}: {unknown[0]}", "unknown field", _FORM)
    name, lines = data.get("name"), data.get("criteria")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{path}: name", "missing or no text", _FORM)
    if not isinstance(lines, list):
        raise ConfigError(f"{path}: criteria", "not a list of lines", _FORM)
    return parse_gate(name, [_line(path, number, line) for number, line in enumerate(lines, 1)])


def _twice(document: Any) -> str:
    """The first field of a YAML mapping that is there more than once; empty when none is."""
    import yaml

    if not isinstance(document, yaml.MappingNode):
        return ""
    names = [str(name.value) for name, _ in document.value]
    return next((n for n in names if names.count(n) > 1), "")


def _line(path: Path, number: int, line: object) -> str:
    """A criterion as its text: YAML takes an unquoted ``key: p95 …`` for a mapping of one."""
    if isinstance(line, dict) and len(line) == 1:
        prefix, rest = next(iter(line.items()))
        line = f"{prefix}: {rest}" if isinstance(rest, str) else line
    if not isinstance(line, str):
        raise ConfigError(f"{path}: criteria, entry {number}", "not a line of text", _FORM)
    return line
