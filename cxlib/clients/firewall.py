"""Routes and firewall rules of this machine, read only."""

from __future__ import annotations

from collections.abc import Sequence

from cxlib.clients import process


def traces(of: Sequence[str]) -> list[str]:
    """Routes and rules that name one of the networks or addresses ``of``."""
    listed = process.run(["ip", "route"], timeout=10).stdout.splitlines()
    listed += process.run(["iptables-save"], timeout=30).stdout.splitlines()
    return [line for line in listed if any(word in line for word in of)]
