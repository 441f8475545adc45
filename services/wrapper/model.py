"""The model beside the wrapper: an MLflow model folder of the sklearn flavour, and its version.

Read without MLflow, whose import would take longer than all the rest of the start.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

FEATURES = 64
VERSION_FILE = "version.json"


class NoModel(Exception):
    """There is no model beside the wrapper; the first images are built without one."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """``predictor`` has scikit-learn's ``predict``; ``version`` is the registered version's number."""

    predictor: Any
    version: str

    def predict(self, instances: list[list[float]]) -> list[int]:
        """The digit, 0 to 9, of each instance of 64 pixels."""
        return [int(digit) for digit in self.predictor.predict(np.asarray(instances, dtype=np.float64))]


def load(folder: Path) -> ServedModel:
    """The model in ``folder``. Raises ``NoModel``, and ``ValueError`` for one that can't be served."""
    version_file = folder / VERSION_FILE
    if not version_file.is_file():
        raise NoModel(f"this image holds no model ({version_file} isn't there)")
    version = str(json.loads(version_file.read_text())["version"])
    flavour = yaml.safe_load((folder / "MLmodel").read_text()).get("flavors", {}).get("sklearn")
    if not flavour or flavour.get("serialization_format") != "skops":
        raise ValueError(f"{folder}: the sample wrapper serves scikit-learn models in skops format only")
    import skops.io

    # What may be loaded beyond skops' own list is what the trainer of this very model said.
    trusted = flavour.get("skops_trusted_types") or None
    predictor = skops.io.load(folder / flavour["pickled_model"], trusted=trusted)
    model = ServedModel(predictor, version)
    model.predict([[0.0] * FEATURES])  # the first prediction is slow; a request shan't pay for it
    return model
