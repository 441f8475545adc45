"""Whether what is served recognises the digits that the sample model was made for."""

from __future__ import annotations

from cxlib.clients import http
from cxlib.errors import ConfigError, StageFailed


def share_right(url: str, count: int) -> float:
    """The share, 0 to 1, of ``count`` digits that the service at ``url`` names rightly.

    They are spread over the whole of scikit-learn's copy of the UCI digits (1,797 images of 8 x 8).
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    if not 0 < count <= len(data.target):
        raise ConfigError("digits", f"{count} of {len(data.target)}", "Ask for fewer, and at least one")
    chosen = [i * len(data.target) // count for i in range(count)]
    answer = http.post_json(url + "/predict", {"instances": data.data[chosen].tolist()})
    predicted = answer.get("predictions", [])
    if len(predicted) != count:
        raise StageFailed(f"{url}/predict", wanted=f"{count} predictions", seen=str(len(predicted)))
    return sum(int(p) == int(data.target[i]) for p, i in zip(predicted, chosen, strict=True)) / count
