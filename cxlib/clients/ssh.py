"""SSH to the machines of a site: one key pair and one known-hosts file in the site's state."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from cxlib import settings
from cxlib.clients import process
from cxlib.errors import ConfigError
from cxlib.wait import Look


def key(site: settings.Site) -> Path:
    """The site's private key, made once with mode 0600; its public half lies beside it (.pub)."""
    path = site.state / "id_ed25519"
    if not path.is_file():
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"cx-{site.name}", "-f", str(path)]
        process.run(argv, timeout=30)
    return path


def options(site: settings.Site) -> list[str]:
    """Arguments of ``ssh`` for the site: its key, its known hosts, one connection kept open a while."""
    settings_ = {
        "IdentityFile": key(site),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": site.state / "known_hosts",
        "StrictHostKeyChecking": "accept-new",
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "ControlMaster": "auto",
        "ControlPersist": "120",
        "ControlPath": _sockets() / f"{_mark(site)}-%C",
    }
    return [word for name, value in settings_.items() for word in ("-o", f"{name}={value}")]


def run(site: settings.Site, node: str, command: str, *, timeout: float = 60, stdin: str | None = None,
        expect: tuple[int, ...] | None = (0,)) -> process.Completed:  # fmt: skip
    """Run ``command`` in a shell on ``node`` as the site's user."""
    target = f"{site.ssh_user}@{site.nodes[node]}"
    return process.run(["ssh", *options(site), target, command], timeout=timeout, stdin=stdin, expect=expect)


def forget(site: settings.Site, *nodes: str) -> None:
    """Drop the host keys of machines that were made anew."""
    if (site.state / "known_hosts").is_file():
        for node in nodes:
            argv = ["ssh-keygen", "-q", "-f", str(site.state / "known_hosts"), "-R", str(site.nodes[node])]
            process.run(argv, timeout=30)
    for socket in _sockets().glob(f"{_mark(site)}-*"):
        socket.unlink(missing_ok=True)


def _sockets() -> Path:
    """A folder of ours alone with a short name: a socket's path has room for 107 bytes, a state's may not."""
    folder = Path(tempfile.gettempdir()) / f"cx-ssh-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) != 0o700 or not stat.S_ISDIR(seen.st_mode):
        raise ConfigError(str(folder), "not a folder of this user's alone", "Remove it, or set TMPDIR")
    return folder


def _mark(site: settings.Site) -> str:
    """Tells this site's connections from another's at the same addresses."""
    return hashlib.sha256(str(site.state).encode()).hexdigest()[:12]


def look(site: settings.Site, node: str) -> Look[str]:
    """Whether ``node`` lets us in; its boot's own account of itself if so."""
    done = run(site, node, "systemctl is-active ssh", timeout=15, expect=None)
    if done.code == 0:
        return Look.found(node, "logged in")
    return Look(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.code}")
