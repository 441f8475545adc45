"""The folder of a load run: ``run.json`` and ``samples.parquet`` (or ``samples.csv``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cxlib.errors import ConfigError, CxError
from cxlib.model.run import Run
from cxlib.model.sample import COLUMNS, Samples


class BrokenRun(CxError):
    """A run folder that cannot be believed: a part is missing, damaged or of another format."""

    exit_code = 5


def read(folder: Path) -> tuple[Run, Samples]:
    """The run and its samples. Raises ``ConfigError`` (no such folder) and ``BrokenRun``."""
    if not folder.is_dir():
        raise ConfigError(str(folder), "there is no such run folder", "Name a folder that holds a run.json")
    return _run(folder / "run.json"), _samples(folder)


def write(folder: Path, run: Run, samples: Samples) -> None:
    """Write both files; ``run.json`` last, so that a folder that has it is whole."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").unlink(missing_ok=True)
    schema = pa.schema([(name, _arrow_type(kind)) for name, kind in COLUMNS.items()])
    columns = [pa.array(getattr(samples, f.name), f.type) for f in schema]
    table = pa.Table.from_arrays(columns, schema=schema)
    # With checksums a damaged page is refused instead of read as other numbers.
    parquet.write_table(table, folder / "samples.parquet", write_page_checksum=True)
    without = None if run.halves else {"halves"}
    text = run.model_dump_json(by_alias=True, indent=1, exclude=without)
    (folder / "run.json").write_text(text + "\n", encoding="utf-8")


def _arrow_type(kind: str) -> Any:
    import pyarrow as pa

    types = {"float64": pa.float64(), "int32": pa.int32(), "int16": pa.int16(), "str": pa.string()}
    return types[kind]


def _run(path: Path) -> Run:
    from pydantic import ValidationError

    try:
        return Run.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as exc:
        raise BrokenRun(f"{path} is missing") from exc
    except ValidationError as exc:  # is a ValueError too, and says more
        first = exc.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        raise BrokenRun(f"run.json does not match its format: {field}: {first['msg']}") from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise BrokenRun(f"run.json cannot be read: {_printable(exc)}") from exc


def _samples(folder: Path) -> Samples:
    import pyarrow as pa

    try:
        table = _table(folder)
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise BrokenRun(f"the samples lack the column {', '.join(missing)}")
        empty = [name for name in COLUMNS if table.column(name).null_count]
        if empty:
            raise BrokenRun(f"the samples have holes in the column {', '.join(empty)}")
        return Samples.of({n: _column(table.column(n), kind) for n, kind in COLUMNS.items()})
    except (OSError, pa.ArrowException, ValueError, KeyError, MemoryError, OverflowError) as exc:
        raise BrokenRun(f"the samples cannot be read: {_printable(exc)}") from exc


def _column(column: Any, kind: str) -> Any:
    """One column as numpy has it; of texts, each is one object however often it occurs."""
    import numpy as np

    if kind != "str":
        return column.cast(_arrow_type(kind)).to_numpy()
    coded = column.cast(_arrow_type(kind)).dictionary_encode().unify_dictionaries().combine_chunks()
    texts = np.array([*coded.dictionary.to_pylist(), ""], dtype=object)
    return texts[coded.indices.to_numpy()]


def _printable(exc: BaseException) -> str:
    """What a library says of damaged bytes, fit for a terminal and for JSON."""
    said = " ".join(str(exc).split()) or type(exc).__name__
    return said.encode("ascii", "backslashreplace").decode()[:300]


def _table(folder: Path) -> Any:
    from pyarrow import csv, parquet

    if (folder / "samples.parquet").is_file():
        return parquet.read_table(folder / "samples.parquet", page_checksum_verification=True)
    if (folder / "samples.csv").is_file():
        options = csv.ConvertOptions(column_types={n: _arrow_type(k) for n, k in COLUMNS.items()})
        return csv.read_csv(folder / "samples.csv", convert_options=options)
    raise BrokenRun(f"the samples are missing: neither samples.parquet nor samples.csv in {folder}")
