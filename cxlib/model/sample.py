"""Raw samples of a load run, one column a field, as ``samples.parquet`` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """n requests, every column of shape (n,). Times in seconds since the run's start, on one clock.

    ``name`` and ``error`` hold Python strings, the same object for the same text: 8 bytes a request.
    """

    scheduled: NDArray[np.float64]
    started: NDArray[np.float64]
    finished: NDArray[np.float64]
    name: NDArray[np.object_]
    users: NDArray[np.int32]
    rate: NDArray[np.float64]
    status: NDArray[np.int16]
    error: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.scheduled)

    @property
    def latency(self) -> NDArray[np.float64]:
        """Seconds from when each request was meant to start: a stall is charged for what it held back."""
        return self.finished - self.scheduled

    @property
    def failed(self) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = (self.error != "").astype(bool)
        return result

    @property
    def names(self) -> list[str]:
        return sorted(set(self.name.tolist()))

    def where(self, chosen: NDArray[np.bool_]) -> Samples:
        """The samples that ``chosen``, a mask of shape (n,), picks."""
        if chosen.all():
            return self
        return Samples(*(getattr(self, f.name)[chosen] for f in fields(self)))

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Samples:
        """Samples from anything array-like, one entry a column. Raises ``KeyError`` or ``ValueError``."""
        import numpy as np

        made: list[Any] = [
            _texts(columns[name]) if kind == "str" else np.asarray(columns[name], dtype=kind)
            for name, kind in COLUMNS.items()
        ]
        if len({column.shape for column in made}) != 1 or made[0].ndim != 1:
            raise ValueError("the columns differ in length")
        return cls(*made)


def _texts(column: Any) -> NDArray[np.object_]:
    """The column with one object for each text, however often it occurs."""
    import numpy as np

    pool: dict[str, str] = {}
    values = np.asarray(column).tolist()
    found = np.empty(len(values), dtype=object)
    found[:] = [pool.setdefault(v, v) for v in map(str, values)]
    return found


COLUMNS = {
    "scheduled": "float64",
    "started": "float64",
    "finished": "float64",
    "name": "str",
    "users": "int32",
    "rate": "float64",
    "status": "int16",
    "error": "str",
}
