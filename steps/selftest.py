"""91 self-test: does the load gate close on what it has to close on?"""

from __future__ import annotations

from pathlib import Path

from pytest_bdd import then, when

from cxlib.harness import summary
from cxlib.stage import selftest as stage
from cxlib.stage.selftest import Outcome


@when("the gate is put to the test on a small service", target_fixture="outcomes")
def _(run_folder: Path) -> tuple[Outcome, ...]:
    outcomes = stage.run(run_folder / "selftest")
    for outcome in outcomes:
        summary.record(outcome.case.did, f"{outcome.said}: {outcome.reason}")
    return outcomes


@then("it said")
def _(outcomes: tuple[Outcome, ...], datatable: list[list[str]]) -> None:
    said = {outcome.case.did: outcome.said for outcome in outcomes}
    reasons = "\n".join(f"{o.case.did}: {o.said}: {o.reason}" for o in outcomes)
    assert said == dict(datatable[1:]), reasons
