"""Whose turn it is at an environment, and what it was before: kept on the Application itself.

A claim holds all that is needed to undo a promotion. It is taken, renewed and given back by writes
that the API server refuses when the Application has changed since it was read; so is every other
write of a promotion. Whoever lost the claim can't write any more, however late it wakes up.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cxlib.errors import CxError, StageFailed
from services.pipeline.cluster import REFRESH, Cluster, Conflict, Missing
from services.pipeline.pace import Pace, waited_out
from services.pipeline.target import Wanted, pointed, said, source_of

UNDER_WAY = "cx.birdclef/promotion"
LAST = "cx.birdclef/last-promotion"
_ENTRY = {"workflow", "uid", "outcome", "version"}  # what is asked of how the last one ended
_TRIES = 50
T = TypeVar("T")


class Held(CxError):
    """Another promotion holds the environment; the message names it."""


class Stale(CxError):
    """This promotion lost its claim while it wasn't looking: it must not write any more."""


class Meddled(StageFailed):
    """Somebody has set it meanwhile: it is neither what the claim wants nor what it recorded."""


@dataclass(frozen=True, slots=True)
class Before:
    """What an environment was: the Application's parameters, the digest that the *new* tag named (None:
    no such tag), the version of its MLflow alias (None: no alias), whether it served as it should, and the
    commit of its chart.
    """

    parameters: list[dict[str, Any]]
    tag_digest: str | None
    alias: str | None
    served: bool
    chart: str = ""

    def wanted(self, environment: str) -> Wanted:
        """That state as one to be reached again."""
        return said(self.source, environment)

    @property
    def source(self) -> dict[str, Any]:
        """The part of the Application's source that said so."""
        return source_of(self.parameters, self.chart)


@dataclass(frozen=True, slots=True)
class Claim:
    """``workflow`` and ``uid`` hold the environment until ``until``; ``token`` is the process's own.

    ``source`` is empty for a rollback; ``undoing`` says why it goes back, once it does.
    """

    workflow: str
    uid: str
    token: str
    until: datetime
    to: Wanted
    before: Before
    source: str = ""
    override: str = ""
    undoing: str = ""

    @property
    def text(self) -> str:
        """As it is kept: JSON."""
        return json.dumps({**asdict(self), "until": self.until.isoformat(timespec="seconds")}, sort_keys=True)

    @property
    def holder(self) -> str:
        return f"{self.workflow} holds {self.to.environment} until {self.until:%H:%M:%S} UTC"


def read(app: dict[str, Any]) -> Claim | None:
    """The claim on an Application, or None. Raises ``StageFailed`` for one that can't be read."""
    text = (app["metadata"].get("annotations") or {}).get(UNDER_WAY)
    if text is None:
        return None
    try:
        data = json.loads(text)
        data |= {"to": Wanted(**data["to"]), "before": Before(**data["before"])}
        until = datetime.fromisoformat(data["until"])
        return Claim(**data | {"until": until if until.tzinfo else until.replace(tzinfo=UTC)})
    except (ValueError, KeyError, TypeError) as exc:
        raise StageFailed(f"annotation {UNDER_WAY}", wanted="a claim", seen=text[:200]) from exc


def own(app: dict[str, Any], uid: str) -> Claim | None:
    """The claim on an Application if it is that of the workflow ``uid``, or None."""
    there = read(app)
    return there if there and there.uid == uid else None


def last(app: dict[str, Any]) -> dict[str, str]:
    """How the environment's last promotion ended, a ``logbook.Entry`` with when it ``finished``; or empty.

    Also when it can't be read: it tells of the past only, and the next promotion writes it anew.
    """
    text = (app["metadata"].get("annotations") or {}).get(LAST)
    try:
        found = {str(key): str(value) for key, value in json.loads(text or "{}").items()}
        readable = not found or datetime.fromisoformat(found["finished"]).tzinfo is not None
    except (ValueError, AttributeError, KeyError):
        return {}
    return found if readable and found.keys() >= _ENTRY else {}


