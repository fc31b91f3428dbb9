"""What holds for every test: one thread, no deadline, and nothing of the user's own."""

import os

# Read by OpenMP when NumPy and PyTorch are loaded, so it is set before anything imports them.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import pytest
from hypothesis import settings

settings.register_profile("openmer", deadline=None)
settings.load_profile("openmer")


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_user(tmp_path_factory):
    """Another cache and no configured corpora, also for processes that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OPENMER_")]:
            patch.delenv(name)
        patch.setenv("OPENMER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("OPENMER_CONFIG", str(tmp_path_factory.mktemp("config") / "datasets.toml"))
        yield
