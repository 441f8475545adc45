"""Which tests stay together when several processes run them, and which begin first."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# Tests of one real server, which takes seconds to start, stay in one process.
TOGETHER = {
    # these move the aliases of one model
    "tests/cluster/test_promotion": "promotions",
    "tests/cluster/test_status": "promotions",
    "tests/cluster/": "API server",
    # they import what takes six seconds
    "tests/services/": "services",
}
# What takes longest: whoever began it last would be waited for.
FIRST = ("promotions", "API server", "tests/load/", "services", "tests/harness/")


class ByServer(LoadScopeScheduling):
    """pytest-xdist's way to share out tests, by server and else by file."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if all_apart(self.config) else scope(nodeid)


def all_apart(config: pytest.Config) -> bool:
    """Whether each process has servers of its own: most of the exhaustive tier needs one of them."""
    return str(config.option.markexpr) == "exhaustive"


def scope(nodeid: str) -> str:
    """What a test shares a process with."""
    own = nodeid.partition("::")[0]
    return next((server for path, server in TOGETHER.items() if own.startswith(path)), own)


def rank(nodeid: str) -> int:
    """Where in the order of beginning a test stands."""
    own = scope(nodeid)
    return next((place for place, name in enumerate(FIRST) if own.startswith(name)), len(FIRST))
