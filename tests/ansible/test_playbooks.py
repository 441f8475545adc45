"""The playbooks that both sites share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from cxlib.clients import process
from cxlib.settings import CHECKOUT

HERE = CHECKOUT / "ansible"
SITES = sorted(p.parent.name for p in (CHECKOUT / "sites").glob("*/inventory"))


@pytest.mark.parametrize("site", SITES)
def test_playbooks_pass_ansibles_own_check(site: str) -> None:
    """Ansible finds every role, module and file that they name, with each site's inventory."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, "--syntax-check", "-i", str(CHECKOUT / "sites" / site / "inventory"), "site.yml"]
    env = os.environ | {"ANSIBLE_CONFIG": str(HERE / "ansible.cfg")}
    done = process.run(argv, timeout=60, cwd=HERE, env=env)
    assert "WARNING" not in done.stderr + done.stdout


def test_plays_are_in_the_order_of_the_pipeline() -> None:
    """Each relies on what the one before it did."""
    listed = yaml.safe_load((HERE / "site.yml").read_text())
    assert [p["ansible.builtin.import_playbook"] for p in listed] == [
        "ping.yml",
        "hello-host.yml",
        "pre-k8s.yml",
        "kubernetes.yml",
        "post-k8s.yml",
    ]


@pytest.mark.parametrize("site", SITES)
def test_the_installer_that_a_site_names_is_a_role(site: str) -> None:
    """The one seam between sites is a role's name, which no syntax check follows."""
    told = yaml.safe_load((CHECKOUT / "sites" / site / "inventory" / "group_vars" / "all.yml").read_text())
    assert (HERE / "roles" / told["kubernetes_installer"] / "tasks" / "main.yml").is_file()
