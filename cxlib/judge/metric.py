"""What a metric is on the requests of one endpoint: its hits, its plain value, its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlib.judge.validity import LATE_SECONDS
from cxlib.model.criterion import Criterion, Metric, matches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.judge.observed import Observed
    from cxlib.model.sample import Samples

SHARES = (Metric.FAIL, Metric.STATUS, Metric.LATE)
LATENCIES = (Metric.PERCENTILE, Metric.AVG, Metric.MAX)


def hits(criterion: Criterion, samples: Samples) -> NDArray[np.bool_]:
    """Which requests, mask of shape (n,), a share (fail, rc, late) is about."""
    import numpy as np

    if criterion.metric is Metric.FAIL:
        return samples.failed
    if criterion.metric is Metric.LATE:
        late: NDArray[np.bool_] = samples.started - samples.scheduled > LATE_SECONDS
        return late
    wanted = [s for s in np.unique(samples.status).tolist() if matches(criterion.status_glob, s)]
    return np.isin(samples.status, wanted)


def what(criterion: Criterion) -> str:
    """What the requests of a share did, for a sentence."""
    said = {Metric.FAIL: "failed", Metric.LATE: f"started more than {LATE_SECONDS * 1000:.0f} ms late"}
    return said.get(criterion.metric, f"answered {criterion.status_glob}")


def value(criterion: Criterion, observed: Observed) -> float | None:
    """The metric in ``criterion.measured_unit``; None when there is nothing that it could be of."""
    import numpy as np

    n = len(observed)
    if criterion.metric is Metric.COUNT:
        return float(n)
    if criterion.metric in SHARES:
        return 100 * int(hits(criterion, observed.samples).sum()) / n if n else None
    good = observed.samples.latency[~observed.samples.failed]
    if criterion.metric is Metric.RPS:
        return len(good) / observed.seconds if observed.seconds else None
    if not len(good):
        return None
    if criterion.metric is Metric.PERCENTILE:
        found = np.quantile(good, criterion.percentile / 100, method="inverted_cdf")
    else:
        found = good.mean() if criterion.metric is Metric.AVG else good.max()
    return float(found) * criterion.per_second
