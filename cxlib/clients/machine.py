"""What is on a machine, looked at through testinfra. It never waits and never changes anything."""

from __future__ import annotations

from typing import Any

from cxlib import settings
from cxlib.clients import ssh
from cxlib.errors import Unreachable


class Machine:
    """One machine of a site over SSH, as root."""

    def __init__(self, site: settings.Site, node: str) -> None:
        import testinfra

        self.name = node
        self._host: Any = testinfra.get_host(
            f"ssh://{site.ssh_user}@{site.nodes[node]}",
            ssh_extra_args=" ".join(ssh.options(site)),
            sudo=True,
        )

    def service(self, name: str) -> str:
        """``running`` or ``stopped``, and whether it starts at boot: ``running, enabled``."""
        # one question in place of testinfra's five: each is a process on a machine that has few to spare
        asked = "systemctl show --property=LoadState --property=ActiveState --property=UnitFileState %s"
        told = dict(line.split("=", 1) for line in self._host.check_output(asked, name).splitlines())
        if told["LoadState"] == "not-found":
            return "absent"
        running = "running" if told["ActiveState"] == "active" else "stopped"
        return f"{running}, {'enabled' if told['UnitFileState'] == 'enabled' else 'disabled'}"

    def sysctl(self, name: str) -> str:
        """The kernel setting's value."""
        return str(self._host.sysctl(name))

    def setting(self, path: str) -> str:
        """The text of a file; ``absent`` if there is none."""
        file = self._host.file(path)
        return str(file.content_string) if file.exists else "absent"

    def free_gib(self, path: str) -> float:
        """Free space of the disk that holds ``path``, in GiB."""
        done = self._host.run("df --output=avail --block-size=1 %s | tail -1", path)
        if done.rc:
            raise Unreachable(f"{self.name}: df {path}: {done.stderr.strip()}")
        return int(done.stdout) / 2**30

    def address(self) -> str:
        """The first address of the machine on the private network."""
        return str(self._host.run("hostname -I").stdout.split()[0])
