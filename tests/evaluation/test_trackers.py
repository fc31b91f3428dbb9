"""Trackers: what they get, and that a run stays as it is."""

import http.server
import json
import sys
import threading
import time

import pytest
from tests.builders import make_task

from openmer.errors import ConfigError, DataError
from openmer.evaluation import Protocol, _track, cross_validate, load_run, open_tracker
from openmer.training import Resources

ONE = Resources(device="cpu", strategy="one_by_one")


def tracked(target, out, on_lost=pytest.fail):
    """A run with a tracker; its folder."""
    with open_tracker(target, on_lost) as tracker:
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
    said = r"expected tensorboard:FOLDER or mlflow:URI"
    with pytest.raises(ConfigError, match=said), open_tracker(target, pytest.fail):
        pass


def test_a_tracker_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with (
        pytest.raises(ConfigError, match=r"pip install 'openmer\[tensorboard,torch\]'"),
        open_tracker("tensorboard:logs", pytest.fail),
    ):
        pass
    with open_tracker(None, pytest.fail) as tracker:
        assert tracker is None


def test_a_run_that_ends_early_is_marked_and_no_password_is_told(monkeypatch):
    class Sink:
        def close(self, *, failed):
            ended.append(failed)

    ended = []
    monkeypatch.setitem(_track._SINKS, "mlflow", lambda place: Sink())
    with pytest.raises(KeyboardInterrupt), open_tracker("mlflow:x", pytest.fail) as tracker:
        raise KeyboardInterrupt
    assert tracker is not None and ended == [True]

    def lost(place):
        raise OSError(f"no answer of {place}")

    monkeypatch.setitem(_track._SINKS, "mlflow", lost)
    with (
        pytest.raises(DataError, match="no answer") as caught,
        open_tracker("mlflow:http://me:secret@host", pytest.fail),
    ):
        pass
    assert "secret" not in str(caught.value)


class _Server(http.server.BaseHTTPRequestHandler):
    """Answers as a server of MLflow's, as often as it may; then it is gone."""

    left = 0

    def do_GET(self):
        type(self).left -= 1
        if self.left < 0:
            self.connection.close()
            return
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        info = {"run_id": "r", "experiment_id": "1", "status": "RUNNING"}
        content = json.dumps({"experiment": info, "run": {"info": info, "data": {}}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - as the base class looks for it

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture(name="server")
def _server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"mlflow:http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_a_server_that_dies_is_told_once_and_the_run_goes_on(tmp_path, server, monkeypatch):
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(_Server, "left", 8)
    told = []
    folder = tracked(server, tmp_path / "a", told.append)
    assert len(told) == 1 and "is lost" in told[0] and "goes on without it" in told[0]
    assert load_run(folder)[0].subjects == len(bytes_of(folder))


def test_a_server_that_never_answers_is_told_within_seconds(monkeypatch):
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    started = time.monotonic()
    with (
        pytest.raises(DataError, match=r"cannot be used: .*refused"),
        open_tracker("mlflow:http://127.0.0.1:9", pytest.fail),
    ):
        pass
    assert time.monotonic() - started < 10  # MLflow alone: minutes


def test_a_folder_that_cannot_be_made_is_told_before_the_training(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match="cannot be used"),
        open_tracker(f"tensorboard:{tmp_path / 'file' / 'logs'}", pytest.fail),
    ):
        pass
