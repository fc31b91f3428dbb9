"""Our decision function is scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from openmer.errors import DataError
from openmer.training import DecisionFunction
from openmer.training._svm import learned


def fitted(classes, kernel):
    """A pipeline, its numbers, and inputs that it has not seen."""
    rng = np.random.default_rng(classes)
    targets = np.arange(40) % classes
    inputs = rng.normal(size=(40, 3, 4, 4)).astype(np.float32)
    inputs[:, 0, 0, 0] += targets
    machine = make_pipeline(StandardScaler(), SVC(kernel=kernel))
    machine.fit(inputs.reshape(40, -1), targets)
    state = learned(machine)
    others = rng.normal(size=(50, 3, 4, 4)).astype(np.float32)
    return machine, {name: torch.tensor(value) for name, value in state.items()}, others


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_it_equals_scikit_learn(classes, kernel):
    machine, state, inputs = fitted(classes, kernel)
    expected = machine.decision_function(inputs.reshape(50, -1))
    found = DecisionFunction(state)(torch.from_numpy(inputs)).numpy()
    assert found.shape == (50, classes)
    if classes == 2:
        assert np.array_equal(found[:, 0], -found[:, 1])
        found = found[:, 1]
    assert np.allclose(found, expected, rtol=0, atol=1e-6)


def test_parts_that_are_missing_or_do_not_fit_are_named():
    _, state, _ = fitted(3, "rbf")
    with pytest.raises(DataError, match=r"lacks gamma.*Train it again"):
        DecisionFunction({k: v for k, v in state.items() if k != "gamma"})
    with pytest.raises(DataError, match=r"do not fit.*intercept"):
        DecisionFunction(state | {"intercept": state["intercept"][:2]})
