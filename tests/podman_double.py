"""A podman of the tests' own on PATH: it keeps what it has in a folder, and runs nothing.

Of the commands it knows those that the site's Terraform and we use; it refuses what podman refuses.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = """#!{python} -IS
import json, os, re, sys
from pathlib import Path

root = Path({root!r})
kind, *rest = sys.argv[1:]
with (root / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")


def after(option):
    return [b for a, b in zip(rest, rest[1:]) if a == option]


def has(kind, name):
    return (root / kind / name).exists()


def put(kind, name, text=""):
    (root / kind / name).write_text(text)


def names(kind):
    return sorted(p.name for p in (root / kind).iterdir())


def told(name):
    return json.loads((root / "container" / name).read_text())


def users(network):
    return [name for name in names("container") if told(name)["on"] == network]


if kind in ("network", "volume"):
    verb, name = rest[0], rest[-1]
    if verb == "ls":
        print("\\n".join(names(kind)))
    elif verb == "exists":
        sys.exit(not has(kind, name))
    elif verb == "create":
        put(kind, name)
    elif verb == "rm":
        if kind == "network" and users(name):
            if "--force" not in rest:
                sys.exit("network is being used")
            for user in users(name):
                (root / "container" / user).unlink()
        (root / kind / name).unlink()
elif kind == "run":
    (name,), (network,) = after("--name"), after("--network")
    if not has("network", network):
        sys.exit(f"unable to find network with name or ID {{network}}: network not found")
    for volume in after("--volume"):
        source = volume.split(":")[0]
        if "/" not in source and not has("volume", source):
            put("volume", source)
    put("container", name, json.dumps({{"on": network, "state": "running", "alive": True}}))
elif kind == "rm":
    (root / "container" / rest[-1]).unlink(missing_ok=True)
elif kind == "start":
    for name in rest:
        put("container", name, json.dumps(told(name) | {{"state": "running", "alive": True}}))
elif kind == "ps":
    pattern = after("--filter")[0].removeprefix("name=")
    listed = []
    for name in names("container"):
        if re.search(pattern, name):
            pid = os.getppid() if told(name)["alive"] else 0
            id = "/" if pid else name  # every process's group has a slash in its name: it lives
            listed.append({{"Names": [name], "State": told(name)["state"], "Pid": pid, "Id": id}})
    print(json.dumps(listed))
else:
    sys.exit(f"podman of the tests: {{kind}}?")
"""


class Podman:
    """What it has, by kind; what it was asked."""

    def __init__(self, root: Path) -> None:
        self._root = root / "podman"
        for kind in ("network", "volume", "container", "bin"):
            (self._root / kind).mkdir(parents=True)
        self.bin = self._root / "bin"
        self.program("podman", PROGRAM.format(python=sys.executable, root=str(self._root)))

    def program(self, name: str, text: str) -> None:
        """Put a program before the machine's own."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def things(self) -> set[str]:
        """As ``kind name``."""
        kinds = ("network", "volume", "container")
        return {f"{kind} {path.name}" for kind in kinds for path in (self._root / kind).iterdir()}

    def add(self, *things: str, state: str = "running", alive: bool = True) -> None:
        for thing in things:
            kind, name = thing.split()
            (self._root / kind / name).write_text(
                f'{{"on": "", "state": "{state}", "alive": {str(alive).lower()}}}'
            )

    def lose(self, *things: str) -> None:
        """As somebody removes them by hand."""
        for thing in things:
            kind, name = thing.split()
            (self._root / kind / name).unlink()

    def asked(self) -> list[str]:
        """Every command line since the last time this was asked."""
        calls = self._root / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return lines
