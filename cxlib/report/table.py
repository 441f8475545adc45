"""The rows of the report's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxlib.report.observed import coded
from cxlib.report.wording import number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.sample import Samples
    from cxlib.report.observed import Observed

MOST_ENDPOINTS = 60
MOST_ERRORS = 30
_MOST_LETTERS = 400  # of one error: servers answer with whole pages


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint at one load level. Latencies in ms, of the successes after warm-up; counts are of all."""

    name: str
    load: str
    sent: int
    failed: int
    rate: str
    latencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One error of one endpoint; ``first`` and ``last`` in seconds since the run's start."""

    text: str
    endpoint: str
    status: int
    times: int
    first: float
    last: float


def endpoints(seen: Observed) -> list[EndpointRow]:
    """In the order of names and loads, at most ``MOST_ENDPOINTS``."""
    rows = []
    for group in [group for name in seen.endpoints for group in seen.of(name)][:MOST_ENDPOINTS]:
        rate = f"{group.sent / group.seconds:,.1f}" if group.seconds else "–"
        latencies = tuple(number(group.percentile(level)) for level in (50, 95, 99, 100))
        rows.append(EndpointRow(group.endpoint, group.load, group.sent, group.failed, rate, latencies))
    return rows


def errors(samples: Samples) -> list[ErrorRow]:
    """The most frequent first, at most ``MOST_ERRORS``."""
    import numpy as np

    bad = np.flatnonzero(samples.failed)
    texts, text = coded(samples.error[bad])
    names, name = coded(samples.name[bad])
    codes, code = np.unique(samples.status[bad], return_inverse=True)
    key = (text.astype(np.int64) * len(names) + name) * len(codes) + code
    found, place, counts = np.unique(key, return_inverse=True, return_counts=True)
    first, last = _ends(samples.scheduled[bad], place, len(found))
    rows = []
    for i in np.argsort(-counts, kind="stable")[:MOST_ERRORS].tolist():
        rest, code_at = divmod(int(found[i]), len(codes))
        text_at, name_at = divmod(rest, len(names))
        what = _shortened(texts[text_at]), names[name_at], int(codes[code_at])
        rows.append(ErrorRow(*what, int(counts[i]), float(first[i]), float(last[i])))
    return rows


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def _ends(
    times: NDArray[np.float64], place: NDArray[np.intp], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first and the last time at each place."""
    import numpy as np

    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, place, times)
    np.maximum.at(last, place, times)
    return first, last
