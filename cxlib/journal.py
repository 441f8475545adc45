"""What a run is about to create for a while, written down first, so that a killed run leaves no riddle.

Stages converge and need no journal. This is for what lives only during a scenario: a pod that tests
the network, a namespace of a check. ``cx sweep`` undoes what no living run owns.
"""

from __future__ import annotations

import importlib
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib.errors import ConfigError

if TYPE_CHECKING:
    from cxlib.settings import Site

# Kind to the function that removes one, as "module:function"; called with (site, entry), must not mind
# that it is gone already, and is imported only when something of its kind is left.
UNDOERS = {"namespace": "cxlib.undo:delete_namespace"}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was about to be created: what, by which process, and what its undoer must know."""

    id: str
    kind: str
    name: str
    how: dict[str, str]
    pid: int
    born: float
    at: str

    @property
    def owner_lives(self) -> bool:
        """Whether the process that wrote this still runs; a later one with its number does not count."""
        return _born(self.pid) == self.born


def intend(site: Site, kind: str, name: str, **how_to_undo: str) -> Entry:
    """Write down, durably, that ``name`` is about to be created. Raises ``ConfigError`` for a kind that
    nobody can undo."""
    if kind not in UNDOERS:
        raise ConfigError("journal", f"nothing undoes a {kind}", f"Use one of: {', '.join(UNDOERS)}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Entry(uuid.uuid4().hex, kind, name, how_to_undo, os.getpid(), _born(os.getpid()), now)
    append(_path(site), {"intend": asdict(entry)})
    return entry


def done(site: Site, entry: Entry) -> None:
    """``entry``'s thing is gone again."""
    append(_path(site), {"done": entry.id})


@contextmanager
def for_a_while(site: Site, kind: str, name: str, **how_to_undo: str) -> Iterator[Entry]:
    """``name`` may exist inside; it is undone at the end, also when an error or Ctrl-C ends it."""
    entry = intend(site, kind, name, **how_to_undo)
    try:
        yield entry
    finally:
        undo(site, entry)


def undo(site: Site, entry: Entry) -> None:
    """Remove what ``entry`` speaks of and note that it is gone. Raises what its undoer raises."""
    module, _, function = UNDOERS[entry.kind].partition(":")
    remove: Callable[[Site, Entry], None] = getattr(importlib.import_module(module), function)
    remove(site, entry)
    done(site, entry)


def left(site: Site) -> list[Entry]:
    """What was begun and not undone, oldest first. A last line cut off by a crash is skipped."""
    entries: dict[str, Entry] = {}
    path = _path(site)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if "intend" in record:
            entry = Entry(**record["intend"])
            entries[entry.id] = entry
        else:
            entries.pop(record["done"], None)
    return list(entries.values())


def _path(site: Site) -> Path:
    return site.state / "journal.jsonl"


def append(path: Path, record: Mapping[str, object]) -> None:
    """``record`` as a line of JSON at the end of ``path``, for good.

    One write of one line: appends of several processes don't mix, and a crash cuts at most its own.

    The newline comes first as well, in case a crash had cut the line before.
    """
    line = f"{json.dumps(record)}\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        cut = size and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, (("\n" if cut else "") + line).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _born(pid: int) -> float:
    """When process ``pid`` started, in clock ticks since boot; 0 when there is none."""
    try:
        return float(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except FileNotFoundError:
        return 0.0
