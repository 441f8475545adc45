"""Whether this machine has what a site needs, said in one table with how to get what is missing.

Probes leave nothing behind: what they must create, they create in a namespace that ends with them.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib.errors import CxError, PreflightFailed

if TYPE_CHECKING:
    from cxlib.settings import Site

GIB = 2**30
MEMORY_GIB = 8.0
MEMORY_WITH_SITE_GIB = 1.5  # our own site already holds its share
DISK_GIB = 25.0
BUILD_GIB = 10.0  # Go's caches and the programs; what is there already counts
# Program to the Debian package that brings it.
PROGRAMS = {
    "podman": "podman",
    "buildah": "buildah",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "git": "git",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One row: what was wanted, what was found, and how to get it if that is not the same."""

    what: str
    wanted: str
    found: str
    ok: bool
    how: str = ""


def checks(site: Site) -> list[Check]:
    """Every check that ``site`` needs, in about a second. A remote site needs only programs here."""
    if site.remote:
        return [*_programs(("git", "ssh", "ssh-keygen"))]
    ours, ports = _ports(site)
    return [
        _root(),
        _memory(MEMORY_WITH_SITE_GIB if ours else MEMORY_GIB),
        _disk(),
        _go(),
        *_programs(PROGRAMS),
        _cgroups(),
        *_kernel(),
        ports,
    ]


def require_ready(site: Site) -> None:
    """Raises ``PreflightFailed`` with the rows that are not as wanted."""
    missing = [check for check in checks(site) if not check.ok]
    if missing:
        raise PreflightFailed(f"this machine is not ready for the site '{site.name}'\n{table(missing)}")


def require_to_build() -> None:
    """Raises ``PreflightFailed`` when this machine can't build the programs that aren't built yet.

    What only a site needs (root, memory, ports) isn't asked for: unit tests need the programs, too.
    """
    from cxlib.stage import toolchain

    rows = [_go()]
    if rows[0].ok and toolchain.missing():
        rows.append(_build_disk())
    if lacking := [row for row in rows if not row.ok]:
        raise PreflightFailed(f"this machine can't build the programs\n{table(lacking)}")


