"""A disk that fills up, and memory that runs out: told with place and remedy, nothing half-written.

The disk is real: a small one in memory, mounted in a name space of its own, which needs no root.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from joblib import delayed
from PIL import Image
from tests.video.made_videos import write_still

from openmer._workers import in_workers
from openmer.datasets.fakes import write_fake
from openmer.errors import DataError, lacks_memory

resource = pytest.importorskip("resource", reason="limits of processes exist on Unix only")

# Each command runs in a fork of one process, for PyTorch is slow to load.
DRIVER = """
import json, os, subprocess, sys
from openmer.cli import main
import openmer.pretraining, sklearn.svm, torch

def run(folder, words):
    pid = os.fork()
    if not pid:
        os.chdir(folder)
        for number in (1, 2):
            os.dup2(os.open(f"{folder}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["openmer", *words]
        main()
        sys.exit()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    names = [name for _, folders, files in os.walk(folder) for name in (*folders, *files)]
    return {"code": code, "said": open(f"{folder}.log").read(), "names": names}

place = sys.argv[1]
for name, size, words in json.loads(sys.argv[2]):
    folder = f"{place}/{name}"
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder])
    if done.returncode:
        sys.exit(77)
    results = [run(folder, words)]
    subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    if name in ("evaluate", "datasets", "report"):
        results.append(run(folder, words))
    print(json.dumps([name, results]), flush=True)
"""
PRETRAIN = (
    "--device", "cpu", "--threads", "1", "--set", "model.parameters.depth=1", "--set",
    "pretraining.size=32", "--set", "pretraining.batch_size=4", "--set",
    "pretraining.validation=0.5", "--set", "pretraining.stages=[{epochs=1, learning_rate=1e-3}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """A manifest of 18 ready flow images of noise."""
    folder = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    rows = ["corpus,subject,clip,label,flow_path"]
    for i in range(18):
        noise = rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
        label = ("negative", "positive", "surprise")[i % 3]
        rows.append(f"smic,s{i // 6},c{i},{label},{i}.png")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder / "clips.csv"


@pytest.fixture(scope="module")
def results(manifest):
    """What each command said and left on a disk that was too small, and then on a larger one."""
    given = manifest.parent
    write_still(given / "wall.mp4", frames=10)
    fer = write_fake("fer2013", given / "fer2013")
    evaluate = ["evaluate", "flow-svm", "--manifest", str(manifest), "--workers", "1"]
    tasks = [
        ("datasets", "100k", ["datasets", "synthesize", "corpus", "--size", "tiny"]),
        ("evaluate", "12k", evaluate),
        ("report", "4k", ["report", str(given / "disks/evaluate/runs"), "--out", "out"]),
        ("analyze", "4k", ["analyze", str(given / "wall.mp4"), "--no-model", "--out", "out"]),
        ("pretrain", "40k", ["pretrain", "efficient-me", *PRETRAIN, "--root", f"fer2013={fer}"]),
    ]
    words = [sys.executable, "-c", DRIVER, str(given / "disks"), json.dumps(tasks)]
    environment = os.environ | {"OPENMER_CACHE": str(given / "cache"), "COLUMNS": "200"}
    try:
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare(1) here")
    if done.returncode and not done.stdout:
        pytest.skip(f"no disk can be mounted here: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("name", ["datasets", "evaluate", "report", "analyze", "pretrain"])
def test_a_full_disk_is_told_with_place_and_remedy_and_nothing_half_written(results, name):
    first, *again = results[name]
    assert first["code"] == 3, first["said"]
    assert "No space left on device. Make room on that disk, then repeat" in first["said"]
    assert f"/disks/{name}/" in first["said"] and "Traceback" not in first["said"]
    assert not [left for left in first["names"] if left.endswith((".tmp", ".partial"))]
    for result in again:
        assert result["code"] == 0, result["said"]
        assert set(first["names"]) < set(result["names"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound memory so")
def test_too_little_memory_is_one_message_with_the_remedy(manifest, tmp_path):
    code = (
        "import resource, sys, torch, sklearn.svm, openmer.training, openmer.preprocessing\n"
        "from openmer.cli import main\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)\n"
        "main()\n"
    )
    words = ("evaluate", "flow-mlp", "--manifest", str(manifest), "--device", "cpu")
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--set", "model.parameters.width=400000"],
        cwd=tmp_path,
        env=os.environ | {"OPENMER_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 3, done.stderr
    assert "--workers 1" in done.stderr and "--memory-gib" in done.stderr
    assert "Traceback" not in done.stderr


def hungry(kind):
    """Ask for more memory than this worker process may have."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)
    if kind == "numpy":
        np.ones(1 << 30)
    elif kind == "opencv":
        cv2.resize(np.zeros((9, 9), np.uint8), (30_000, 30_000))
    else:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound memory so")
@pytest.mark.parametrize("kind", ["numpy", "opencv", "killed"])
def test_too_little_memory_of_a_worker_is_known_as_such(kind):
    with pytest.raises(Exception, match=r"(?i)allocate|memory") as caught:
        list(in_workers([delayed(hungry)(kind)], 2))
    if kind == "killed":
        assert isinstance(caught.value, DataError) and "--workers 1" in str(caught.value)
    else:
        assert lacks_memory(caught.value)
