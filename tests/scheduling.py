"""Which tests stay together when several processes run them, and which begin first."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# Tests of one real server, which takes seconds to start, stay in one process.
TOGETHER = {
    # these move the aliases of one model
    "tests/cluster/test_promotion": "promotions",
    "tests/cluster/test_status": "promotions",
    "tests/cluster/": "API server",
}


class ByServer(LoadScopeScheduling):
    """pytest-xdist's way to share out tests, by server and else by file."""

    def _split_scope(self, nodeid: str) -> str:
        own = nodeid.partition("::")[0]
        return next((server for path, server in TOGETHER.items() if own.startswith(path)), own)
