"""The sample's data: scikit-learn's 8x8 digits, 1,797 of them, cut once and for all into two splits.

Users bring their own trainer and evaluator; only these two import this.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
FEATURES = 64
_HELD_OUT = 0.25
_SEED = 38


@dataclass(frozen=True, slots=True)
class Samples:
    """``pixels``: float64 of shape (n, 64), 0 to 16. ``digits``: int64 of shape (n,), 0 to 9."""

    pixels: NDArray[np.float64]
    digits: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.digits)

    @property
    def sha256(self) -> str:
        """What tells these samples from others: evaluations on different ones are not compared."""
        return hashlib.sha256(self.pixels.tobytes() + self.digits.tobytes()).hexdigest()


def load(split: Split) -> Samples:
    """One split; the same samples each time, each digit in the same proportion in both."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, digits = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, digits, test_size=_HELD_OUT, random_state=_SEED, stratify=digits
    )
    return Samples(train_x, train_y) if split == "train" else Samples(test_x, test_y)
