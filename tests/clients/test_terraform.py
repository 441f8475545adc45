"""Terraform for real, on resources that live in a folder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cxlib.clients.terraform import Workspace
from cxlib.errors import CxError
from cxlib.settings import CHECKOUT
from cxlib.stage import toolchain
from cxlib.wait import Look, wait_until

CONFIGURATION = """
terraform {
  backend "local" {}
}
variable "folder" { type = string }
variable "word" { type = string }
variable "seconds" {
  type    = number
  default = 0
}
variable "password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "file" {
  for_each         = toset(["one", "two"])
  triggers_replace = { path = "${var.folder}/${each.key}", word = var.word, seconds = var.seconds }

  provisioner "local-exec" {
    command     = "env > $path.env; cat /proc/*/cmdline > $path.argv; sleep $seconds; echo $word > $path"
    environment = self.triggers_replace
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "rm $path"
    environment = self.triggers_replace
  }
}
output "word" { value = var.word }
output "password" {
  value     = var.password
  sensitive = true
}
"""
# Applies in a process of its own, which a test interrupts.
APPLY = """
import sys
from pathlib import Path
from cxlib.clients.terraform import Workspace
folder, state, program, things = map(Path, sys.argv[1:])
variables = {"folder": str(things), "word": "late", "seconds": 60, "password": ""}
work = Workspace(folder, state, program, variables)
work.init()
work.apply(work.plan())
"""
BOTH = {'terraform_data.file["one"]', 'terraform_data.file["two"]'}


class Place:
    """A configuration, its state, and the folder of what it makes."""

    def __init__(self, root: Path) -> None:
        self.configuration, self.state, self.things = root / "configuration", root / "state", root / "things"
        self.configuration.mkdir()
        self.things.mkdir()
        self.write(CONFIGURATION)

    def write(self, text: str) -> None:
        (self.configuration / "main.tf").write_text(textwrap.dedent(text))

    def workspace(self, word: str = "hello", **more: object) -> Workspace:
        variables = {"folder": str(self.things), "word": word, "password": "hunter22", **more}
        work = Workspace(self.configuration, self.state, toolchain.program("terraform"), variables)
        work.init()
        return work

    def files(self) -> dict[str, str]:
        found = (p for p in self.things.iterdir() if not p.suffix)
        return {path.name: path.read_text().strip() for path in found}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A configuration of two files that nothing has been applied of."""
    return Place(tmp_path)


def test_second_plan_is_empty_and_a_change_is_not(place: Place) -> None:
    """A run on a finished site changes nothing, and a run that would change something says what."""
    work = place.workspace()
    work.validate()
    assert work.addresses() == ()
    plan = work.plan()
    assert set(plan.changes) == {f"{address}: create" for address in BOTH}
    work.apply(plan)
    assert place.files() == {"one": "hello", "two": "hello"}
    assert set(work.addresses()) == BOTH
    assert work.plan().empty
    assert set(place.workspace("other").plan().changes) == {f"{address}: delete/create" for address in BOTH}


def test_a_look_beside_a_run_leaves_its_plan_alone(place: Place) -> None:
    """A night between a run's plan and its apply: what was applied was what the night had planned."""
    work = place.workspace()
    plan = work.plan()
    assert set(place.workspace("other").look().changes) == {f"{address}: create" for address in BOTH}
    work.apply(plan)
    assert place.files() == {"one": "hello", "two": "hello"}
    assert list(place.state.glob("*.tfplan")) == []
    assert place.workspace("other").look().changes == tuple(f"{a}: delete/create" for a in sorted(BOTH))
    assert [p.name for p in place.state.iterdir() if "tfplan" in p.name or p.name.startswith("tmp")] == []


def test_only_the_replaced_is_made_anew(place: Place) -> None:
    """One machine that was lost doesn't cost the others."""
    work = place.workspace()
    work.apply(work.plan())
    before = (place.things / "two").stat().st_mtime_ns
    lost = 'terraform_data.file["one"]'
    plan = work.plan(replace=(lost,))
    assert plan.changes == (f"{lost}: delete/create",)
    (place.things / "one").write_text("damaged")
    work.apply(plan)
    assert place.files() == {"one": "hello", "two": "hello"}
    assert (place.things / "two").stat().st_mtime_ns == before