class Hold:
    """A claim that this process has taken on an environment's Application, the object with the uid ``of``."""

    def __init__(self, cluster: Cluster, claim: Claim, pace: Pace, of: str) -> None:
        self._cluster, self._pace, self._of, self.claim = cluster, pace, of, claim

    @classmethod
    def take(cls, cluster: Cluster, claim: Claim, pace: Pace) -> Hold:
        """Take the environment. A claim of the same workflow is taken over with its record.

        Raises ``Held`` naming the holder, also one whose time is over: that is to be ended first.
        """
        made = replace(claim, token=uuid.uuid4().hex, until=_until(pace))

        def attempt() -> tuple[Claim, str]:
            app = cluster.application(claim.to.application)
            there, mine = read(app), made
            if there and there.token == made.token:
                return there, _uid(app)  # the answer to our write was lost
            if there and there.uid != made.uid:
                raise Held(there.holder)
            if there:
                mine = replace(there, token=made.token, until=made.until)
            elif not made.before.wanted(made.to.environment).said_by(app["spec"]["source"]):
                raise Held(f"somebody deployed to {made.to.environment} while its state was recorded")
            _put(cluster, app, {UNDER_WAY: mine.text})
            return mine, _uid(app)

        taken, of = _settled(claim.to, attempt, pace)
        return cls(cluster, taken, pace, of)

    @classmethod
    def seize(cls, cluster: Cluster, left: Claim, uid: str, pace: Pace) -> Hold:
        """Take over the claim ``left``, to undo it: the workflow's own (``uid``), or an abandoned one.

        Raises ``Held`` while another's time isn't over.
        """
        if left.uid != uid and datetime.now(UTC) < left.until:
            raise Held(left.holder)
        mine = replace(left, token=uuid.uuid4().hex, until=_until(pace))

        def attempt() -> tuple[Claim, str]:
            app = cluster.application(left.to.application)
            there = read(app)
            if there and there.token == mine.token:
                return there, _uid(app)  # the answer to our write was lost
            if there is None or there.token != left.token:
                raise Held(there.holder if there else f"{left.workflow} has ended by itself")
            _put(cluster, app, {UNDER_WAY: mine.text})
            return mine, _uid(app)

        taken, of = _settled(left.to, attempt, pace)
        return cls(cluster, taken, pace, of)

    def check(self) -> dict[str, Any]:
        """The Application, the claim still ours; renewed when half its time is over. Raises ``Stale``.

        Asked again before each attempt of a write that has no compare-and-set of its own.
        """
        if self.claim.until - datetime.now(UTC) < timedelta(seconds=self._pace.lease / 2):
            return self.write({})
        return waited_out(self.claim.to.application, self._ours, self._pace)

    def orphaned(self) -> str:
        """Why nobody else will undo this promotion: the Application is gone, and its claim with it.

        Empty when it is there; or one that was made in its place, where somebody promotes by now.
        """
        name = self.claim.to.application
        try:
            app = waited_out(name, lambda: self._cluster.application(name), self._pace)
        except Missing:
            return "the Application is gone"
        if _uid(app) != self._of and read(app) is None and not last(app):
            return "the Application is gone, another was made in its place"
        return ""

    def point(self, to: Wanted | Before) -> None:
        """Let the Application say ``to``, and have Argo CD look at once.

        Raises ``Meddled`` when it has others than those that the claim wants or has recorded, ``Stale``.
        """
        known = (self.claim.to, self.claim.before.wanted(self.claim.to.environment))

        def require(app: dict[str, Any]) -> None:
            if not any(one.said_by(app["spec"]["source"]) for one in known):
                seen = str(pointed(app, self.claim.to.environment))
                raise Meddled(self.claim.to.application, wanted="as it was recorded", seen=seen)

        change = {"metadata": {"annotations": {REFRESH: "normal"}}, "spec": {"source": to.source}}
        self.write(change, require=require)

    def write(
        self,
        change: dict[str, Any],
        *,
        undoing: str = "",
        require: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Merge ``change`` into the Application and renew the claim. Raises ``Stale`` when it isn't ours.

        ``require`` is asked, at each attempt, about the very Application that is written over, and may raise.
        """
        claim = replace(self.claim, until=_until(self._pace), undoing=undoing or self.claim.undoing)

        def attempt() -> dict[str, Any]:
            app = self._ours()
            require(app)
            return _put(self._cluster, app, {UNDER_WAY: claim.text}, change)

        app = _settled(self.claim.to, attempt, self._pace)
        self.claim = claim
        return app

    def release(self, ended: Mapping[str, str]) -> None:
        """Give the environment back and keep there how it ``ended``. Raises ``Stale``."""
        to = self.claim.to
        kept = {**ended, "uid": self.claim.uid, "finished": datetime.now(UTC).isoformat(timespec="seconds")}

        def attempt() -> None:
            app = self._cluster.application(to.application)
            if read(app) is None and last(app).get("uid") == self.claim.uid:
                return  # the answer to our write was lost
            _put(self._cluster, self._ours(app), {UNDER_WAY: None, LAST: json.dumps(kept, sort_keys=True)})

        _settled(to, attempt, self._pace)

    def _ours(self, app: dict[str, Any] | None = None) -> dict[str, Any]:
        app = app or self._cluster.application(self.claim.to.application)
        there = read(app)
        if there is None or there.token != self.claim.token:
            who = there.holder if there else f"{last(app).get('workflow', 'somebody')} has ended it"
            raise Stale(f"{self.claim.workflow} lost {self.claim.to.environment}: {who}")
        return app


def _uid(app: dict[str, Any]) -> str:
    return str(app["metadata"].get("uid", ""))


def _until(pace: Pace) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=pace.lease)


def _put(
    cluster: Cluster,
    app: dict[str, Any],
    annotations: dict[str, str | None],
    change: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write to the Application as it was read in ``app``. Raises ``Conflict`` when it has changed since."""
    change = change or {}
    metadata = change.get("metadata", {})
    merged = {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}
    return cluster.patch_application(
        app["metadata"]["name"], {**change, "metadata": merged}, app["metadata"]["resourceVersion"]
    )


def _settled(to: Wanted, attempt: Callable[[], T], pace: Pace) -> T:
    """``attempt`` until the Application didn't change under it: Argo CD writes its status there as well."""

    def tries() -> T:
        for _ in range(_TRIES):
            try:
                return attempt()
            except Conflict as exc:
                conflict = exc
        raise StageFailed(f"Application {to.application}", wanted="to be written", seen=str(conflict))

    return waited_out(f"Application {to.application}", tries, pace)
