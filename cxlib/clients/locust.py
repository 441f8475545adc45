"""Locust in a child process (importing it would patch ours), with every raw sample kept."""

from __future__ import annotations

import ast
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlib import progress
from cxlib.clients import process, runfolder
from cxlib.errors import ConfigError, CxError
from cxlib.model.load import LoadLevel
from cxlib.model.run import Level, Run, Served, ServedSpan
from cxlib.model.sample import Samples
from cxlib.settings import CHECKOUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

RECORDER = CHECKOUT / "cxlib" / "load" / "recorder.py"
LOCUSTFILES = CHECKOUT / "locustfiles"
STOP_SECONDS = 15
START_SECONDS = 60.0
_METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
_RAW = {"started": "float64", "finished": "float64", "status": "int16", "name": "int32", "error": "int32"}


def locustfile(profile: str, folder: Path = LOCUSTFILES) -> Path:
    """The file of a load profile. Raises ``ConfigError`` with the known profiles."""
    path = folder / f"{profile}.py"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.py"))) or "none"
        raise ConfigError("load profile", f"there is no {path}", f"Known profiles: {known}")
    return path


def endpoints(path: Path) -> list[str] | None:
    """The endpoints that a locustfile names in its calls, as ``POST /predict``, without running it.

    None when a call's name is computed, so that only the run can tell. Raises ``ConfigError`` when
    the file is not Python.
    """
    try:
        tree = ast.parse(path.read_text(), str(path))
    except SyntaxError as exc:
        raise ConfigError(f"{path}, line {exc.lineno}", exc.msg, "Mend the locustfile") from exc
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _is_request(n.func)]
    names = [_endpoint(call) for call in calls]
    return None if not names or None in names else sorted({n for n in names if n})


def _is_request(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in _METHODS | {"request"}
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "client"
    )


def _endpoint(call: ast.Call) -> str | None:
    function = call.func
    arguments: list[ast.expr] = list(call.args)
    if not isinstance(function, ast.Attribute) or any(k.arg is None for k in call.keywords):
        return None
    named = {k.arg: k.value for k in call.keywords}
    method: ast.expr = ast.Constant(function.attr.upper())
    if function.attr == "request":
        method = arguments.pop(0) if arguments else named.get("method", call)
    name = named.get("name") or (arguments[0] if arguments else named.get("path") or named.get("url"))
    texts = [n.value if isinstance(n, ast.Constant) else None for n in (method, name)]
    return f"{texts[0].upper()} {texts[1]}" if all(isinstance(t, str) for t in texts) else None  # type: ignore


def run(
    profile: Path,
    *,
    host: str,
    levels: Sequence[LoadLevel],
    folder: Path,
    site: str,
    served: Callable[[], Served],
    seed: int = 1,
) -> tuple[Run, Samples]:
    """Drive ``host`` with the users of the locustfile ``profile``, level after level.

    Appends to the run that ``folder`` may already hold (an extension), writes the folder and
    returns its whole content. ``served`` says what answers, and is asked before and after.
    Raises ``ProcessFailed`` (a locustfile that breaks), ``ProcessTimedOut``.
    """
    before = runfolder.read(folder) if (folder / "run.json").exists() else None
    at_start = _ask(served)
    with tempfile.TemporaryDirectory(prefix="cx-load-") as scratch:
        _drive(profile, host, levels, Path(scratch), folder, seed)
        facts, columns = _collect(Path(scratch))
    part = _part(facts, columns, levels)
    done = _describe(profile, part, levels, site, seed, ServedSpan(start=at_start, end=_ask(served)))
    whole = (done, part.samples) if before is None else _joined(before, (done, part.samples))
    runfolder.write(folder, *whole)
    return whole


def _ask(served: Callable[[], Served]) -> Served:
    """What answers now; unknown when it cannot be learnt, which no gate takes for a PASS."""
    try:
        return served()
    except CxError as exc:
        progress.note(f"what is served cannot be learnt: {exc}")
        return Served(digest=None, model_version=None)


