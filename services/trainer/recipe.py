"""The classifiers that the sample offers, and how each is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from services.dataset import Samples


@dataclass(frozen=True, slots=True)
class Recipe:
    """A classifier by name: what builds it, its parameters, and the types its file may hold besides
    those that skops trusts by itself."""

    build: Callable[..., Any]
    parameters: Mapping[str, Any]
    trusted_types: tuple[str, ...] = ()


RECIPES: Mapping[str, Recipe] = {
    "logistic-regression": Recipe(LogisticRegression, {"C": 1.0, "max_iter": 300}),
    "support-vector": Recipe(SVC, {"C": 1.0}),
    "random-forest": Recipe(
        RandomForestClassifier,
        {"n_estimators": 40, "max_depth": 12, "random_state": 38},
        ("sklearn.tree._tree.Tree",),
    ),
    "mlp": Recipe(
        MLPClassifier,
        {"hidden_layer_sizes": (64,), "max_iter": 80, "early_stopping": True, "random_state": 38},
        ("sklearn.neural_network._stochastic_optimizers.AdamOptimizer",),
    ),
}


def train(recipe: Recipe, samples: Samples) -> Pipeline:
    """Fit the recipe's classifier, behind a scaler, on ``samples``."""
    model = make_pipeline(StandardScaler(), recipe.build(**recipe.parameters))
    return model.fit(samples.pixels, samples.digits)
