"""A clip's way from `evaluate` to its array stays short enough to be followed."""

import importlib.util
from pathlib import Path

_FILE = Path(__file__).parents[1] / "benchmarks" / "trip.py"
_SPEC = importlib.util.spec_from_file_location("trip", _FILE)
trip = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(trip)


def test_the_trip_of_a_clip_is_short():
    found = trip.trip_of("ststnet")
    assert found.stops[0] == "openmer.evaluation._cross_validate.evaluate"
    assert found.stops[-1].startswith("openmer.preprocessing.steps.")
    assert len(found.stops) <= 20
    assert found.returns <= 6