def table(rows: list[Check]) -> str:
    """``rows`` as aligned text: what, wanted, found, how to get it."""
    head = ("", "what", "wanted", "found", "how to get it")
    cells = [head] + [("ok" if r.ok else "NO", r.what, r.wanted, r.found, r.how or "-") for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _root() -> Check:
    found = os.geteuid()
    return Check(
        "root", "uid 0", f"uid {found}", found == 0, "" if found == 0 else "run as root, or with sudo -E"
    )


def _memory(wanted: float) -> Check:
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    match = re.search(r"MemAvailable:\s+(\d+) kB", text)
    free = int(match[1]) * 1024 / GIB if match else 0.0
    ok = free >= wanted
    return Check(
        "memory",
        f"{wanted:g} GiB free",
        f"{free:.1f} GiB",
        ok,
        "" if ok else "end other programs, or add memory",
    )


def _disk() -> Check:
    from cxlib.settings import cache_root, state_root

    fix = f"free some, or set CX_CACHE and CX_STATE to a larger disk than that of {cache_root()}"
    return _room("disk", DISK_GIB, (cache_root(), state_root()), fix)


def _build_disk() -> Check:
    from cxlib.settings import cache_root

    go = [Path(line) for line in _says("go", "env", "GOCACHE", "GOMODCACHE").splitlines()]
    fix = "free some, or set CX_CACHE, GOCACHE and GOMODCACHE to a larger disk"
    return _room("disk to build", BUILD_GIB, (cache_root(), *go), fix)


def _room(what: str, wanted: float, roots: Iterable[Path], fix: str) -> Check:
    """Whether there are ``wanted`` GiB; where too few are free, with those that ``roots`` hold already."""
    roots = list(roots)
    free = min(shutil.disk_usage(_existing(root)).free for root in roots) / GIB
    used = 0.0 if free >= wanted else sum(_size(root) for root in roots) / GIB
    ok = free + used >= wanted
    found = f"{free:.0f} GiB free" + (f", {used:.0f} GiB ours" if used >= 1 else "")
    return Check(what, f"{wanted:g} GiB", found, ok, "" if ok else fix)


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _size(root: Path, most_files: int = 20_000) -> int:
    """Bytes in the first ``most_files`` files of ``root``: enough to see that the caches are filled."""
    total = 0
    for count, (folder, _, names) in enumerate(os.walk(root)):
        if count > most_files:
            break
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_blocks * 512
            except OSError:
                pass  # it has just been removed
    return total


def _go() -> Check:
    from cxlib.clients import golang
    from cxlib.stage.toolchain import SUPPLY

    needed = golang.wanted(SUPPLY / "modules")
    text = _says("go", "version")
    match = re.search(r"go(\d+\.\d+(?:\.\d+)?)\S*", text)
    ok = bool(match and golang.number(match[1]) >= golang.number(needed))
    how = "" if ok else f"install Go {needed} and put its bin folder on PATH"
    return Check("go", f"{needed} or later", match[0].removeprefix("go") if match else "none", ok, how)


def _programs(names: Iterable[str]) -> Iterator[Check]:
    for name in names:
        path = shutil.which(name)
        how = "" if path else f"apt-get install {PROGRAMS[name]}"
        yield Check(name, "on PATH", path or "none", bool(path), how)


def _cgroups() -> Check:
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    types = {line.split()[2] for line in mounts if len(line.split()) > 2}
    kinds = types & {"cgroup", "cgroup2"}
    found = {frozenset({"cgroup2"}): "v2", frozenset({"cgroup", "cgroup2"}): "v1 with hybrid v2"}.get(
        frozenset(kinds), "v1" if kinds else "none"
    )
    controllers = Path("/proc/cgroups").read_text(encoding="utf-8") if Path("/proc/cgroups").exists() else ""
    ok = bool(kinds) and (found == "v2" or "memory" in controllers)
    return Check("cgroups", "v2, or v1 with memory", found, ok, "" if ok else "mount /sys/fs/cgroup")


# Each creates one thing in a namespace of its own, which ends with the command.
_KERNEL = {
    "veth": ("unshare", "-n", "ip", "link", "add", "cx0", "type", "veth", "peer", "name", "cx1"),
    "bridge": ("unshare", "-n", "ip", "link", "add", "cx0", "type", "bridge"),
    "nf_tables": ("unshare", "-n", "iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE"),
    "overlayfs": (
        *("unshare", "-m", "sh", "-ec"),
        "mount -t tmpfs cx /mnt; cd /mnt; mkdir l u w m; "
        "mount -t overlay cx -o lowerdir=l,upperdir=u,workdir=w m",
    ),
}


def _kernel() -> Iterator[Check]:
    for feature, argv in _KERNEL.items():
        problem = _fails(*argv)
        how = f"load the kernel's module {feature}, or start the container with the right to use it"
        yield Check(feature, "usable", problem or "usable", not problem, how if problem else "")


def _ports(site: Site) -> tuple[bool, Check]:
    """Whether our own site is up, and the check of the floating address's ports."""
    from cxlib.settings import PORTS

    address = str(site.floating_address)
    held = {port: _holder(address, port) for port in sorted(set(PORTS.values())) if not _free(address, port)}
    foreign = {port: holder for port, holder in held.items() if not _is_ours(holder, site)}
    found = ", ".join(f"{port} held by {holder.name}" for port, holder in foreign.items())
    ours = bool(held) and not foreign
    how = "end what holds them, or set floating_address in the site's site.toml" if foreign else ""
    return ours, Check(
        f"ports of {address}", "free", found or ("our site's" if ours else "free"), not foreign, how
    )


@dataclass(frozen=True, slots=True)
class _Holder:
    name: str
    command: str


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return True  # without root: that is another row's matter
        except OSError:
            return False
    return True


def _holder(address: str, port: int) -> _Holder:
    """The process that listens on ``address:port``, as far as we may see it."""
    import psutil

    for connection in psutil.net_connections(kind="tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        if listens and connection.laddr.ip in (address, "0.0.0.0", "::") and connection.pid:
            process = psutil.Process(connection.pid)
            return _Holder(f"{process.name()} (pid {process.pid})", " ".join(process.cmdline()))
    return _Holder("another program", "")


def _is_ours(holder: _Holder, site: Site) -> bool:
    """podman's conmon holds a container's published ports; its command line names the container."""
    from cxlib.clients import podman

    return holder.name.startswith("conmon") and any(
        podman.is_of(site.name, word) for word in holder.command.split()
    )


def _says(*argv: str) -> str:
    from cxlib.clients import process

    try:
        done = process.run(argv, timeout=10, expect=None)
    except CxError:
        return ""
    return done.stdout + done.stderr


def _fails(*argv: str) -> str:
    """Empty when ``argv`` succeeds; otherwise the first line of why it does not."""
    from cxlib.clients import process

    try:
        done = process.run(argv, timeout=10, expect=None)
    except CxError as exc:
        return str(exc).splitlines()[0]
    said = (done.stderr or done.stdout or f"exit {done.code}").strip().splitlines()
    return "" if done.code == 0 else said[0]
