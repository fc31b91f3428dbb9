"""Rows gathered in memory or in a nameless file: the same array either way."""

import pickle
from contextlib import closing

import joblib
import numpy as np
import pytest

from openmer.preprocessing import _array_store as _rows
from openmer.preprocessing._array_store import Rows
from openmer.preprocessing._failures import StoreError


@pytest.fixture(params=["memory", "file"])
def kept_in(request, monkeypatch):
    if request.param == "file":
        monkeypatch.setattr(_rows, "IN_MEMORY_BYTES", 0)
    return request.param


def filled(folder, count=3, most=5):
    with closing(Rows(most, folder)) as rows:
        for number in range(count):
            rows.append(np.full((2, 4), number, np.float32))
        assert (len(rows), rows.shape) == (count, (2, 4))
        return rows.array()


@pytest.mark.usefixtures("kept_in")
def test_rows_are_an_ordinary_array_that_can_be_changed(tmp_path):
    array = filled(tmp_path)
    assert (array.dtype, array.shape, type(array)) == (np.float32, (3, 2, 4), np.ndarray)
    assert array.flags.writeable and array.flags.c_contiguous
    assert array[:, 0, 0].tolist() == [0, 1, 2]
    array += 1
    assert array[:, 1, 3].tolist() == [1, 2, 3]


@pytest.mark.usefixtures("kept_in")
def test_rows_leave_no_file_and_outlive_their_folder(tmp_path):
    array = filled(tmp_path)
    assert list(tmp_path.iterdir()) == []
    tmp_path.rmdir()
    assert array.sum() == 24


@pytest.mark.usefixtures("kept_in")
def test_rows_can_be_sent_to_other_processes(tmp_path):
    array = filled(tmp_path)
    assert np.array_equal(pickle.loads(pickle.dumps(array)), array)
    large = np.concatenate([array] * 2)[:3]
    with joblib.Parallel(n_jobs=2, max_nbytes=1) as pool:
        sums = pool(joblib.delayed(np.sum)(part) for part in (array, array[1:], large))
    assert sums == [24, 24, 24]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(_rows, "IN_MEMORY_BYTES", 0)
    with pytest.raises(StoreError, match=r"Cannot keep the prepared arrays in .*absent"):
        Rows(5, tmp_path / "absent").append(np.zeros((2, 4), np.float32))


def test_a_full_disk_is_reported(monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(_rows, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(_rows.tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(StoreError, match="No space left on device"):
        Rows(5).append(np.zeros((2, 4), np.float32))
