"""The generator goes before all else on its machine: its waits for a processor look like the service's."""

from __future__ import annotations

import os


def take() -> bool:
    """This thread runs as soon as it wants to, with the lowest of the real-time priorities; whether the
    machine allows that (root does, a pod doesn't). The kernel leaves others a twentieth all the same."""
    lowest = os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, lowest)
    except OSError:
        return False
    return True


def give_back() -> None:
    """This thread waits in line again."""
    os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
