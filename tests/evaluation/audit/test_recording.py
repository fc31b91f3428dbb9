"""What a training reads is recorded, in this process and in those that it starts."""

import contextlib
import ctypes
import importlib
import mmap
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import zipfile
import zipimport
from linecache import getline
from pathlib import Path

import pytest
import torch
from joblib.externals.loky.process_executor import ProcessPoolExecutor
from tests.builders import make_task

from openmer.errors import DataError
from openmer.evaluation.audit import _hook
from openmer.evaluation.audit._recording import (
    Event,
    Recorder,
    allowed_roots,
    check_recorded,
    mapped_files,
)

PROC = [Path("/proc")]  # where the recorder looks itself


def recorded(work):
    with Recorder() as recorder:
        with recorder.recording():
            work()
        return recorder.calls


def messages(calls):
    return [finding.message for finding in check_recorded(calls, allowed_roots(make_task()))]


def test_a_file_that_is_read_is_named(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("1")
    (message,) = messages(recorded(path.read_text))
    assert f"reads {path.resolve()}" in message


def test_what_a_training_wrote_itself_it_may_read_but_another_one_may_not(tmp_path):
    path = tmp_path / "best.pt"
    with Recorder() as recorder:
        with recorder.recording():
            path.write_text("1")
            path.read_text()
        assert messages(recorder.calls) == []
        with recorder.recording():
            path.read_text()
    assert "best.pt" in messages(recorder.calls)[0]


def test_what_is_read_between_trainings_is_told_and_what_is_read_afterwards_is_not(tmp_path):
    paths = [tmp_path / name for name in ("before", "between", "behind", "afterwards")]
    for path in paths:
        path.write_text("1")
    with Recorder() as recorder:
        for path in paths[:2]:
            path.read_text()
            with recorder.recording():
                pass
        paths[2].read_text()
    paths[3].read_text()
    told = {event.what for call in recorder.calls for event in call if event.kind == "read"}
    assert {str(path) for path in paths} & told == {str(path) for path in paths[:3]}


def test_what_native_code_wrote_meanwhile_may_be_read_and_what_was_touched_may_not(tmp_path):
    best, part, old = tmp_path / "best.pt", tmp_path / "part", tmp_path / "labels"
    old.write_text("1")
    os.utime(old, ns=(0, 0))

    def save():
        torch.save(torch.zeros(2), best)
        torch.load(best)
        part.write_text("1")
        part.replace(tmp_path / "whole")
        (tmp_path / "whole").read_text()
        (tmp_path / "made").mkdir()
        assert list((tmp_path / "made").iterdir()) == []

    assert messages(recorded(save)) == []

    def touch():
        os.utime(old)
        old.read_text()

    def append():
        with old.open("a") as file:
            file.write("1")
        old.read_text()

    def move():
        os.utime(old, ns=(0, 0))
        old.replace(tmp_path / "moved")
        (tmp_path / "moved").read_text()

    for work in (touch, append, move):
        (message,) = messages(recorded(work))
        assert "reads" in message


def test_a_log_that_began_in_the_audit_may_be_appended_to_by_every_fold(tmp_path):
    log, labels = tmp_path / "train.log", tmp_path / "labels"
    labels.write_text("1")

    def append(path, mode):
        with path.open(mode) as file:
            file.write("more")

    with Recorder() as recorder:
        for mode in ("a+", "a+", "r+"):
            with recorder.recording():
                append(log, mode)
        assert messages(recorder.calls) == []
        with recorder.recording():
            append(labels, "a+")
        (message,) = messages(recorder.calls)
        assert f"reads {labels.resolve()}," in message and "train.log" not in message
        with recorder.recording():
            labels.replace(log)
            append(log, "r+")
    assert "train.log" in messages(recorder.calls)[0]


def test_what_a_training_reads_first_is_not_excused_by_writing_it_again(tmp_path):
    path = tmp_path / "mean"
    path.write_text("1")
    (message,) = messages(recorded(lambda: path.write_text(path.read_text())))
    assert f"reads {path.resolve()}" in message


def test_a_recording_that_was_switched_off_is_told_and_goes_on(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("1")
    with Recorder() as recorder:
        with recorder.recording():
            _hook.stop()
        with recorder.recording():
            path.read_text()
    off, read = messages(recorder.calls)
    assert "switches off the recording" in off and "labels.csv" in read


def test_files_that_libraries_left_before_the_audit_are_no_part_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("torch_shm", "torchinductor_me"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").write_text("1")
        os.utime(tmp_path / name / "old", ns=(0, 0))

    def read_all():
        (tmp_path / "torch_shm" / "new").write_text("1")
        for name in ("torch_shm/old", "torch_shm/new", "torchinductor_me/old"):
            (tmp_path / name).read_text()

    (message,) = messages(recorded(read_all))
    assert "torch_shm/old," in message and "new" not in message


def test_libraries_and_code_may_be_read(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("value = 1")
    work = lambda: (Path(os.__file__).read_text(), runpy.run_path(str(own)), getline(str(own), 1))  # noqa: E731
    assert messages(recorded(work)) == []
    assert "own.py" in messages(recorded(own.read_text))[0]


def test_the_weights_that_a_method_names_may_be_read(tmp_path):
    path = tmp_path / "made.safetensors"
    path.write_text("")
    task = make_task(overrides=(f"model.weights={path.as_posix()}",))
    calls = recorded(path.read_bytes)
    assert check_recorded(calls, allowed_roots(task)) == []
    assert messages(calls)


def test_the_source_of_a_loaded_module_may_be_quoted_unless_it_has_changed():
    own, training = [os.path.realpath(__file__)], Event("begin", "", 5)
    assert messages([[training, Event("read", *own, 4)]]) == []
    assert messages([[training, Event("read", *own, 6)], [Event("read", *own, 6)]])
    assert messages([[training, Event("read", f"{own[0]}x", 4)]])


def test_a_python_process_records_too(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("1")
    code = f"open({str(path)!r}).read()"
    work = lambda: subprocess.run([sys.executable, "-c", code], check=True)  # noqa: E731
    (message,) = messages(recorded(work))
    assert "reads" in message and "labels.csv" in message


@pytest.mark.parametrize("options", [["-I"], ["-S"]])
def test_a_python_process_that_would_not_record_is_told(options):
    work = lambda: subprocess.run([sys.executable, *options, "-c", ""], check=True)  # noqa: E731
    (message,) = messages(recorded(work))
    assert "starts" in message


def test_a_program_may_lie_in_a_folder_with_a_space(tmp_path):
    python = tmp_path / "Jane Doe" / Path(sys.executable).name
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    start = lambda program, *words: subprocess.run([program, *words, "-c", "'-S'"], check=True)  # noqa: E731
    assert messages(recorded(lambda: start(python))) == []
    (message,) = messages(recorded(lambda: start(python, "-S")))
    assert f"starts {python} -S -c '-S', and" in message
    (message,) = messages(recorded(lambda: os.system(f"{sys.executable} -c ''; true")))
    assert "starts sh -c" in message


def test_workers_of_joblib_may_be_ended_without_psutil(monkeypatch):
    monkeypatch.setattr("joblib.externals.loky.backend.utils.psutil", None)

    def work():
        workers = ProcessPoolExecutor(max_workers=1)
        assert workers.submit(abs, -1).result() == 1
        workers.shutdown(wait=True, kill_workers=True)

    assert messages(recorded(work)) == []
    for words in (("pgrep", "-P", "1", "x"), ("pgrep", "-f", "1"), ("pgrep", "-P", "x")):
        (message,) = messages([[Event("start", _hook.BETWEEN.join(words))]])
        assert f"starts {' '.join(words)}, and" in message


def test_the_compiler_may_hash_its_header_and_nobody_another_file(tmp_path):
    made = Path(tempfile.gettempdir()) / "tmp1" / "header.i"
    for path, count in ((made, 0), (tmp_path / "labels.csv", 1), (Path("/data/header.i"), 1)):
        event = Event("start", _hook.BETWEEN.join(("openssl", "sha512", str(path))))
        assert len(messages([[event]])) == count


def test_code_in_an_archive_may_be_imported_late_and_data_in_it_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "plugin.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("late_plugin.py", "value = 1")
        archive.writestr("labels.csv", "1")
    reader = zipimport.zipimporter(str(path))
    monkeypatch.syspath_prepend(str(path))
    assert messages(recorded(lambda: importlib.import_module("late_plugin"))) == []
    for work in (path.read_bytes, lambda: reader.get_data("labels.csv")):
        (message,) = messages(recorded(work))
        assert f"reads {path.resolve()}" in message


def test_files_of_an_installed_library_may_be_read_wherever_it_lies(tmp_path, monkeypatch):
    (tmp_path / "sound-1.dist-info").mkdir()
    (tmp_path / "sound-1.dist-info/RECORD").write_text("sound/table.json,sha256=a,25\n")
    (tmp_path / "sound").mkdir()
    for name in ("table.json", "labels.json"):
        (tmp_path / "sound" / name).write_text("1")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert messages(recorded((tmp_path / "sound/table.json").read_text)) == []
    assert len(messages(recorded((tmp_path / "sound/labels.json").read_text))) == 1


def test_what_an_installer_linked_may_be_read_and_other_links_not(tmp_path, monkeypatch):
    """So installs uv with links; a link of one's own to labels is in no record."""
    folder, cache = tmp_path / "installed", tmp_path / "cache"
    for one in (folder / "sound-1.dist-info", folder / "sound", cache):
        one.mkdir(parents=True)
    (folder / "sound-1.dist-info/RECORD").write_text("sound/table.json,sha256=a,25\n")
    for name in ("table.json", "labels.json"):
        (cache / name).write_text("1")
        (folder / "sound" / name).symlink_to(cache / name)
    monkeypatch.syspath_prepend(str(folder))
    assert messages(recorded((folder / "sound/table.json").read_text)) == []
    assert len(messages(recorded((folder / "sound/labels.json").read_text))) == 1


def test_folders_that_python_imports_from_may_be_listed_and_others_not(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "inside").mkdir()
    assert messages(recorded(lambda: list(tmp_path.iterdir()))) == []
    (message,) = messages(recorded(lambda: list((tmp_path / "inside").iterdir())))
    assert "lists the folder" in message


def test_the_environment_is_left_as_it_was(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "mine")
    recorded(lambda: None)
    assert os.environ["PYTHONPATH"] == "mine"
    assert "OPENMER_AUDIT_LOG" not in os.environ


def test_a_customised_start_of_python_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.customised = True")
    work = lambda: subprocess.run(  # noqa: E731
        [sys.executable, "-c", "import sys; assert sys.customised"],
        check=True, env={**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"] + f":{tmp_path}"},
    )  # fmt: skip
    assert messages(recorded(work)) == []


def test_each_thing_is_told_once_and_kinds_apart():
    events = [Event("read", "/a"), Event("read", "/a"), Event("connect", "host:80")]
    found = check_recorded([events, events], [])
    assert len(found) == 2
    assert {finding.severity for finding in found} == {"leak"}


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what a process has open")
def test_a_file_opened_before_is_a_leak_if_read_on_and_a_log_is_not(tmp_path):
    for name in ("data", "log", "unread"):
        (tmp_path / name).write_text("some text")
    with (
        (tmp_path / "data").open("rb", buffering=0) as data,
        (tmp_path / "log").open("a+") as log,
        (tmp_path / "unread").open("rb", buffering=0),
    ):
        calls = recorded(lambda: (data.read(4), log.write("more"), log.flush()))
    (message,) = messages(calls)
    assert str(tmp_path / "data") in message


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what a process has mapped")
def test_a_file_mapped_before_is_noted_and_one_mapped_meanwhile_a_leak(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes(5000))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        (before,) = check_recorded(recorded(lambda: None), PROC)
        calls = recorded(lambda: mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).close())
        found = {one.severity for one in check_recorded(calls, PROC) if str(path) in one.message}
    assert before.severity == "note" and str(path) in before.message
    assert found == {"note", "leak"}
    assert messages(recorded(lambda: None)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what a process has mapped")
def test_of_the_files_that_onnx_runtime_keeps_one_alone_is_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".cache/Microsoft/DeveloperTools/.onnxruntime"
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as opened:
        for name in ("onnxruntime.db-shm", "labels.db-shm"):
            (folder / name).write_bytes(bytes(5000))
            file = opened.enter_context((folder / name).open("rb"))
            opened.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        found = mapped_files()  # more where this process has exported a model
    assert str(folder / "labels.db-shm") in found
    assert str(folder / "onnxruntime.db-shm") not in found


def test_sockets_of_a_file_and_the_c_library_are_named_but_not_other_functions(tmp_path):
    def ask():
        ctypes.CDLL(None).getpid()
        with socket.socket(socket.AF_UNIX) as asked, contextlib.suppress(OSError):
            asked.connect(str(tmp_path / "server"))
        with socket.socket(socket.AF_UNIX) as asked, contextlib.suppress(OSError):
            asked.connect("/tmp/pymp-1/listener-1")

    (message,) = messages(recorded(ask))
    assert f"connects to {tmp_path / 'server'}, which may know the labels" in message
    (message,) = messages(recorded(lambda: ctypes.CDLL(None).fopen))
    assert "looks up with ctypes, in the C library, fopen" in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="other systems have no full device")
def test_a_full_disk_stops_the_recording_and_is_told(tmp_path):
    _hook.start("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        (tmp_path / "one").write_text("")
    (tmp_path / "two").write_text("")  # nothing is recorded any more
    recorder = Recorder()
    with pytest.raises(DataError, match="is not whole: no space left"), recorder:
        os.write(_hook._log[0], b'["read", "half a na')
    assert not recorder._log.parent.exists()
