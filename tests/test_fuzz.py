"""A changed file of any kind is read or refused by name; a digest lets no other content pass.

The kinds, the changes and the verdict are those of `benchmarks/fuzz.py`, which reads many more.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

from openmer.errors import DataError

_FILE = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
_SPEC = importlib.util.spec_from_file_location("fuzz", _FILE)
fuzz = sys.modules["fuzz"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)

INPUTS = range(10)


@pytest.mark.parametrize("kind", fuzz.KINDS, ids=lambda kind: kind.name)
def test_a_changed_file_is_read_or_refused_by_name(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("OPENMER_CONFIG", "")  # one kind sets it
    ends = {}
    for number, (path, sound) in zip(
        INPUTS, fuzz.inputs(kind, INPUTS, "suite", tmp_path, {}), strict=True
    ):
        ends[number] = fuzz.judge(kind, path, sound)
    wrong = {number: end for number, end in ends.items() if end[0] not in ("read", "refused")}
    assert wrong == {}


def test_the_verdict_sees_what_is_wrong(tmp_path):
    def kind(read, **options):
        return fuzz.Kind(name="x", make=None, mutations=(), read=read, **options)

    path = tmp_path / "x"
    assert fuzz.judge(kind(lambda _: 1 / 0), path, None)[0] == "traceback"
    assert fuzz.judge(kind(lambda _: 1, exact=True), path, 2)[0] == "other content"
    assert fuzz.judge(kind(lambda _: 2, exact=True), path, 2)[0] == "read"

    def nameless(_):
        raise DataError("Something is wrong.")

    assert fuzz.judge(kind(nameless), path, None)[0] == "no file named"
