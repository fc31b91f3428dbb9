"""Engines: the same results as on one computer, whichever worker makes them and whichever dies."""

import contextlib
import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import openmer
from openmer import _dask_cluster, _engine
from openmer._engine import Engine, close_cluster, current_engine
from openmer.cli import main
from openmer.errors import ConfigError, DataError, OpenMERError
from openmer.evaluation import Protocol, cross_validate, prepare_task
from openmer.methods import load_method
from openmer.training import Resources, fit_jobs, plan_run
from tests.builders import make_clip
from tests.training.test_strategies import JOBS, make_data, make_spec

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def scheduler(folder):
    """A scheduler in a process of its own, and its address."""
    file = folder / "scheduler.json"
    process = start(
        "scheduler", "--port", "0", "--no-dashboard", "--no-jupyter", "--host", "127.0.0.1",
        "--scheduler-file", str(file),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return process, json.loads(file.read_text())["address"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The scheduler of two workers, each a process that a nanny starts again."""
    folder = tmp_path_factory.mktemp("cluster")
    process, found = scheduler(folder)
    workers = start(
        "worker", found, "--nworkers", "2", "--nthreads", "1", "--no-dashboard",
        "--local-directory", str(folder),
    )  # fmt: skip
    yield found
    close_cluster(f"dask:{found}")
    for one in (workers, process):
        one.terminate()
        one.wait(30)


@pytest.fixture
def engine(address):
    return Engine(f"dask:{address}")


def test_names_are_checked_at_once(monkeypatch):
    for name in ("", "dusk", "local:2", "DASK"):
        with pytest.raises(ConfigError, match="no engine"):
            Engine(name)
    monkeypatch.setenv("OPENMER_ENGINE", "ray")
    with pytest.raises(ConfigError, match="no engine 'ray'"):
        current_engine()


def test_a_script_without_a_main_guard_gets_one_error(tmp_path):
    script = tmp_path / "bare.py"
    script.write_text("import openmer\nopenmer.Engine('dask').cluster()\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1
    assert "under `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]
    assert done.stderr.count("Traceback") == 1


def test_a_block_chooses_the_engine_and_gives_the_one_before_back(monkeypatch):
    monkeypatch.delenv("OPENMER_ENGINE", raising=False)
    with Engine("dask:tcp://nowhere:1"):
        assert current_engine().name == "dask:tcp://nowhere:1"
        with Engine("local"):
            assert current_engine().is_local
        assert not current_engine().is_local
    assert current_engine().is_local


@pytest.mark.parametrize("strategy", ["side_by_side", "stacked"])
def test_folds_have_the_bytes_of_one_computer(engine, strategy):
    data = make_data()
    spec = make_spec(data=data)
    plan = plan_run(spec, JOBS, Resources(strategy=strategy, workers=2, compiled="never"))
    alone = plan.model_copy(update={"workers": 1})
    own = {result.job: result for result in fit_jobs(JOBS, spec, data, alone)}
    with engine:
        results = list(fit_jobs(JOBS, spec, data, plan))
    assert {result.job for result in results} == set(own)
    for result in results:
        np.testing.assert_array_equal(result.scores, own[result.job].scores)
        np.testing.assert_array_equal(result.losses, own[result.job].losses)


def test_a_search_has_the_bytes_of_one_computer(engine, tmp_path):
    from tests.evaluation.tuning.test_search import bytes_of, searching

    task, two = searching(), Resources(device="cpu", workers=2, compiled="never")
    alone = cross_validate(task, Protocol(), out=tmp_path / "alone", resources=two)
    with engine:
        folder = cross_validate(task, Protocol(), out=tmp_path / "many", resources=two)
    assert bytes_of(folder) == bytes_of(alone)


def test_a_call_whose_worker_dies_is_made_again_and_others_once(engine, tmp_path):
    def note(folder, name, deadly):
        made = folder / f"{name}-{len(list(folder.glob(f'{name}-*')))}"
        made.touch()
        if deadly and made.name.endswith("-0"):
            os.kill(os.getpid(), signal.SIGKILL)
        return name

    calls = [(f"call{number}", number == 1) for number in range(5)]
    results = list(engine.run(note, calls, (tmp_path,)))
    assert sorted(results) == [name for name, _ in calls]
    assert (tmp_path / "call1-1").exists()
    assert len(list(tmp_path.glob("call4-*"))) == 1


def test_what_is_common_is_lost_with_every_worker_and_sent_again(engine, tmp_path):
    def die_first(values, number):
        mark = tmp_path / f"mark{number}"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number, float(values.sum())

    found = list(engine.run(die_first, [(0,), (1,)], (np.ones(1000),)))
    assert sorted(found) == [(0, 1000.0), (1, 1000.0)]


def test_a_worker_that_dies_as_it_gets_what_is_common_holds_up_nobody(engine, tmp_path):
    mark, caller = tmp_path / "mark", os.getpid()

    def arrive(text):
        if os.getpid() != caller and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return text

    class Sent:
        def __reduce__(self):
            return arrive, ("here",)

    found = list(engine.run(lambda text, number: (text, number), [(0,), (1,)], (Sent(),)))
    assert sorted(found) == [("here", 0), ("here", 1)]
    assert mark.exists()


def test_the_error_of_a_call_is_the_error_of_the_run(engine):
    def fail(number):
        raise DataError(f"Clip {number} is broken.")

    with pytest.raises(DataError, match="Clip 7 is broken"):
        list(engine.run(fail, [(7,)]))


def test_other_versions_are_refused_by_name(engine, monkeypatch):
    monkeypatch.setattr(_dask_cluster, "versions", lambda: {"openmer": "9.9", "python": "3.11.7"})
    with pytest.raises(OpenMERError, match=r"openmer .* in place of 9\.9"):
        list(engine.run(lambda: 1, [()]))


def _answer_in_http(listener):
    """Answer as a proxy or a web server does."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            connection.close()


def test_without_a_scheduler_there_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(_dask_cluster, "CONNECT_S", 2)
    monkeypatch.setattr(_dask_cluster, "SOON_S", 2)
    words = ("happiness", "disgust", "surprise")
    clips = [make_clip(subject=who, emotion=word, name=word) for who in "ab" for word in words]
    said = pytest.raises(ConfigError, match="No scheduler of Dask answers at 'tcp://127")
    with Engine("dask:tcp://127.0.0.1:9"), said:  # before it looks for the frames of the clips
        prepare_task(load_method("flow-svm"), clips, protocol=Protocol())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer_in_http, args=(listener,), daemon=True).start()
        with pytest.raises(ConfigError, match="No scheduler of Dask answers"):
            Engine(f"dask:tcp://127.0.0.1:{listener.getsockname()[1]}").cluster()
    # One that Python's collector closes while another one starts makes it wait for ever.
    clients = [one for one in gc.get_objects() if type(one) is distributed.Client]
    kept = [cluster.client for cluster in _engine._clusters.values()]
    assert all(one.status == "closed" for one in clients if not any(one is own for own in kept))
    process, found = scheduler(tmp_path)
    lonely = Engine(f"dask:{found}")
    try:
        with lonely, pytest.raises(OpenMERError, match="No worker came"):  # as early
            prepare_task(load_method("flow-svm"), clips, protocol=Protocol())
    finally:
        process.kill()
        process.wait()
        close_cluster(lonely.name)


def test_a_gpu_that_no_worker_offers_is_named(engine):
    with pytest.raises(OpenMERError, match=r"workers at .* offers a GPU"):
        list(engine.run(lambda: 1, [()], on_gpu=True))


def test_the_command_line_sends_folds_and_checks_workers(address, tmp_path, monkeypatch, capsys):
    openmer.synthesize(tmp_path / "c", size="tiny", progress=False)
    clips = ["--manifest", str(tmp_path / "c" / "manifest.csv")]
    folders = []
    monkeypatch.setenv("OPENMER_ENGINE", "local")
    for out, words in (("own", []), ("sent", ["--engine", f"dask:{address}"])):
        words = ["openmer", "evaluate", "flow-svm", *clips, "--out", str(tmp_path / out), *words]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        place = tmp_path / out
        folders.append({p.relative_to(place): p.read_bytes() for p in place.rglob("*.parquet")})
    assert folders[0] == folders[1] and len(folders[0]) == 6
    assert "MB sent by workers" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["openmer", "engine", "check", f"dask:{address}", "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    told = json.loads(capsys.readouterr().out)
    assert not end.value.code and not told["faults"] and len(told["workers"]) == 2


PROFILE = {
    "cores": 1, "processes": 1, "memory": "1GB", "interface": "lo",
    "scheduler-options": {"dashboard_address": ":0"},
}  # fmt: skip


def put_on_path(scripts, folder, monkeypatch):
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\ncd {folder}\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(sys.platform != "linux", reason="lo")
@pytest.mark.parametrize(
    "sbatch", ['echo "Submitted batch job 17$$"; echo "17$$" >>JOBS', "touch JOBS; exit 1"]
)
def test_jobs_that_end_at_once_or_are_refused_are_an_error_at_once(tmp_path, monkeypatch, sbatch):
    monkeypatch.setattr(_dask_cluster, "LOOK_S", 1)
    monkeypatch.setattr(_dask_cluster, "QUEUE_S", 30)
    scripts = {
        "sbatch": sbatch,
        "scancel": "true",
        "squeue": "test -f ENDED || cat JOBS; echo 99; touch ENDED",  # once, they still wait
    }
    put_on_path(scripts, tmp_path, monkeypatch)
    with dask.config.set({"jobqueue.lab": PROFILE}), Engine("slurm:lab:2") as queue:
        with pytest.raises(OpenMERError, match="All jobs of the queue ended, or were refused"):
            list(queue.run(lambda: 1, [()]))
        assert (tmp_path / "ENDED").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="setsid, lo, and /proc")
def test_jobs_of_a_queue_are_workers_and_end_with_the_engine(tmp_path, monkeypatch, caplog):
    """Slurm's commands are stood in for by two scripts; `.ci/slurm` has a real one."""
    scripts = {
        # As Slurm's, it keeps a copy of the script, which the caller deletes.
        "sbatch": 'own=job$$.sh; cp "$1" $own; setsid bash $own >/dev/null 2>&1 & '
        'echo "Submitted batch job $!"',
        "scancel": 'echo "$1" >>CANCELLED; kill -- "-$1"',
    }
    put_on_path(scripts, tmp_path, monkeypatch)
    with dask.config.set({"jobqueue.lab": PROFILE}), Engine("slurm:lab:2") as queue:
        workers = set(
            queue.run(lambda _: (time.sleep(1), os.getpid())[1], [(n,) for n in range(4)])
        )
        with pytest.raises(ConfigError, match="no section 'bench' in Dask-Jobqueue's"):
            Engine("slurm:bench").cluster()
    with pytest.raises(ConfigError, match="'many' jobs, expected 1 to 9999"):
        Engine("slurm:lab:many").cluster()
    assert workers and os.getpid() not in workers
    assert re.search(r"Progress of all workers: http://127\.0\.0\.1:\d+/status", caplog.text)
    assert len((tmp_path / "CANCELLED").read_text(encoding="utf-8").split()) == 2
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{one}").exists() for one in workers)
