"""What workers share goes with its process, also where that process was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openmer import _worker_files as module
from openmer._temporary_names import start_s_of, unique_mark
from openmer._worker_files import shared_folder, sweep_at_start

MEMORY = Path("/dev/shm")
WORK = """
import os, time
import numpy as np
from joblib import Parallel, delayed
from openmer._worker_files import shared_folder

def work(array, seconds):
    time.sleep(seconds)

if __name__ == "__main__":
    run = Parallel(2, temp_folder=str(shared_folder()), return_as="generator_unordered")
    big = np.zeros(2_000_000)
    for _ in run(delayed(work)(big, seconds) for seconds in (0, 60, 60)):
        print("at work", flush=True)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who is alive")


def started(tmp_path):
    """A process with two workers at work on a shared array."""
    script = tmp_path / "work.py"
    script.write_text(WORK)
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, script],
            env=os.environ | {"TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            text=True,
        )
    assert process.stdout.readline() == "at work\n"
    return process


def left_of(process, tmp_path):
    """What a process has in memory and among temporary files."""
    names = [path.name for place in (MEMORY, tmp_path) for path in place.iterdir()]
    return [name for name in names if f"-{process.pid}-" in name]


def test_what_a_kill_of_all_processes_leaves_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    with started(tmp_path) as process:
        sweep_at_start()
        assert any(name.startswith("sem.loky") for name in left_of(process, tmp_path))
        os.killpg(process.pid, signal.SIGKILL)
    assert sum(name.startswith("openmer-workers") for name in left_of(process, tmp_path)) == 1
    assert any(name.startswith("sem.loky") for name in left_of(process, tmp_path))
    sweep_at_start()
    assert left_of(process, tmp_path) == []


SHARED = "from openmer._worker_files import shared_folder; shared_folder()"
AUDIT = "from openmer.files import temporary_folder as f; g = f('openmer-audit'); g.__enter__()"


@pytest.mark.parametrize(
    ("made", "moment"),
    [(SHARED, "not waited for"), (SHARED, "during the sweep"), (AUDIT, "not waited for")],
)
def test_locks_go_with_the_folder_whenever_their_process_was_killed(
    tmp_path, monkeypatch, made, moment
):
    code = f"import sys; {made}; print(1, flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], **pipes)
    process.stdout.readline()
    lock = MEMORY / f"sem.loky-{process.pid}-x"
    lock.touch()

    def sweep_late(place, sweep=module.sweep_stale):
        process.kill()
        while start_s_of(process.pid) is not None:  # then it is dead, and still in the list
            time.sleep(0.01)
        sweep(place)

    if moment == "not waited for":
        sweep_late(tmp_path)
    else:
        monkeypatch.setattr(module, "sweep_stale", sweep_late)
    sweep_at_start()
    assert left_of(process, tmp_path) == []
    process.communicate()


def test_termination_ends_workers_and_leaves_nothing(tmp_path):
    with started(tmp_path) as process:
        process.terminate()
        process.wait(60)
    assert left_of(process, tmp_path) == []
    told = (tmp_path / "errors").read_text()
    assert told.splitlines()[-1] == "KeyboardInterrupt" and "leaked" not in told


def test_locks_of_others_stay(tmp_path, monkeypatch):
    host, pid, *_ = unique_mark()[1:].split("-")
    monkeypatch.setattr(module, "_MEMORY", tmp_path)
    (tmp_path / f"openmer-workers.{host}-{pid}-{'1' * 8}-{'0' * 12}.tmp").mkdir()
    locks = [f"sem.loky-{pid}-new", f"sem.loky-{pid}-old", "sem.loky-1-x", f"sem.other-{pid}-x"]
    for name in locks:
        (tmp_path / name).touch()
    monkeypatch.setattr(module, "start_s_of", lambda _: time.time() - 1000)
    sweep_at_start()  # of a dead process whose number has gone to this one, which made them all
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(locks)


def test_when_a_process_began_is_known():
    now = time.time()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert abs(start_s_of(process.pid) - now) < 5
        process.stdin.close()
    assert start_s_of(process.pid) is None


def test_each_process_has_one_folder():
    folder = shared_folder()
    assert folder == shared_folder() and folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
