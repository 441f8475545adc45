"""Criteria, gate files and run folders that are wrong in every way that chance finds, seeded."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxlib.clients import gatefile, runfolder
from cxlib.errors import ConfigError
from cxlib.judge import gate as judging
from cxlib.model.criterion import Gate
from cxlib.model.grammar import parse, parse_gate
from cxlib.model.run import Run
from cxlib.model.verdict import Verdict
from tests.judge.made import run, run_json, samples

LINES = (
    "key: p99.9 of GET /a b/{id} <= 1.5 s at 8 users",
    "watch: avg of POST /predict < 30 ms at 12.5 rps",
    "rps of POST /predict >= 50 rps",
    "rc5?? of POST /predict < 0.5 %",
    "late of POST /predict < 1 %",
    "count of POST /predict >= 500",
    "fail of POST /predict vs baseline by 10 %",
)
_GOOD = "p95 of vs baseline by at users rps ms % < <= >= key: :"
_BAD = ("p0", "p1e9", "rc[", "rc*", "0", "1e999", "-1", "٣", "\x00", "\ud800")
_WORDS = (*_GOOD.split(), *_BAD)
_GATE = "name: staging\ncriteria:\n" + "".join(f"  - '{line}'\n" for line in LINES)
_YAML = (
    "&a [*a]",
    "!!python/object:os.system x",
    "2001-99-99",
    "{",
    "\t",
    "? ",
    "- - -",
    "1" * 5000,
    "name: x\n",
    "\x00",
)
_WRONG: tuple[Any, ...] = ({}, [[]], "no", -1, float("nan"), float("inf"), 10**400, None)
_NUMBERS = ("planned_seconds", "actual_seconds", "generator_cpu")
_NOTHING = samples(5).where(samples(5).scheduled < 0)


def line(rng: random.Random) -> str:
    """A criterion with words dropped, doubled, moved, replaced or broken."""
    words = rng.choice(LINES).split(" ")
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(words) + 1)
        words[at : at + rng.randint(0, 2)] = (
            rng.choices([*_WORDS, *words], k=rng.randint(0, 2)) if words else []
        )
    text = " ".join(words)
    if rng.random() < 0.3 and text:
        at = rng.randrange(len(text))
        text = text[:at] + chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x110000)))) + text[at + 1 :]
    return text


def try_line(text: str) -> Verdict | None:
    """What becomes of a criterion: None when it is refused, else its verdict on a run without samples."""
    try:
        gate = parse_gate("fuzz", [text])
        return judging.judge(run(), _NOTHING, gate).verdict
    except ConfigError as exc:
        return _told(exc)


def _told(error: ConfigError) -> None:
    """Holds that a refusal says what is wrong and what to do."""
    assert error.field
    assert error.problem
    assert error.fix


def gate_text(rng: random.Random) -> bytes:
    """A gate file of which bytes or lines are broken."""
    if rng.random() < 0.5:
        raw = bytearray(_GATE.encode())
        for _ in range(rng.randint(1, 8)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return bytes(raw)
    lines = _GATE.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at : at + rng.randint(0, 2)] = [rng.choice(_YAML)]
    return "".join(lines)[: rng.randint(0, 600)].encode(errors="replace")


def try_gate(path: Path) -> Gate | None:
    """The gate, of which every line parses, or None when it is refused."""
    try:
        gate = gatefile.read(path)
    except ConfigError as exc:
        return _told(exc)
    assert [parse(c.text) for c in gate.criteria] == list(gate.criteria)
    return gate


def store(folder: Path) -> Path:
    """A whole run folder that passes ``GATE``."""
    runfolder.write(folder, Run.model_validate(run_json()), samples(600))
    return folder


GATE = parse_gate("fuzz", ["p95 of POST /predict < 30 ms", "fail of POST /predict < 5 %"])


def damage(rng: random.Random, whole: Path, folder: Path) -> str:
    """Copy ``whole`` to ``folder`` with one damage; its name."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    kind = rng.choice(sorted(_DAMAGES))
    _DAMAGES[kind](rng, folder)
    return kind


def verdict_on(folder: Path) -> Verdict | None:
    """As `cx judge` goes about it; None when the folder is refused as a configuration error."""
    try:
        return judging.judge(*runfolder.read(folder), GATE).verdict
    except runfolder.BrokenRun as exc:
        outcome = judging.broken(GATE, str(exc))
        json.dumps(outcome.as_json(), ensure_ascii=False, allow_nan=False).encode()
        return outcome.verdict
    except ConfigError as exc:
        return _told(exc)


