"""Terraform, through python-terraform, with its commands going through our process door."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged
from python_terraform import Terraform as _Library

from cxlib import progress
from cxlib.clients import process
from cxlib.errors import CxError

SECONDS = 1200.0
# Terraform ends by itself after one SIGINT, once what it is making is made and its state is written.
GRACE_SECONDS = 60.0
_LOG_BYTES = 1_000_000
# OS_* of the caller would override clouds.yaml; these TF_* would change what is planned, or in which state.
_OF_THE_CALLER = ("OS_", "TF_VAR_", "TF_CLI_ARGS", "TF_WORKSPACE")


class _Terraform(_Library):  # type: ignore[misc]
    """python-terraform whose ``cmd`` forwards one SIGINT and leaves no lock (the library kills at once)."""

    log: Path
    environment: Mapping[str, str]
    grace: float = GRACE_SECONDS

    def cmd(self, cmd: str, *args: str, **kwargs: Any) -> tuple[int, str, str]:
        for ours in ("capture_output", "raise_on_error", "synchronous"):
            kwargs.pop(ours, None)
        argv = self.generate_cmd_string(cmd, *args, **kwargs)
        quiet = cmd in ("output", "show -json")  # these print sensitive values in clear
        done = process.run(
            argv,
            timeout=SECONDS,
            env=self.environment,
            cwd=self.working_dir,
            expect=None,
            on_line=None if quiet else _tell,
            log=None if quiet else self.log,
            grace=self.grace,
        )
        return done.code, done.stdout, done.stderr

    def __getattr__(self, item: str) -> Any:  # the library would run `terraform <any misspelt name>`
        raise AttributeError(item)


def remembers(state: Path) -> bool | None:
    """Whether the state kept in the folder ``state`` holds anything; None when it isn't kept there, or is
    just being written."""
    try:
        return bool(json.loads((state / "terraform.tfstate").read_text(encoding="utf-8")).get("resources"))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do, by address; ``file`` is the saved plan, there until it is applied."""

    file: Path
    changes: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not self.changes


class Workspace:
    """One configuration with its state; state, plugins, plans and variables are kept in ``state``."""

    def __init__(self, folder: Path, state: Path, program: Path, variables: Mapping[str, object]) -> None:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._state = state
        self.log = state / "terraform.log"
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(state / "terraform.log.1")
        self._variables = state / "site.tfvars.json"
        written = self._new_file(".tfvars.json")
        written.write_text(json.dumps(variables, indent=1), encoding="utf-8")
        written.replace(self._variables)  # whole at any time: another run may be reading it
        self._library = _Terraform(working_dir=str(folder), terraform_bin_path=str(program))
        self._library.log = self.log
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_OF_THE_CALLER)}
        self._library.environment = kept | {"TF_DATA_DIR": str(state / "data"), "TF_IN_AUTOMATION": "1"}

    def init(self) -> None:
        """Prepare the folder; quick when it is prepared already."""
        backend = {"path": str(self._state / "terraform.tfstate")}
        self._checked("init", *self._library.init(backend_config=backend, reconfigure=IsFlagged))

    def validate(self) -> None:
        """Raises ``CxError`` with Terraform's own words on a configuration that isn't valid."""
        self._checked("validate", *self._library.cmd("validate", no_color=IsFlagged))

    def plan(self, *, replace: tuple[str, ...] = (), destroy: bool = False) -> Plan:
        """What would change, in a file of its own to be applied. ``replace``: made anew in any case."""
        file = self._new_file(".tfplan")
        try:
            changes = self._plan(file, replace, destroy)
        except BaseException:
            file.unlink()
            raise
        if not changes:
            file.unlink()
        return Plan(file, changes)

    def look(self) -> Plan:
        """What would change, only to be looked at: its file is gone, and no other run's is touched."""
        plan = self.plan()
        plan.file.unlink(missing_ok=True)
        return plan

    def _plan(self, file: Path, replace: tuple[str, ...], destroy: bool) -> tuple[str, ...]:
        options: dict[str, Any] = {"out": str(file), "var_file": str(self._variables), "input": False}
        options |= {"no_color": IsFlagged, "detailed_exitcode": IsFlagged}
        if replace:
            options["replace"] = list(replace)
        if destroy:
            options["destroy"] = IsFlagged
        code, out, err = self._library.cmd("plan", **options)
        if code not in (0, 2):  # 2: there are changes
            self._checked("plan", code, out, err)
        return self._changes(file) if code == 2 else ()

    def _changes(self, file: Path) -> tuple[str, ...]:
        code, out, err = self._library.cmd("show -json", str(file))
        self._checked("show", code, "", err)
        listed = json.loads(out).get("resource_changes", [])
        found = [(c["address"], "/".join(c["change"]["actions"])) for c in listed]
        return tuple(
            f"{address}: {actions}" for address, actions in found if actions not in ("no-op", "read")
        )

    def apply(self, plan: Plan) -> None:
        """Carry out a saved plan, if there is anything in it."""
        if plan.empty:
            return
        try:
            code, out, err = self._library.cmd("apply", str(plan.file), input=False, no_color=IsFlagged)
        finally:
            plan.file.unlink()
        self._checked("apply", code, out, err)

    def destroy(self) -> None:
        """Take everything down."""
        self.apply(self.plan(destroy=True))

    def outputs(self) -> dict[str, Any]:
        """Every output by name, sensitive ones left out."""
        code, out, err = self._library.cmd("output", json=IsFlagged)
        self._checked("output", code, "", err)
        return {name: entry["value"] for name, entry in json.loads(out).items() if not entry["sensitive"]}

    def addresses(self) -> tuple[str, ...]:
        """What the state holds."""
        code, out, err = self._library.cmd("state list")
        if code and "No state file" in err:
            return ()
        self._checked("state list", code, out, err)
        return tuple(out.split())

    def _new_file(self, ending: str) -> Path:
        """A file in the state's folder that no other run has."""
        descriptor, path = tempfile.mkstemp(dir=self._state, suffix=ending)
        os.close(descriptor)
        return Path(path)

    def _checked(self, verb: str, code: int, out: str, err: str) -> None:
        if code:
            tail = "\n".join((err or out).strip().splitlines()[-20:])
            raise CxError(f"terraform {verb}: exit {code}; whole output in {self.log}\n{tail}")


def _tell(line: str) -> None:
    if line.strip():
        progress.state("Terraform", line.strip())
