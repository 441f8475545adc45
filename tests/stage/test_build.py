"""What makes a new training, and what only a new image."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxlib.clients import git
from cxlib.settings import Site, load_site
from cxlib.stage import build


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The local site, with a state of the test's own."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    return load_site("local")


def revision(site: Site, folder: Path, wrapper: str, chart: str = "a: 1\n") -> str:
    """A commit in the site's git whose wrapper and chart read so."""
    for name, text in (("services/wrapper/app.py", wrapper), ("deploy/app/values.yaml", chart)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return git.snapshot(folder, ("deploy", "services"), site.state / "git" / "site.git")[0]


def test_a_changed_chart_builds_and_trains_nothing(site: Site, tmp_path: Path) -> None:
    """Argo CD brings a chart's change; images and models don't depend on it."""
    one = revision(site, tmp_path / "tree", "x = 1\n", "a: 1\n")
    two = revision(site, tmp_path / "tree", "x = 1\n", "a: 2\n")
    assert one != two
    assert build.first(site, one) == build.first(site, two)
    assert build.training(site, one) == build.training(site, two)


def test_a_changed_wrapper_is_built_but_not_trained_for(site: Site, tmp_path: Path) -> None:
    """The model stays; the images around it are made anew."""
    one = revision(site, tmp_path / "tree", "x = 1\n")
    two = revision(site, tmp_path / "tree", "x = 2\n")
    assert build.first(site, one).inputs != build.first(site, two).inputs
    assert build.training(site, one).inputs == build.training(site, two).inputs
    assert build.image(site, one, "3").inputs != build.image(site, two, "3").inputs


def test_a_trainings_own_build_is_known_by_its_key(site: Site, tmp_path: Path) -> None:
    """Otherwise the image that a training had built would be built once more."""
    commit = revision(site, tmp_path / "tree", "x = 1\n")
    assert build.training(site, commit).build == build.image(site, commit, "3").build


def test_another_model_is_another_training(site: Site, tmp_path: Path) -> None:
    """site.toml says what is trained."""
    commit = revision(site, tmp_path / "tree", "x = 1\n")
    other = site.model_copy(update={"training": site.training.model_copy(update={"model_name": "mlp"})})
    assert build.training(site, commit).inputs != build.training(other, commit).inputs
    assert build.training(other, commit).parameters == {"model-name": "mlp", "data-source": "train"}
