"""The processes of a load generator, as the machine sees them."""

from __future__ import annotations


def kill(host: str) -> int:
    """End at once every generator of ours that drives ``host`` (a base URL), as a machine short of
    memory does; how many there were."""
    import psutil

    killed = 0
    for child in psutil.Process().children(recursive=True):
        try:
            if host in child.cmdline():
                child.kill()
                killed += 1
        except psutil.NoSuchProcess:
            continue  # it ended by itself
    return killed