def test_destroy_leaves_nothing(place: Place) -> None:
    """`cx down` takes away all that was made; once more is harmless."""
    work = place.workspace()
    work.apply(work.plan())
    work.destroy()
    assert place.files() == {}
    assert work.addresses() == ()
    work.destroy()


def test_secrets_are_not_in_outputs_log_or_argv(place: Place) -> None:
    """Whoever may list processes or read a log must not learn a password."""
    work = place.workspace()
    work.apply(work.plan())
    assert work.outputs() == {"word": "hello"}
    assert "hunter22" not in work.log.read_text()
    seen = (place.things / "one.argv").read_text()
    assert ".tfplan" in seen, "the command line of the apply itself is among those looked at"
    assert "hunter22" not in seen


def test_state_is_the_users_own(place: Place) -> None:
    """State and variables hold sensitive values in clear."""
    place.workspace()
    assert stat.S_IMODE(place.state.stat().st_mode) == 0o700


def test_callers_cloud_and_variables_are_dropped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """`OS_*` of a shell would override clouds.yaml, and `TF_*` what is planned, or in which state."""
    monkeypatch.setenv("OS_CLOUD", "somebody-elses")
    monkeypatch.setenv("TF_VAR_seconds", "30")
    monkeypatch.setenv("TF_WORKSPACE", "somebody-elses")
    monkeypatch.setenv("TF_CLI_ARGS_apply", "-no-such-option")
    monkeypatch.setenv("KEPT", "yes")
    work = place.workspace()
    work.apply(work.plan())
    environment = (place.things / "one.env").read_text().splitlines()
    assert not [line for line in environment if line.startswith(("OS_", "TF_VAR_"))]
    assert {"KEPT=yes", "seconds=0"} <= set(environment)


def test_invalid_configuration_is_told_in_terraforms_words(place: Place) -> None:
    """The line and the reason are Terraform's to say, and the log has the rest."""
    work = place.workspace()
    place.write(CONFIGURATION.replace("var.seconds", "var.secnds"))
    with pytest.raises(CxError, match=r"terraform validate: exit 1") as caught:
        work.validate()
    assert "undeclared input variable" in str(caught.value)
    assert str(work.log) in str(caught.value)
    assert "undeclared input variable" in work.log.read_text()


def test_failed_apply_is_an_error_and_the_next_one_mends_it(place: Place) -> None:
    """What broke half way is made anew, and only that."""
    (place.things / "one").mkdir()  # in the way of a file
    work = place.workspace()
    with pytest.raises(CxError, match="terraform apply: exit 1") as caught:
        work.apply(work.plan())
    assert "local-exec provisioner error" in str(caught.value)
    (place.things / "one").rmdir()
    (place.things / "one").touch()  # what the destroy of the tainted one takes away
    plan = work.plan()
    assert plan.changes == ('terraform_data.file["one"]: delete/create',)
    work.apply(plan)
    assert place.files() == {"one": "hello", "two": "hello"}


def test_misspelt_command_is_an_attribute_error(place: Place) -> None:
    """The library under it would run `terraform aplly`."""
    with pytest.raises(AttributeError):
        place.workspace()._library.aplly()


def test_ctrl_c_leaves_no_lock_and_the_next_run_goes_on(place: Place) -> None:
    """Killed at once, as the library under it does it, Terraform leaves its state locked for good."""
    program = toolchain.program("terraform")
    argv = [sys.executable, "-c", APPLY, *map(str, (place.configuration, place.state, program, place.things))]
    child = subprocess.Popen(
        argv, env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, stderr=subprocess.PIPE, text=True
    )
    try:
        started = place.things / "one.env"
        wait_until("apply", lambda: Look("…", done=started.exists()), wanted="begun", within=60, every=0.05)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
    finally:
        child.kill()
    assert "KeyboardInterrupt" in err
    assert not list(place.state.glob("*.lock.info"))
    assert place.files() == {}
    for name in ("one", "two"):
        (place.things / name).touch()  # what the destroy of the tainted ones takes away
    work = place.workspace()
    work.apply(work.plan())
    assert place.files() == {"one": "hello", "two": "hello"}
