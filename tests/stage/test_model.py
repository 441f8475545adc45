"""What is said of a training that failed."""

from __future__ import annotations

import pytest

from cxlib.errors import Unrecoverable
from cxlib.settings import Training, load_site
from cxlib.stage import model


def test_a_training_that_failed_says_which_field_asked_for_it() -> None:
    """The trainer says that it has no such model; only the harness knows who asked for it, and where."""
    site = load_site("local").model_copy(update={"training": Training(model_name="resnet5", train_ip="gpu1")})
    with pytest.raises(Unrecoverable) as told, model.asked_for(site):
        raise Unrecoverable("workflow train-model-1", wanted="Succeeded", seen="'resnet5' is not offered")
    said = str(told.value)
    assert said.startswith("workflow train-model-1: wanted Succeeded, saw 'resnet5' is not offered\n")
    assert 'model_name = "resnet5", data_source = "train", train_ip = "gpu1"' in said
    assert "[training] of sites/local/site.toml" in said