def _drive(
    profile: Path, host: str, levels: Sequence[LoadLevel], scratch: Path, folder: Path, seed: int
) -> None:
    order = scratch / "order.json"
    order.write_text(json.dumps({"levels": [[lv.users, lv.seconds] for lv in levels], "seed": seed}))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LOCUST_")}
    folder.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--host", host]
    argv += ["--locustfile", f"{profile},{RECORDER}", "--stop-timeout", str(STOP_SECONDS)]
    argv += ["--exit-code-on-error", "0", "--loglevel", "WARNING"]
    process.run(
        argv,
        timeout=sum(lv.seconds for lv in levels) + STOP_SECONDS + START_SECONDS,
        env={**kept, "CX_LOAD_ORDER": str(order)},
        cwd=scratch,
        on_line=lambda line: progress.state("the load run", line) if "requests," in line else None,
        log=folder / "locust.log",
    )


def _collect(scratch: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    import numpy as np

    facts = json.loads((scratch / "facts.json").read_text())
    return facts, {name: np.fromfile(scratch / f"{name}.raw", dtype=kind) for name, kind in _RAW.items()}


@dataclass(frozen=True, slots=True)
class _Part:
    """What one Locust child did, on its own clock."""

    began: float  # epoch seconds
    levels: tuple[Level, ...]
    generator_cpu: float
    samples: Samples


def _part(facts: dict[str, Any], columns: dict[str, NDArray[Any]], planned: Sequence[LoadLevel]) -> _Part:
    import numpy as np

    starts = facts["level_starts"]
    began = starts[0] if starts else facts["ended"]
    edges = [*starts, facts["ended"]]
    levels = tuple(
        Level(users=want.users, rate=0, start=edges[i] - began, end=edges[i + 1] - began)
        for i, want in enumerate(planned[: len(starts)])
    ) or (Level(users=planned[0].users, rate=0, start=0, end=0),)
    texts = np.asarray(facts["texts"])
    started = columns["started"] - began
    number = np.clip(np.searchsorted([lv.start for lv in levels], started, "right") - 1, 0, None)
    samples = Samples.of(
        {
            "scheduled": started,
            "started": started,
            "finished": columns["finished"] - began,
            "name": texts[columns["name"]],
            "users": np.asarray([lv.users for lv in levels])[number],
            "rate": np.zeros(len(started)),
            "status": columns["status"],
            "error": texts[columns["error"]],
        }
    )
    return _Part(began, levels, facts["generator_cpu"], samples)


def _describe(
    profile: Path, part: _Part, planned: Sequence[LoadLevel], site: str, seed: int, served: ServedSpan
) -> Run:
    from importlib.metadata import version

    return Run(
        format=1,
        profile=profile.stem,
        site=site,
        started=datetime.fromtimestamp(part.began, UTC),
        planned_seconds=sum(lv.seconds for lv in planned),
        actual_seconds=part.levels[-1].end,
        planned_arrivals=None,
        seed=seed,
        levels=part.levels,
        generator_cpu=part.generator_cpu,
        workers_lost=0,
        locust=version("locust"),
        served=served,
    )


def _joined(first: tuple[Run, Samples], second: tuple[Run, Samples]) -> tuple[Run, Samples]:
    """One run of both, on the first one's clock; the time between them belongs to no level."""
    import numpy as np

    (a, before), (b, after) = first, second
    shift = (b.started - a.started).total_seconds()
    moved = [lv.model_copy(update={"start": lv.start + shift, "end": lv.end + shift}) for lv in b.levels]
    run = a.model_copy(
        update={
            "planned_seconds": a.planned_seconds + b.planned_seconds,
            "actual_seconds": a.actual_seconds + b.actual_seconds,
            "levels": (*a.levels, *moved),
            "generator_cpu": max(a.generator_cpu, b.generator_cpu),
            "served": ServedSpan(start=a.served.start, end=b.served.end),
        }
    )
    times = {"scheduled", "started", "finished"}
    columns = {
        f: np.concatenate([getattr(before, f), getattr(after, f) + (shift if f in times else 0)])
        if f not in ("name", "error")
        else np.concatenate([getattr(before, f), getattr(after, f)])
        for f in Samples.__dataclass_fields__
    }
    return run, Samples.of(columns)
