"""What a run found out, for its closing summary and its report. Steps record; the harness shows."""

from __future__ import annotations

from pathlib import Path

_facts: dict[str, str] = {}
_links: dict[str, Path] = {}


def record(key: str, value: object) -> None:
    """A fact about this run, such as ``record("model version", 7)``; the last value of a key stands."""
    _facts[key] = str(value)


def link(label: str, path: Path) -> None:
    """A file that a person wants to open afterwards, such as a load report."""
    _links[label] = path


def facts() -> tuple[tuple[str, str], ...]:
    """What was recorded, in the order of its first recording."""
    return tuple(_facts.items())


def links() -> tuple[tuple[str, Path], ...]:
    """What was linked, in the order of its first linking."""
    return tuple(_links.items())


def clear() -> None:
    """Forget everything: a new run begins."""
    _facts.clear()
    _links.clear()
