"""90 nightly: a site looked at, never touched. None of the fixtures here converges anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from pytest_bdd import given, parsers, then

from cxlib import progress
from cxlib.errors import StageFailed
from cxlib.harness import redact, summary
from cxlib.harness.state import RUN
from cxlib.judge.agreement import age
from cxlib.model.standing import Standing
from cxlib.settings import ENVIRONMENTS, Site
from cxlib.stage import cluster, nightly, platform, status

BACKUP_EVERY = timedelta(hours=6)


@pytest.fixture(scope="session")
def observed(pytestconfig: pytest.Config) -> Site:
    """The site that ``--site`` names, as it is. No preflight: nothing is going to be made."""
    return nightly.require_site(pytestconfig.stash[RUN].site)


@pytest.fixture(scope="session")
def standing(observed: Site) -> Standing:
    """What all parts say of every environment, asked once for all scenarios."""
    found = status.standing(observed)
    summary.record("cluster", found.fingerprint or "unknown")
    return found


@given("the site as it is")
def _(observed: Site) -> None:
    """There is one."""


@then("Terraform would change nothing, and every machine runs")
def _(observed: Site) -> None:
    require_none("the machines", "what their files say", nightly.machine_drift(observed))


@then("the plays would change nothing")
def _(observed: Site) -> None:
    require_none("the machines", "what the plays say", nightly.play_drift(observed))


@then("the API server is ready")
def _(observed: Site) -> None:
    assert nightly.kubernetes_ready(observed) == "ok"


@then("every machine is a Ready node")
def _(observed: Site) -> None:
    assert cluster.ready_nodes(observed) == sorted(observed.nodes)


@then("the registry of the cluster still answers")
def _(observed: Site) -> None:
    assert cluster.registry_version(observed)


@then("every Application is Synced and Healthy, among them")
def _(observed: Site, datatable: list[list[str]]) -> None:
    found = nightly.applications(observed)
    missing = {name for (name,) in datatable[1:]} - {state.name for state in found}
    wrong = [f"{s.name}: {s}" for s in found if (s.sync, s.health) != ("Synced", "Healthy")]
    require_none("Argo CD", "Synced and Healthy", [*(f"no Application {name}" for name in missing), *wrong])
    summary.record("Applications", f"{len(found)} Synced and Healthy")


@then(parsers.parse("these say the same of {name}"))
def _(standing: Standing, environment: str, name: str, datatable: list[list[str]]) -> None:
    one = next(e for e in standing.environments if e.name == name)
    down = standing.down or {}
    require_none(name, "an answer of every part", [f"{part}: {why}" for part, why in down.items()])
    asked = [part for (part,) in datatable[1:]]
    wrong = [f"{d.what} (mend it: {d.mend})" for d in standing.disagreements
             if d.environment == name and d.part in asked]  # fmt: skip
    if not one.installed and ENVIRONMENTS.index(name) <= ENVIRONMENTS.index(environment):
        wrong.append(f"it is not installed, and --env={environment} says that it has to be")
    require_none(name, "all parts to agree", wrong)
    said = str(one.wanted) if one.installed else "not installed"
    if not one.installed:
        progress.note(f"{name}: not installed, nothing to look at")
    summary.record(name, said)


@then(parsers.parse("every certificate holds for at least {days:d} days"))
def _(observed: Site, days: int) -> None:
    found, now = nightly.certificates(observed), nightly.now()
    ending = [f"{c.where} ({c.subject}) ends {c.ends:%Y-%m-%d}" for c in found
              if c.ends < now + timedelta(days=days)]  # fmt: skip
    require_none("certificates", f"none to end within {days} days", ending)
    summary.record("certificates", f"{len(found)}; the first ends in {age(found[0].ends, now)}")


@then(parsers.parse("at least {gib:g} GiB are free here, and on every machine below"))
def _(observed: Site, gib: float, datatable: list[list[str]]) -> None:
    found = nightly.room(observed, [path for (path,) in datatable[1:]])
    full = [f"{r.machine} {r.path}: {r.gib:.1f} GiB" for r in found if r.gib < gib]
    require_none("disks", f"{gib:g} GiB free", full)
    least = min(found, key=lambda r: r.gib)
    summary.record("disks", f"least free: {least.gib:.0f} GiB at {least.machine} {least.path}")


@then(parsers.parse("its newest backup in MinIO is at most {hours:d} hours old and not empty"))
def _(observed: Site, hours: int) -> None:
    for keys in platform.secret_values(platform.connect(observed)).values():
        for value in keys.values():
            redact.add(value)
    found, now = nightly.backup(observed, BACKUP_EVERY), nightly.now()
    if found.made is None:
        assert now < found.due + timedelta(hours=1), f"no backup yet; the first was due at {found.due}"
        summary.record("backup", f"none yet; the first is due in {age(found.due, now)}")
        return
    assert found.bytes > 0, f"{found.name} is empty"
    assert now - found.made <= timedelta(hours=hours), f"{found.name} is {age(found.made, now)} old"
    summary.record("backup", f"{found.name}, {age(found.made, now)} old, {found.bytes:,} bytes")


@then("these answer")
def _(observed: Site, datatable: list[list[str]]) -> None:
    wanted = [(port, path) for port, path in datatable[1:]]
    require_none("endpoints", "200 from each", nightly.endpoints(observed, wanted))


@then(parsers.parse('every other environment that is installed answers at "{path}"'))
def _(observed: Site, standing: Standing, path: str) -> None:
    others = [(e.name, path) for e in standing.environments[1:] if e.installed]
    require_none("endpoints", "200 from each", nightly.endpoints(observed, others))


def require_none(what: str, wanted: str, wrong: Sequence[str]) -> None:
    """Raises ``StageFailed`` that lists what is wrong, if anything is."""
    if wrong:
        raise StageFailed(what, wanted=wanted, seen="; ".join(wrong))
