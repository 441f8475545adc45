"""The pytest plugin: options, `.feature` files, which scenarios belong to a run, and the run itself."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from _pytest.terminal import TerminalReporter

from cxlib.harness.state import RUN, Run, new_folder
from cxlib.harness.tags import TAGS, belongs, kind

if TYPE_CHECKING:
    from cxlib.harness.collection import FeatureFile, ScenarioItem
    from cxlib.settings import Site

_EVERYTHING: pytest.StashKey[list[ScenarioItem]] = pytest.StashKey()
_CANDIDATE = re.compile(r"[1-9][0-9]*@sha256:[0-9a-f]{64}")
_SITE: pytest.StashKey[Site] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pipeline", "the pipeline's features")
    group.addoption(
        "--env",
        default="staging",
        choices=("staging", "canary", "production"),
        help="how far the pipeline goes (default: staging)",
    )
    group.addoption("--site", default="local", help="where it runs: a folder of sites/ (default: local)")
    group.addoption(
        "--plan", action="store_true", help="bind every step, print what would be done, touch nothing"
    )
    group.addoption(
        "--confirm",
        metavar="FINGERPRINT",
        help="the cluster's fingerprint; compared before any write, needed for a protected site's production",
    )
    group.addoption(
        "--candidate",
        metavar="VERSION@DIGEST",
        help="the image that was approved: the run is refused when it would promote another one",
    )
    group.addoption(
        "--override",
        metavar="REASON",
        help="promote once without proof: signed, kept and shown, with who, why and until when",
    )


def pytest_configure(config: pytest.Config) -> None:
    for tag, meaning in TAGS.items():
        config.addinivalue_line("markers", f"{tag}: {meaning}")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Refuse ``-n`` here: pytest-xdist makes an INTERNALERROR of a refusal by one of its workers."""
    spread = config.getoption("numprocesses", None) or config.getoption("tx", None)
    if spread and not hasattr(config, "workerinput") and _names_features(config):
        raise pytest.UsageError("features run one after the other on one site: leave out -n")


def _names_features(config: pytest.Config) -> bool:
    """Whether what pytest is asked for holds features."""
    features = config.rootpath / "features"
    asked = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return any(
        path.suffix == ".feature" or path.is_relative_to(features) or features.is_relative_to(path)
        for path in asked
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> FeatureFile | None:
    if file_path.suffix != ".feature":
        return None
    from cxlib.harness.collection import FeatureFile, load_steps

    load_steps(parent.config)
    return FeatureFile.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not belong to this environment, and refuse a wrong site, before all else."""
    scenarios = _scenarios(items)
    config.stash[_EVERYTHING] = scenarios
    if not scenarios:
        return
    config.stash[_SITE] = _site(config)
    markexpr, environment = config.getoption("-m") or "", config.getoption("--env")
    if environment != "staging" and not _leads_to(config, environment):
        raise pytest.UsageError(f"no scenario leads to {environment} yet: a run there would prove nothing")
    out = [item for item in scenarios if not belongs(item.tags, environment, markexpr)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Print the plan, or make everything ready for a run; None lets pytest go on."""
    config = session.config
    everything = config.stash.get(_EVERYTHING, [])
    if not everything or config.option.collectonly or session.testsfailed:
        return None
    from cxlib.harness import binding, plan

    scenarios = _scenarios(session.items)
    known = binding.definitions(session, everything[0])
    if config.getoption("--plan"):
        session.testsfailed = plan.show(_terminal(config), scenarios, everything, known, config.rootpath)
        session.testscollected = len(everything)
        return True
    plan.require_bound(scenarios, known)
    plan.require_gates(scenarios, config.rootpath)
    _confirm(config, scenarios)
    _start(config, scenarios)
    return None


def _start(config: pytest.Config, scenarios: Sequence[ScenarioItem]) -> None:
    from cxlib import progress
    from cxlib.ending import Ending
    from cxlib.harness import junit, secrets, summary
    from cxlib.harness.closing import Closing
    from cxlib.harness.display import Display
    from cxlib.harness.recorder import Recorder
    from cxlib.report.run_record import StageRecord

    reporter, quiet = _terminal(config), config.get_verbosity() <= 0
    run = _new_run(config, scenarios)
    config.stash[RUN] = run
    summary.clear()
    secrets.learn(run.site)
    reporter.flush()
    # The real stdout, also while pytest captures: no test has begun, so nothing is captured yet.
    stream = os.fdopen(os.dup(1), "w", buffering=1, errors="replace")
    display = Display(
        stream,
        live=stream.isatty() and quiet,
        on_stage=lambda name, seconds, outcome: run.stages.append(StageRecord(name, seconds, outcome)),
    )
    progress.listen(display)
    if quiet:
        reporter.showfspath = False
        reporter.reportchars = ""
    ending = Ending()
    ending.install()
    suite = f"{run.environment} on {run.site.name}"
    properties = {"site": run.site.name, "environment": run.environment, "part": run.part}
    junit.start(config, run.folder / "junit.xml", suite, properties)
    for plugin in (Recorder(run, display, quiet=quiet), Closing(run, display, ending)):
        config.pluginmanager.register(plugin)
    display.start()


def _new_run(config: pytest.Config, scenarios: Sequence[ScenarioItem]) -> Run:
    """A run with a folder of its own, which knows how many scenarios belong to it."""
    from cxlib.harness import written

    folder = new_folder(config.rootpath / ".cx" / "runs")
    run = Run(config.stash[_SITE], config.getoption("--env"), folder, config.rootpath)
    kinds = {kind(item.tags) for item in scenarios}
    run.selected = len(scenarios)
    run.belonging = written.belonging(config.rootpath / "features", run.environment, kinds)
    return run


def _site(config: pytest.Config) -> Site:
    from cxlib.errors import CxError
    from cxlib.settings import load_site

    _require_sense(config)
    try:
        return load_site(config.getoption("--site"))
    except CxError as exc:
        raise pytest.UsageError(str(exc)) from exc


def _require_sense(config: pytest.Config) -> None:
    """What is said of a promotion can be meant."""
    why, candidate = config.getoption("--override"), config.getoption("--candidate")
    staging, goes = config.getoption("--env") == "staging", "--env=canary or --env=production"
    if why is not None and (not why.strip() or staging):
        raise pytest.UsageError(f"--override: it needs a reason, and {goes}")
    if candidate is not None and (staging or not _CANDIDATE.fullmatch(candidate)):
        raise pytest.UsageError(f"--candidate: '{candidate}' isn't VERSION@sha256:…, or it lacks {goes}")


def _confirm(config: pytest.Config, scenarios: Sequence[ScenarioItem]) -> None:
    """Refuse another cluster than the one that was named, before anything is touched."""
    from cxlib.errors import CxError
    from cxlib.stage import confirmation

    given = config.getoption("--confirm")
    if not given and all("nightly" in item.tags for item in scenarios):
        return  # it only reads
    try:
        confirmation.require(config.stash[_SITE], config.getoption("--env"), given)
    except CxError as exc:
        raise pytest.UsageError(str(exc)) from exc


def _leads_to(config: pytest.Config, environment: str) -> bool:
    """Whether any feature of the checkout bears the environment's tag, selected or not."""
    features = (config.rootpath / "features").rglob("*.feature")
    return any(f"@{environment}" in path.read_text().split() for path in features)


def _scenarios(items: Sequence[pytest.Item]) -> list[ScenarioItem]:
    return [cast("ScenarioItem", item) for item in items if ".feature::" in item.nodeid]


def _terminal(config: pytest.Config) -> TerminalReporter:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, TerminalReporter)
    return reporter
