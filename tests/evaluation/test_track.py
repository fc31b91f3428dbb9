"""Trackers: what they get, and that a run stays as it is."""

import sys

import pytest
from tests.builders import make_task

from openmer.errors import ConfigError
from openmer.evaluation import Protocol, cross_validate, load_run, open_tracker
from openmer.training import Resources

ONE = Resources(device="cpu", strategy="one_by_one")


def tracked(target, out):
    """A run with a tracker; its folder."""
    tracker = open_tracker(target)
    folder = cross_validate(
        make_task(), Protocol(), out=out, resources=ONE, on_fold=tracker and tracker.fold
    )
    if tracker:
        tracker.finish(folder)
    return folder


def bytes_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


def test_tensorboard_gets_losses_scores_and_settings_and_the_run_stays_as_it_is(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tracked(f"tensorboard:{tmp_path / 'logs'}", tmp_path / "a")
    assert bytes_of(folder) == bytes_of(tracked(None, tmp_path / "b"))
    read = EventAccumulator(str(tmp_path / "logs")).Reload()
    losses = [name for name in read.Tags()["scalars"] if name.startswith("loss/seed0/")]
    assert len(losses) == len(bytes_of(folder))
    assert [event.step for event in read.Scalars(losses[0])] == [1, 2, 3]
    assert read.Scalars("uf1/all")[0].value == pytest.approx(load_run(folder)[1].uf1)
    assert "method.training.epochs | 3" in str(read.Tensors("settings/text_summary"))


@pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # MLflow's own use of SQLAlchemy
def test_mlflow_gets_losses_scores_and_settings_and_the_run_stays_as_it_is(tmp_path):
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path / 'track.db'}"
    folder = tracked(f"mlflow:{uri}", tmp_path / "a")
    assert bytes_of(folder) == bytes_of(tracked(None, tmp_path / "b"))
    client = MlflowClient(tracking_uri=uri)
    (experiment,) = (each for each in client.search_experiments() if each.name == "OpenMER")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["method.training.epochs"] == "3"
    assert run.data.metrics["uf1/all"] == pytest.approx(load_run(folder)[1].uf1)
    losses = [name for name in run.data.metrics if name.startswith("loss/seed0/")]
    assert len(client.get_metric_history(run.info.run_id, losses[0])) == 3


@pytest.mark.parametrize("target", ["wandb:x", "tensorboard", "mlflow:"])
def test_another_tracker_is_refused_before_anything_is_trained(target):
    with pytest.raises(ConfigError, match=r"expected tensorboard:FOLDER or mlflow:URI"):
        open_tracker(target)


def test_a_tracker_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ConfigError, match=r"pip install 'openmer\[tensorboard\]'"):
        open_tracker("tensorboard:logs")
    assert open_tracker(None) is None
