"""Users who classify one real handwritten digit after the other, as the sample model does.

Bring your own: any Locust users will do. Count an answer that is wrong in form as failed, and bound
how long a user waits for an answer, so that a stalled service is seen and not just silent.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

from locust import FastHttpUser, constant, task

# 50 images of 8 x 8 pixels, 0 to 16, of the UCI "Optical Recognition of Handwritten Digits" test set.
DIGITS = json.loads((Path(__file__).parent / "digits.json").read_text())


class Classifier(FastHttpUser):
    """Sends a digit, reads the answer, looks at it for 20 ms, sends the next."""

    wait_time = constant(0.02)
    network_timeout = 10.0
    connection_timeout = 5.0

    def on_start(self) -> None:
        self.digits = itertools.cycle(random.sample(DIGITS, len(DIGITS)))

    @task
    def classify(self) -> None:
        body = {"instances": [next(self.digits)]}
        with self.client.post("/predict", json=body, catch_response=True) as response:
            if not response.status_code:
                return  # no answer: Locust has counted it as failed
            if response.status_code != 200:
                response.failure(f"HTTP {response.status_code}")
            elif wrong := complaint(response.text):
                response.failure(wrong)


def complaint(text: str | None) -> str:
    """What is wrong with the answer to one digit; empty when it is right in form."""
    try:
        predictions = json.loads(text or "")["predictions"]
        (digit,) = predictions
    except (ValueError, KeyError, TypeError):
        return "the answer is not one prediction"
    if isinstance(digit, bool) or not isinstance(digit, int) or not 0 <= digit <= 9:
        return "the prediction is not a digit"
    return ""
