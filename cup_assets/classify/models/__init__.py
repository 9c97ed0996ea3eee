"""The models that compete: one file each, one line here.

Belongs here: the register. Does not belong here: how any of them works. A new model is a file
with a `ModelSpec` and its line in ``MODELS``.
"""

from cup_assets.classify.models.base import Candidate, Model, ModelSpec, TrainingSet
from cup_assets.classify.models.logistic_regression import LOGISTIC_REGRESSION
from cup_assets.classify.models.neural_network import NEURAL_NETWORK
from cup_assets.classify.models.random_forest import RANDOM_FOREST
from cup_assets.classify.models.svm import SVM
from cup_assets.classify.models.xgboost import XGBOOST

MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        RANDOM_FOREST,
        LOGISTIC_REGRESSION,
        SVM,
        XGBOOST,
        NEURAL_NETWORK,
    )
}

__all__ = ["MODELS", "Candidate", "Model", "ModelSpec", "TrainingSet"]
