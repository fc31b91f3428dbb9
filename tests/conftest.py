"""What holds for every test: one thread, no deadline, and nothing of the user's own."""

import gc
import os
import sys

# Read by OpenMP when NumPy and PyTorch are loaded, so it is set before anything imports them.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import pytest
from hypothesis import settings

# Processes that tests start would compile the package again, each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What is imported to collect tests stays: a million objects that need no look, now or later.
gc.disable()

settings.register_profile("openmer", deadline=None)
settings.load_profile("openmer")


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each process one part of the tests, so that what a file makes is made once.

    A process that is done takes half of what the other one has left.
    """
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_user(tmp_path_factory):
    """Another cache and no configured corpora, also for processes that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OPENMER_")]:
            patch.delenv(name)
        patch.setenv("OPENMER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("OPENMER_CONFIG", str(tmp_path_factory.mktemp("config") / "datasets.toml"))
        patch.setenv("OPENMER_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setenv("OPENMER_OFFLINE", "1")
        yield


@pytest.fixture
def face_mesh(monkeypatch, tmp_path_factory):
    """The files of the face mesh, fetched once by all processes of a run; skip without a network.

    Where CI is set, a network is expected.
    """
    from openmer.errors import DataError
    from openmer.preprocessing import fetch_face_mesh

    around = tmp_path_factory.getbasetemp()
    around = around.parent if "PYTEST_XDIST_WORKER" in os.environ else around
    monkeypatch.setenv("OPENMER_DATA", str(around / "fetched"))
    monkeypatch.delenv("OPENMER_OFFLINE")
    try:
        fetch_face_mesh()
    except DataError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
