"""What a run found out, for its closing summary and its report. Steps record; the harness shows."""

from __future__ import annotations

from pathlib import Path

_facts: dict[str, str] = {}
_links: dict[str, Path] = {}
_outputs: dict[str, str] = {}


def record(key: str, value: object) -> None:
    """A fact about this run, such as ``record("model version", 7)``; the last value of a key stands."""
    _facts[key] = str(value)


def link(label: str, path: Path) -> None:
    """A file that a person wants to open afterwards, such as a load report."""
    _links[label] = path


def output(key: str, value: str) -> None:
    """What the next job of a pipeline has to know of a green run; the last value of a key stands."""
    _outputs[key] = value


def facts() -> tuple[tuple[str, str], ...]:
    """What was recorded, in the order of its first recording."""
    return tuple(_facts.items())


def links() -> tuple[tuple[str, Path], ...]:
    """What was linked, in the order of its first linking."""
    return tuple(_links.items())


def outputs() -> tuple[tuple[str, str], ...]:
    """What is for the next job."""
    return tuple(_outputs.items())


def clear() -> None:
    """Forget everything: a new run begins."""
    _facts.clear()
    _links.clear()
    _outputs.clear()
