"""Ansible through ansible-runner for real, on a machine that is this one."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cxlib.clients import ansible
from cxlib.clients.ansible import PlaybookRun
from cxlib.errors import CxError
from cxlib.settings import Site

WRITES = """
- name: Write
  hosts: all
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.command: "true"
      changed_when: false
      check_mode: false
    - name: A file
      ansible.builtin.copy:
        dest: "{{ folder }}/{{ inventory_hostname }}"
        content: "{{ word }}, not {{ kept }}"
        mode: "0644"
- name: Then
  hosts: node1
  gather_facts: false
  tasks:
    - name: A step that may fail
      ansible.builtin.command: "false"
      ignore_errors: true
    - name: A secret
      ansible.builtin.command: "echo {{ secret }}"
      changed_when: false
      no_log: true
"""
FAILS = """
- name: Broken
  hosts: all
  gather_facts: false
  tasks:
    - name: Only the second is broken
      ansible.builtin.command: "sh -c 'echo no disk left >&2; exit 4'"
      when: inventory_hostname == "node2"
"""


class Here(Site):
    """A site whose two machines are this one, with an inventory of the test's own."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root


class Place:
    """A site and its playbooks in a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.things = root, root / "things"
        self.things.mkdir()
        inventory = root / "inventory"
        (inventory / "group_vars").mkdir(parents=True)
        (inventory / "groups.yml").write_text("all: {children: {both: {hosts: {node1: {}, node2: {}}}}}\n")
        (inventory / "group_vars" / "all.yml").write_text(
            "ansible_connection: local\n"
            f"ansible_python_interpreter: {sys.executable}\n"
            "word: from the inventory\nkept: from the inventory\n"
        )
        self.site = Here(
            name="here", floating_address="127.0.0.9", supply_address="127.0.0.8", ssh_user="nobody",
            nodes={"node1": "127.0.0.11", "node2": "127.0.0.12"}, root=root,
        )  # fmt: skip

    def run(self, text: str, *, check: bool = False) -> PlaybookRun:
        playbook = self.root / "play.yml"
        playbook.write_text(text)
        given = {"folder": str(self.things), "secret": "hunter22", "word": "given"}
        return ansible.run(self.site, str(playbook), given, check=check)

    def files(self) -> dict[str, str]:
        return {p.name: p.read_text() for p in self.things.iterdir()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    return Place(tmp_path)


@dataclass(frozen=True)
class ThreeRuns:
    """The same playbook as a check, for real, and again; what was there after each."""

    check: PlaybookRun
    after_check: dict[str, str]
    first: PlaybookRun
    after_first: dict[str, str]
    second: PlaybookRun
    state: Path


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> ThreeRuns:
    folder = tmp_path_factory.mktemp("three")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CX_STATE", str(folder / "state"))
        place = Place(folder)
        check, seen = place.run(WRITES, check=True), place.files()
        first, then = place.run(WRITES), place.files()
        return ThreeRuns(check, seen, first, then, place.run(WRITES), place.site.state)


def test_changes_are_told_by_machine_and_task(three: ThreeRuns) -> None:
    """A person asks what was done where; an ignored failure is neither a change nor a failure."""
    assert set(three.first.changes) == {"node1: A file", "node2: A file"}
    plays = [(p.name, p.ok, p.changed, p.failed) for p in three.first.plays]
    assert plays == [("Write", 2, 2, 0), ("Then", 1, 0, 0)]


def test_second_run_changes_nothing(three: ThreeRuns) -> None:
    """A scenario states it, so it has to be Ansible's own count."""
    assert (three.second.changed, three.second.changes) == (False, ())


def test_a_check_says_what_would_change_and_changes_nothing(three: ThreeRuns) -> None:
    """So that it can be asked of a site that is in use."""
    assert set(three.check.changes) == {"node1: A file", "node2: A file"}
    assert three.after_check == {}


def test_the_run_after_a_check_does_its_work(three: ThreeRuns) -> None:
    """ansible-runner keeps a run's command line and would take it for every later run's."""
    assert set(three.after_first) == {"node1", "node2"}


def test_variables_given_win_over_the_inventory(three: ThreeRuns) -> None:
    """Image references and addresses come from the checkout, whatever a group file says."""
    assert three.after_first["node1"] == "given, not from the inventory"


def test_secrets_stay_out_of_the_log_and_artifacts_are_gone(three: ThreeRuns) -> None:
    """ansible-runner keeps the whole environment in clear beside each run."""
    log = (three.state / "ansible.log").read_text()
    assert "TASK [A secret]" in log
    assert "hunter22" not in log
    assert not (three.state / "ansible" / "artifacts").exists()
    for path in [three.state / "ansible", three.state / "ansible-check"]:
        assert {stat.S_IMODE(p.stat().st_mode) for p in (path, path / "env")} == {0o700}


def test_failure_names_machine_task_and_reason(place: Place) -> None:
    """Three machines work at once; which one it was is the first question."""
    with pytest.raises(CxError) as caught:
        place.run(FAILS)
    text = str(caught.value)
    assert "node2: Only the second is broken: " in text
    assert "no disk left" in text
    assert str(place.site.state / "ansible.log") in text
    assert "node1" not in text


def test_playbook_that_cannot_be_read_is_told_in_ansibles_words(place: Place) -> None:
    """No task has run, so there is no event that would say why."""
    with pytest.raises(CxError, match=r"couldn't resolve module/action"):
        place.run("- hosts: all\n  tasks:\n    - no_such_module_of_ours:\n")


def test_machine_without_ssh_is_unreachable_by_name(place: Place) -> None:
    """A machine that is down is told as such, and not as a failed task of another."""
    with pytest.raises(CxError, match=r"(?s)node2: Look: .*(refused|[Pp]ermission|closed|timed out)"):
        place.run(WRITES.replace("gather_facts: false", "gather_facts: false\n  any_errors_fatal: true", 1)
                  .replace("hosts: all", "hosts: node2\n  vars: {ansible_connection: ssh}", 1))  # fmt: skip
