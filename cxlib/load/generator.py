"""The open model: each arrival begins a task when it is due, whatever became of those before it.

Users of the profile stay plain Locust users. Here they stand in a pool; an arrival takes one that is
free and has it do one task. With none free the pool grows up to ``most_users`` of a class; then
arrivals wait in line and are late, which their latency shows, but none is lost.
"""

from __future__ import annotations

import logging
import random
import time
import traceback
from array import array
from collections import deque
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.pool import Pool as Greenlets  # type: ignore[import-untyped]
from locust import User
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, DefaultTaskSet

from cxlib.load import schedule
from cxlib.load.alarm import Alarm
from cxlib.load.recorder import PREPARING, VISIT, Recorder, Visit

# Users that are ready before the first arrival: those of this many seconds.
WARM_SECONDS = 0.5
STOP_USERS_SECONDS = 5.0
_ENDS = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately)
_log = logging.getLogger(__name__)


class Pool:
    """The users of one class: ``idle`` ones, and the arrivals ``waiting`` for one of them."""

    def __init__(self, environment: Any, kind: type[User], most: int) -> None:
        self.kind, self._environment, self._most = kind, environment, most
        self.idle: list[User] = []
        self.waiting: deque[Visit] = deque()
        self.size = self.busy = self.met = 0

    def warm(self, users: int) -> None:
        """Have ``users`` ready, but no more than the pool may hold."""
        crew = Greenlets(20)
        self.size = min(users, self._most)
        for _ in range(self.size):
            crew.spawn(self._prepare)
        crew.join()

    def _prepare(self) -> None:
        if user := self._new():
            self.idle.append(user)

    def arrive(self, visit: Visit) -> None:
        """An arrival that is due now. Does not block."""
        if self.idle:
            gevent.spawn(self._serve, self.idle.pop(), visit)
        elif self.size < self._most:
            self.size += 1
            gevent.spawn(self._serve, None, visit)
        else:
            self.waiting.append(visit)

    def _serve(self, user: User | None, visit: Visit) -> None:
        self.busy += 1
        try:
            while True:
                user = user or self._new()
                user = user if user and self._do(user, visit) else None
                if not self.waiting:
                    break
                self.size += user is None  # one that left makes room for a new one
                visit = self.waiting.popleft()
        finally:
            self.busy -= 1
        if user:
            self.idle.append(user)

    def _do(self, user: User, visit: Visit) -> bool:
        """One task of ``user``; whether the user stays."""
        VISIT.set(visit)
        tasks: Any = user._taskset_instance
        try:
            if not tasks._task_queue:
                tasks.schedule_task(tasks.get_next_task())
            tasks.execute_next_task()
        except _ENDS:
            pass  # a TaskSet that has done its part says so by these
        except StopUser:
            self.dismiss(user)
            return False
        except StopTest:
            gevent.spawn(self._environment.runner.quit)
        except Exception as exc:  # noqa: BLE001  whatever a profile raises, as Locust takes it
            self._tell(exc, user)
        finally:
            self.met += visit.requests > 0
        return True

    def _new(self) -> User | None:
        """A user that is ready, or None (and one less in the pool) when its ``on_start`` fails."""
        VISIT.set(PREPARING)
        try:
            user = self.kind(self._environment)
            user._state = LOCUST_STATE_RUNNING
            user._taskset_instance = DefaultTaskSet(user)
            user.on_start()
        except Exception as exc:  # noqa: BLE001
            self._tell(exc)
            self.size -= 1
            return None
        return user

    def dismiss(self, user: User) -> None:
        """``user`` leaves the pool, by its ``on_stop``."""
        VISIT.set(PREPARING)
        self.size -= 1
        try:
            user.on_stop()  # type: ignore[no-untyped-call]
        except Exception as exc:  # noqa: BLE001
            self._tell(exc, user)

    def _tell(self, exc: Exception, user: User | None = None) -> None:
        self._environment.events.user_error.fire(user_instance=user, exception=exc, tb=exc.__traceback__)
        _log.error("%s\n%s", exc, "".join(traceback.format_exception(exc)))


class Generator:
    """Sends this worker's share of the planned arrivals, level after level.

    ``levels`` are ``[users, seconds, rate, arrivals]``, with the rate of all workers together.
    """

    def __init__(self, environment: Any, recorder: Recorder, order: dict[str, Any]) -> None:
        self._recorder, self._levels, self._order = recorder, order["levels"], order
        self._environment = environment
        self._plans = [self._plan(number, *level) for number, level in enumerate(order["levels"])]
        self.planned = sum(map(len, self._plans))
        kinds = [kind for kind in environment.user_classes if kind.weight or kind.fixed_count]
        self._pools = [Pool(environment, kind, order["most_users"]) for kind in kinds]
        self._weights = [kind.fixed_count or kind.weight for kind in kinds]
        self.done = False

    def _plan(self, number: int, _users: int, seconds: float, rate: float, kind: str) -> array[float]:
        every = schedule.arrivals(rate, seconds, kind, f"{self._order['seed']}/{number}")
        return schedule.share(every, self._order["index"], self._order["of"])

    @property
    def met(self) -> int:
        """Arrivals of which at least one request was recorded."""
        return sum(pool.met for pool in self._pools)

    @property
    def waiting(self) -> int:
        """Arrivals that are due and have no user yet."""
        return sum(len(pool.waiting) for pool in self._pools)

    def warm(self) -> None:
        """Make users beforehand: making one takes time that arrivals would miss."""
        users = max(level[2] for level in self._levels) / self._order["of"] * WARM_SECONDS
        for pool, weight in zip(self._pools, self._weights, strict=True):
            pool.kind.host = self._environment.host or pool.kind.host  # Locust does so a moment later
            pool.warm(max(1, round(users * weight / sum(self._weights))))

    def run(self) -> None:
        """Greenlet: send all arrivals, then let what is under way end within the stop timeout."""
        begun, epoch, passed, alarm = time.monotonic(), time.time(), 0.0, Alarm()
        for number, (plan, level) in enumerate(zip(self._plans, self._levels, strict=True)):
            alarm.sleep_until(begun + passed)
            self._recorder.level_starts.append(epoch + passed)
            for at in plan:
                alarm.sleep_until(begun + passed + at)
                self._choose().arrive(Visit(number, epoch + passed + at))
            passed += level[1]
        alarm.sleep_until(begun + passed)
        self._recorder.ended = epoch + passed
        self._drain(begun + passed + self._order["stop_seconds"])
        self.done = True

    def _choose(self) -> Pool:
        if len(self._pools) == 1:
            return self._pools[0]
        return random.choices(self._pools, self._weights)[0]  # noqa: S311  no secret

    def _drain(self, until: float) -> None:
        while any(pool.busy or pool.waiting for pool in self._pools) and time.monotonic() < until:
            gevent.sleep(0.05)
        for pool in self._pools:
            pool.waiting.clear()
            with gevent.Timeout(STOP_USERS_SECONDS, False):
                crew = Greenlets(20)
                for user in pool.idle:
                    crew.spawn(pool.dismiss, user)
                crew.join()
