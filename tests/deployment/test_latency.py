"""Latency: every runtime and number of threads is timed, with the networks of the methods."""

import pytest

from openmer.deployment import measure_latency, quartiles_ms
from openmer.errors import ConfigError
from openmer.methods import load_method


def test_every_way_of_every_network_is_timed_as_often():
    methods = [load_method(name) for name in ("ststnet", "off-apexnet")]
    seen = []
    first, second = measure_latency(
        methods, rounds=2, threads=(1,), on_progress=lambda *told: seen.append(told)
    )
    assert seen == [("time", 1, 2), ("time", 2, 2)]
    assert (first.method, first.parameters, first.input_shape) == ("ststnet", 1683, (3, 28, 28))
    assert second.parameters > first.parameters and second.macs > first.macs > 0
    for one in (first, second):
        assert {("PyTorch", 1), ("ONNX Runtime", 1)} <= set(one.times_ms)
        for way, times in one.times_ms.items():
            assert times.shape == (10,) and times.min() > 0
            low, middle, high = quartiles_ms(one, way)
            assert times.min() <= low <= middle <= high <= times.max()


def test_a_method_without_a_network_cannot_be_timed():
    with pytest.raises(ConfigError, match="flow-svm has no network"):
        measure_latency([load_method("flow-svm")])
