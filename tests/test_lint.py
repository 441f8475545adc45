"""What `make lint` looks at."""

from __future__ import annotations

import re

from cxlib.clients import process
from cxlib.settings import CHECKOUT

SHELLS = re.compile(r"#!.*\b(sh|bash|dash)\b")


def test_every_shell_script_is_checked_however_its_first_line_names_the_shell() -> None:
    """`#!/usr/bin/env bash` is a shell script like any other, and what CI runs is one."""
    pattern = re.search(r'git grep -lE "([^"]+)"', (CHECKOUT / "scripts" / "lint").read_text())
    assert pattern
    found = process.run(["git", "grep", "-lE", pattern[1]], timeout=30, cwd=CHECKOUT).stdout.split()
    tracked = process.run(["git", "ls-files"], timeout=30, cwd=CHECKOUT).stdout.splitlines()
    first = {
        name: (CHECKOUT / name).read_bytes().partition(b"\n")[0].decode(errors="replace") for name in tracked
    }
    scripts = {name for name, line in first.items() if SHELLS.match(line)}
    assert ".ci/run" in scripts
    assert scripts <= set(found)
