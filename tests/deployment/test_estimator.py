"""A method as a classifier of scikit-learn."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.builders import make_data, make_subjects

from openmer.deployment import MethodClassifier, read_model, write_model
from openmer.errors import ConfigError
from openmer.evaluation import ProtocolSplitter
from openmer.methods import load_method


@parametrize_with_checks([MethodClassifier()])
def test_scikit_learn_takes_it_for_its_own(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", ["flow-svm", "flow-mlp"])
def test_a_cross_validation_by_subjects_learns(name):
    faster = ["training.learning_rate=0.01"] if name == "flow-mlp" else []
    data, subjects = make_data(), make_subjects()
    estimator = MethodClassifier(load_method(name, faster), shape=data.inputs.shape[1:])
    labels = np.array(["down", "flat", "up"])[data.targets]
    found = cross_val_predict(
        estimator, data.inputs.reshape(24, -1), labels, groups=subjects,
        cv=ProtocolSplitter("kfold:3"),
    )  # fmt: skip
    assert (found == labels).mean() > 0.6


def test_a_fitted_one_is_a_model_for_use(tmp_path):
    data = make_data(classes=2)
    inputs = data.inputs.reshape(24, -1)
    fitted = MethodClassifier(shape=data.inputs.shape[1:]).fit(inputs, data.targets)
    write_model(tmp_path / "model", fitted.model_)
    again = read_model(tmp_path / "model")
    values = fitted.decision_function(inputs)
    assert values.shape == (24,)
    assert again.scores(data.inputs).argmax(axis=1).tolist() == fitted.predict(inputs).tolist()


def test_what_does_not_fit_is_one_clear_error():
    inputs = np.zeros((4, 12))
    with pytest.raises(ConfigError, match="expected shape"):
        MethodClassifier(shape=(1, 2, 2)).fit(inputs, [0, 1, 0, 1])
    units = load_method("flow-mlp", ["task=both"])
    with pytest.raises(ConfigError, match="action units"):
        MethodClassifier(units).fit(inputs, [0, 1, 0, 1])