def _field(rng: random.Random, folder: Path) -> None:
    data = run_json()
    name = rng.choice(sorted(set(data) - {"seed", "profile", "site", "locust"}))
    wrong = rng.choice([w for w in _WRONG if not (w is None and name == "planned_arrivals")])
    data[name] = wrong
    if rng.random() < 0.3:
        del data[name]
        data.pop(rng.choice(sorted(data)))
    (folder / "run.json").write_text(json.dumps(data))


def _untrue(rng: random.Random, folder: Path) -> None:
    other = {"digest": f"sha256:{rng.random()}", "model_version": rng.choice(("7", "8", None))}
    changes: dict[str, Any] = rng.choice(
        (
            {"actual_seconds": rng.uniform(0, 56.9)},
            {"workers_lost": rng.randint(1, 9)},
            {"generator_cpu": rng.uniform(0.81, 50)},
            {"served": {"start": other, "end": run_json()["served"]["end"]}},
            {"planned_arrivals": rng.uniform(0, 1e6)},
            {"levels": [{"users": 8, "rate": rng.random() + 0.1, "start": 0, "end": 60}]},
            {"levels": [{"users": rng.randint(9, 99), "rate": 0, "start": 0, "end": 60}]},
            {"levels": [{"users": 8, "rate": 0, "start": 0, "end": rng.choice((1.0, 50.0, 9e5, 2e6))}]},
        )
    )
    (folder / "run.json").write_text(json.dumps(run_json(**changes)))


def _json_cut(rng: random.Random, folder: Path) -> None:
    text = (folder / "run.json").read_text().rstrip()
    (folder / "run.json").write_text(text[: rng.randrange(len(text))])


def _json_noise(rng: random.Random, folder: Path) -> None:
    noise = (
        rng.randbytes(rng.randint(0, 99)),
        b"[" * 100_000,
        b"9" * 5000,
        b'{"schema": "\\ud800"}',
        b"null",
    )
    (folder / "run.json").write_bytes(rng.choice(noise))


def _parquet_cut(rng: random.Random, folder: Path) -> None:
    raw = (folder / "samples.parquet").read_bytes()
    (folder / "samples.parquet").write_bytes(raw[: rng.randrange(len(raw))])


def _parquet_noise(rng: random.Random, folder: Path) -> None:
    (folder / "samples.parquet").write_bytes(b"PAR1" + rng.randbytes(rng.randint(0, 4000)) + b"PAR1")


def _missing(rng: random.Random, folder: Path) -> None:
    (folder / rng.choice(("samples.parquet", "run.json"))).unlink()


def _table(rng: random.Random, folder: Path) -> None:
    """A whole parquet file whose columns are not those of a run."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(folder / "samples.parquet")
    number = rng.randrange(table.num_columns)
    name, n = table.column_names[number], table.num_rows
    bad = rng.choice(
        ([None] * n, [float("nan")] * n, [[1]] * n, [b"\xff"] * n, [1e300] * n, [-1e9] * n, [{"a": 1}] * n)
    )
    choice = rng.random()
    if choice < 0.3 or name in ("name", "error", "status"):
        table = table.drop_columns([name])
    elif choice < 0.9:
        table = table.set_column(number, name, pa.array(bad))
    else:
        table = table.slice(0, rng.choice((0, 1, 30)))
    parquet.write_table(table, folder / "samples.parquet")


def _csv(rng: random.Random, folder: Path) -> None:
    (folder / "samples.parquet").unlink()
    head = "scheduled,started,finished,name,users,rate,status,error\n"
    rows = (
        "1,2,3",
        "x" * 50,
        "1,1,1,a,8,0,99999,",
        "1,1,nan,a,8,0,200,",
        '"',
        ",,,,,,,",
        "1,1,1,POST /predict,8,0,200,\xff",
    )
    text = head[: rng.choice((0, 20, 999))] + "\n".join(rng.choices(rows, k=rng.randint(0, 3)))
    (folder / "samples.csv").write_bytes(text.encode("latin-1"))


_DAMAGES: dict[str, Callable[[random.Random, Path], None]] = {
    "field": _field,
    "untrue": _untrue,
    "json cut": _json_cut,
    "json noise": _json_noise,
    "parquet cut": _parquet_cut,
    "parquet noise": _parquet_noise,
    "missing": _missing,
    "table": _table,
    "csv": _csv,
}


def flip(rng: random.Random, whole: Path, folder: Path) -> None:
    """Copy ``whole`` to ``folder`` with one to three bits of the samples flipped."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    raw = bytearray((folder / "samples.parquet").read_bytes())
    for _ in range(rng.randint(1, 3)):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    (folder / "samples.parquet").write_bytes(bytes(raw))
