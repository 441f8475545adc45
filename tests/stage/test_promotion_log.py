"""What was promoted, rolled back and may go again, from records in a real MLflow."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest

from cxlib import settings
from cxlib.clients.mlflow import Tracking
from cxlib.settings import Site, load_site
from cxlib.stage import promotion_log
from cxlib.stage.environment import Candidate
from cxlib.stage.promotion_log import Event

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")


def site_of(url: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The local site, with MLflow where the test's server is."""
    monkeypatch.setitem(settings.PORTS, "mlflow", int(url.rsplit(":", 1)[1]))
    return load_site("local").model_copy(update={"floating_address": "127.0.0.1"})


@dataclass(frozen=True)
class Records:
    """An environment of the test's own in a real MLflow."""

    url: str
    site: Site
    name: str

    def note(self, outcome: str, digest: str, before: str, workflow: str = "w") -> str:
        """One record; its run."""
        tags = {
            "cx.environment": self.name,
            "cx.outcome": outcome,
            "cx.digest": digest,
            "cx.from-digest": before,
            "cx.model-version": digest[7:8],
            "cx.workflow": workflow,
        }
        return Tracking(self.url).log(promotion_log.EXPERIMENT, "end", tags=tags).run_id


@pytest.fixture
def records(mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> Records:
    """Nothing was promoted there yet."""
    return Records(mlflow_url, site_of(mlflow_url, monkeypatch), f"test-{uuid.uuid4().hex[:8]}")


def history(records: Records, *lines: tuple[str, str, str]) -> list[Event]:
    """The events that MLflow gives back for records of (outcome, digest, digest before), oldest first."""
    for number, line in enumerate(lines, 1):
        records.note(*line, f"w-{number}")
    return promotion_log.events(records.site, records.name)


def test_records_come_back_oldest_first(records: Records) -> None:
    """What was done last decides; an order by chance would promote what was taken away."""
    known = history(records, ("promoted", ONE, ""), ("promoted", TWO, ONE))
    assert [(e.workflow, e.to, e.left) for e in known] == [
        ("w-1", Candidate("1", ONE), ""),
        ("w-2", Candidate("2", TWO), ONE),
    ]


def test_what_was_rolled_back_is_withdrawn(records: Records) -> None:
    """Automation that promoted it again would undo the rollback of a person, or loop with the soak."""
    known = history(records, ("promoted", ONE, ""), ("promoted", TWO, ONE), ("rolled-back", ONE, TWO))
    taken = promotion_log.withdrawn(known, TWO)
    assert taken is not None
    assert taken.workflow == "w-3"
    assert promotion_log.withdrawn(known, ONE) is None


def test_what_came_back_after_its_rollback_is_not_withdrawn(records: Records) -> None:
    """A person who overrode the rollback has decided; the next run must not refuse what serves."""
    known = history(
        records,
        ("promoted", TWO, ""),
        ("rolled-back", ONE, TWO),
        ("promoted", TWO, ONE),
    )
    assert promotion_log.withdrawn(known, TWO) is None


def test_what_failed_or_was_refused_changes_nothing(records: Records) -> None:
    """A promotion that was undone never arrived: it is no version to go back to, and none to keep away."""
    known = history(records, ("promoted", ONE, ""), ("undone", TWO, ONE), ("refused", THREE, ""))
    assert promotion_log.arrival(known, TWO) is None
    assert promotion_log.withdrawn(known, TWO) is None
    assert promotion_log.good(known, [ONE]) == []


def test_a_rollback_goes_to_the_newest_that_stayed_good(records: Records) -> None:
    """Neither what serves now nor what was taken away before is a place to go back to."""
    known = history(
        records,
        ("promoted", ONE, ""),
        ("promoted", TWO, ONE),
        ("rolled-back", ONE, TWO),
        ("promoted", THREE, ONE),
    )
    assert [e.to.digest for e in promotion_log.good(known, [THREE])] == [ONE]


def test_without_records_nothing_is_known(records: Records) -> None:
    """A new site has no experiment yet, which is no error."""
    assert history(records) == []


def test_a_rollback_whose_record_was_deleted_still_counts(records: Records) -> None:
    """Else who cleans up in MLflow's page lets automation promote what was taken away."""
    records.note("promoted", TWO, ONE)
    gone = records.note("rolled-back", ONE, TWO)
    Tracking(records.url).remove(gone)
    known = promotion_log.about(records.site, records.name, TWO)
    assert promotion_log.withdrawn(known, TWO) is not None


def test_a_rollback_of_long_ago_still_counts(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that is refused every hour writes more records in a month than anybody reads at once."""
    monkeypatch.setattr(promotion_log, "_MOST", 3)
    records.note("promoted", TWO, ONE)
    records.note("rolled-back", ONE, TWO)
    for outcome, digest in (*[("refused", TWO)] * 4, *[("promoted", THREE)] * 4):
        records.note(outcome, digest, "")
    known = promotion_log.about(records.site, records.name, TWO)
    assert [(e.outcome, e.to.digest) for e in known] == [("promoted", TWO), ("rolled-back", ONE)]
    assert promotion_log.withdrawn(known, TWO) is not None
    assert [e.to.digest for e in promotion_log.events(records.site, records.name)] == [ONE] + [THREE] * 3
