"""Routes and firewall rules of this machine, read only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from cxlib.clients import process

_ADDRESS = re.compile(r"(?<![\d.])\d+(?:\.\d+){3}(?:/\d+)?(?![\d.])")


def traces(of: Sequence[IPv4Network]) -> list[str]:
    """Routes and rules that name one of the networks ``of``, or an address or a part of one."""
    listed = process.run(["ip", "route"], timeout=10).stdout.splitlines()
    listed += process.run(["iptables-save"], timeout=30).stdout.splitlines()
    return [line.strip() for line in listed if any(n.subnet_of(o) for n in _named(line) for o in of)]


def _named(line: str) -> Iterator[IPv4Network]:
    """The addresses and networks in ``line``; four numbers may also be something else."""
    for text in _ADDRESS.findall(line):
        try:
            yield IPv4Network(text, strict=False)
        except ValueError:
            pass
