"""A small checkout with a copy of cxlib, whose stages run in processes of their own as a user's do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cxlib.clients import process
from cxlib.settings import CHECKOUT

SUPPLY = "sites/local/supply"


class Checkout:
    """``run`` runs Python there; caches and state are the checkout's own."""

    def __init__(self, root: Path) -> None:
        self.root, self.cache = root / "checkout", root / "cache"
        self.env = {
            "PYTHONPATH": str(self.root),
            "CX_CACHE": str(self.cache),
            "CX_STATE": str(root / "state"),
        }
        shutil.copytree(CHECKOUT / "cxlib", self.root / "cxlib")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, program: str, *, expect: tuple[int, ...] | None = (0,)) -> process.Completed:
        argv = [sys.executable, "-c", program]
        return process.run(argv, timeout=60, cwd=self.root, env=os.environ | self.env, expect=expect)

    def answer(self, imports: str, expression: str, first: str = "") -> Any:
        """The value of ``expression``, which JSON can carry, in a process of its own."""
        program = f"import json\nfrom cxlib.stage import {imports}\n{first}\nprint(json.dumps({expression}))"
        done = self.run(program)
        return json.loads(done.stdout.splitlines()[-1])

    def start(self, program: str) -> subprocess.Popen[str]:
        """``run`` that isn't waited for."""
        argv, env = [sys.executable, "-c", program], os.environ | self.env
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, cwd=self.root, env=env, stdout=pipe, stderr=pipe, text=True)
