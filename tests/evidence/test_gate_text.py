"""What a gate's text is made of: evidence of one text is void for another, in whatever part they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cxlib.errors import ConfigError
from cxlib.evidence import rules
from cxlib.evidence.statement import EvidenceRefused
from cxlib.model.load import Load, LoadLevel
from cxlib.stage import gate
from tests.evidence import made
from tests.evidence.made import Keys, signed, statement

LOAD = Load("shop", (LoadLevel(1, 30), LoadLevel(8, 30)))
OPEN = Load("shop", (LoadLevel(0, 30, 100.0),))


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """A profile with a module that it imports, data that it reads, and another profile beside it."""
    (tmp_path / "shop.py").write_text("import json\nfrom carts import Cart\n")
    (tmp_path / "carts.py").write_text("import prices\nclass Cart: ...\n")
    (tmp_path / "prices.py").write_text("ALL = [1]\n")
    (tmp_path / "things.json").write_text("[1, 2]")
    (tmp_path / "other.py").write_text("import shop\n")
    (tmp_path / "more").mkdir()
    return tmp_path


def sha256(profiles: Path, load: Load = LOAD) -> str:
    return rules.gate_sha256(made.GATE, gate.text(made.LINES, load, profiles))


def require(keys: Keys, was: str, is_now: str) -> None:
    """A promotion asks for the gate of today, and there is a PASS of the gate as it was."""
    rules.accept(
        signed(keys, statement(gate_sha256=was)), public_key=keys.public, digest=made.DIGEST,
        environment="staging", gates={made.GATE: is_now}, site=made.SITE, now=made.NOW, target="canary",
    )  # fmt: skip


def level(number: int, **changes: object) -> Callable[[Load], Load]:
    def change(load: Load) -> Load:
        levels = list(load.levels)
        levels[number] = replace(levels[number], **changes)  # type: ignore[arg-type]
        return replace(load, levels=tuple(levels))

    return change


@pytest.mark.parametrize(
    ("load", "change"),
    [
        (LOAD, level(1, users=4)),
        (LOAD, level(0, seconds=5)),
        (LOAD, level(0, seconds=30.0000001)),
        (LOAD, lambda load: replace(load, levels=load.levels[:1])),
        (LOAD, lambda load: replace(load, levels=load.levels[::-1])),
        (LOAD, lambda load: replace(load, levels=load.levels * 2)),
        (LOAD, lambda load: replace(load, profile="other")),
        (LOAD, lambda _: OPEN),
        (OPEN, level(0, rate=50.0)),
        (OPEN, level(0, arrivals="constant")),
        (OPEN, level(0, seconds=60)),
    ],
)
def test_any_other_load_makes_old_evidence_void(
    keys: Keys, profiles: Path, load: Load, change: Callable[[Load], Load]
) -> None:
    """5 s of one user prove nothing about 30 s of eight, however good the numbers were."""
    with pytest.raises(EvidenceRefused, match="the gate's text has changed since"):
        require(keys, sha256(profiles, load), sha256(profiles, change(load)))


def test_a_changed_chart_makes_old_evidence_void(keys: Keys, profiles: Path, tmp_path: Path) -> None:
    """Half the memory or one replica more is another service, whatever the image is."""
    values = tmp_path / "chart" / "values.yaml"
    values.parent.mkdir()

    def text(memory: str) -> str:
        values.write_text(f"memory: {memory}\n")
        return rules.gate_sha256(made.GATE, gate.text(made.LINES, LOAD, profiles, values.parent))

    was = text("512Mi")
    require(keys, was, text("512Mi"))
    with pytest.raises(EvidenceRefused, match="the gate's text has changed since"):
        require(keys, was, text("256Mi"))


@pytest.mark.parametrize("name", ["shop.py", "carts.py", "prices.py", "things.json"])
def test_any_other_content_of_the_profile_makes_old_evidence_void(
    keys: Keys, profiles: Path, name: str
) -> None:
    """What is sent is what was proven: the profile, the modules beside it that it imports, its data."""
    was = sha256(profiles)
    (profiles / name).write_text((profiles / name).read_text() + "\n")
    with pytest.raises(EvidenceRefused, match="the gate's text has changed since"):
        require(keys, was, sha256(profiles))


@pytest.mark.parametrize(("old", "new"), [("things.json", "thing.json"), ("things.json", "more/things.json")])
def test_data_that_was_renamed_or_taken_away_is_other_data(
    keys: Keys, profiles: Path, old: str, new: str
) -> None:
    """A profile that finds another file, or none, sends something else."""
    was = sha256(profiles)
    (profiles / old).rename(profiles / new)
    with pytest.raises(EvidenceRefused, match="the gate's text has changed since"):
        require(keys, was, sha256(profiles))


def test_what_belongs_to_other_profiles_changes_nothing(keys: Keys, profiles: Path) -> None:
    """Who writes one more profile needn't measure every gate again; nor who writes 30 as 30.0."""
    was = sha256(profiles)
    (profiles / "other.py").write_text("x = 1\n")
    (profiles / "one_more.py").write_text("x = 1\n")
    (profiles / "more" / "data.json").write_text("{}")
    same = Load("shop", (LoadLevel(1, 30.0), LoadLevel(8, 30.0)))
    require(keys, was, sha256(profiles, same))


def test_a_gate_without_load_is_its_criteria(profiles: Path) -> None:
    """Of facts there is nothing else to say, so evidence of them from before loads counted still holds."""
    assert gate.text(made.LINES, None, profiles) == made.LINES


def test_a_profile_that_is_not_there_has_no_text(profiles: Path) -> None:
    """A misspelt profile is told when the features are read, before anything is touched."""
    with pytest.raises(ConfigError, match="Known profiles: carts, other, prices, shop"):
        gate.text(made.LINES, replace(LOAD, profile="shopp"), profiles)


def test_profiles_that_import_each_other_end(profiles: Path) -> None:
    """A circle of imports is Python's to judge; here it's four files."""
    (profiles / "prices.py").write_text("import shop\n")
    assert len(sha256(profiles)) == 64
