"""Files by URL: a real server of S3 on this computer, and what can go wrong with one."""

import functools
import http.server
import os
import threading
import time
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import openmer
from openmer import _remote_files, _stand_ins, remote
from openmer.api._evaluate import Result
from openmer.errors import ConfigError, DataError
from openmer.files import move_file, replace_file, replace_folder
from openmer.video import open_video
from tests.cli.conftest import openmer as run  # noqa: F401 (a fixture)
from tests.video.made_videos import write_still

s3fs = pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")
SECRET = "a-very-secret-key"


@pytest.fixture(scope="module")
def server():
    found = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    yield "http://{}:{}".format(*found.get_host_and_port())
    found.stop()


@pytest.fixture
def bucket(server, monkeypatch, tmp_path):
    """An empty bucket, and the file system that looks into it."""
    for name, value in {
        "AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"), _stand_ins.VARIABLE: "",
        "OPENMER_CACHE": str(tmp_path / "cache"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    if files.exists("lab"):
        files.rm("lab", recursive=True)
    files.mkdir("lab")
    yield files
    s3fs.S3FileSystem.clear_instance_cache()


def write_clips(folder):
    """Nine ready flow images of three subjects, and their manifest."""
    rng, rows = np.random.default_rng(0), ["corpus,subject,clip,label,flow_path"]
    folder.mkdir()
    for subject in "abc":
        for word in ("happiness", "disgust", "surprise"):
            name = f"{subject}-{word}.png"
            Image.fromarray(rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)).save(folder / name)
            rows.append(f"own,{subject},{word},{word},{name}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.parquet")}


def test_a_run_from_and_to_a_bucket_has_the_bytes_of_one_on_disk(bucket, run, tmp_path):  # noqa: F811
    write_clips(tmp_path / "c")
    bucket.put(str(tmp_path / "c"), "lab/corpus", recursive=True)
    assert run("evaluate", "flow-svm", "--manifest", "c/manifest.csv", "--out", "own")[0] == 0
    words = ("evaluate", "flow-svm", "--manifest=s3://lab/corpus/manifest.csv")
    code, printed, said = run(*words, "--out", "s3://lab/runs")
    assert code == 0 and "Report: s3://lab/runs/flow-svm/" in said
    assert str(tmp_path) not in printed + said
    sent = bucket.find("lab/runs")
    names = {name.removeprefix("lab/runs/"): name for name in sent if name.endswith(".parquet")}
    own = contents(tmp_path / "own")
    assert {name: bucket.cat_file(at) for name, at in names.items()} == own and len(own) == 3
    assert not [name for name in sent if ".tmp" in name or _remote_files.SENDING in name]
    lost = min(names.values())
    bucket.rm_file(lost)
    before = {at: bucket.info(at)["LastModified"] for at in names.values() if at != lost}
    time.sleep(1.1)  # S3 tells seconds
    assert run(*words, "--out", "s3://lab/runs")[0] == 0
    bucket.invalidate_cache()
    assert {at: bucket.info(at)["LastModified"] for at in before} == before
    assert bucket.cat_file(lost) == own[lost.removeprefix("lab/runs/")]
    assert Result.read(f"s3://{lost.partition('/folds')[0]}").info.clips == 9


def test_a_video_is_read_in_parts_and_analysed_once(bucket, run, tmp_path, monkeypatch):  # noqa: F811
    video = write_still(tmp_path / "long.mp4", frames=12)
    with video.open("ab") as file:  # an atom that a reader passes over
        file.write((64 << 20).to_bytes(4, "big") + b"free" + bytes((64 << 20) - 8))
    bucket.put_file(str(video), "lab/videos/long.mp4")
    fetched = []
    whole = s3fs.core.S3File._fetch_range

    def counted(self, start, end):
        fetched.append(end - start)
        return whole(self, start, end)

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", counted)
    words = ("analyze", "s3://lab/videos/", "--no-model", "--no-replays", "--out", "s3://lab/found")
    code, printed, said = run(*words)
    assert code == 5, said  # a wall has no face
    assert "s3://lab/videos/long.mp4" in printed
    assert 0 < sum(fetched) < 32 << 20
    assert {"done.json", "events.csv"} <= {Path(p).name for p in bucket.find("lab/found/long")}
    code, printed, _ = run(*words)
    assert code == 5 and "(analysed before)" in printed
    write_still(video, frames=13)
    bucket.put_file(str(video), "lab/videos/long.mp4")
    bucket.invalidate_cache()
    assert "(analysed before)" not in run(*words)[1]


def test_a_copy_is_made_again_where_its_file_changed(bucket):
    bucket.pipe_file("lab/a.txt", b"one")
    path = remote.here("s3://lab/a.txt")
    assert path.read_bytes() == b"one"
    made = path.stat().st_mtime_ns
    remote.bring(path)
    assert path.stat().st_mtime_ns == made
    bucket.pipe_file("lab/a.txt", b"two")
    remote.bring(path)
    assert path.read_bytes() == b"two"
    path.write_bytes(b"own")  # somebody's change of the copy is none of the file
    remote.bring(path)
    assert path.read_bytes() == b"two"
    with pytest.raises(DataError, match="is only read here"):
        replace_file(path, b"lost")


def test_a_folder_whose_sending_was_cut_counts_as_not_there(bucket, monkeypatch):
    place = remote.out("s3://lab/out")
    whole, sent = _remote_files.put_file, []

    def cut(files, path, where):
        if len(sent) == 2:
            raise KeyboardInterrupt
        sent.append(where)
        whole(files, path, where)

    def write(text):
        with replace_folder(place / "one") as folder:
            for name in "abc":
                (folder / name).write_text(text, encoding="utf-8")

    monkeypatch.setattr(remote, "put_file", cut)
    with pytest.raises(KeyboardInterrupt):
        write("first")
    bucket.invalidate_cache()
    assert len(bucket.find("lab/out/one")) == 3  # two files, and the mark
    monkeypatch.setattr(remote, "put_file", whole)
    place = remote.out("s3://lab/out")
    assert not (place / "one").exists()
    write("again")
    place = remote.out("s3://lab/out")
    assert [(place / "one" / name).read_text(encoding="utf-8") for name in "abc"] == ["again"] * 3
    assert not any(_remote_files.SENDING in name for name in bucket.find("lab/out"))
    bucket.pipe_file("lab/out/one/notes.txt", b"mine")
    place = remote.out("s3://lab/out")
    with pytest.raises(DataError, match=r"s3://lab/out/one holds notes\.txt"):
        write("never")
    assert bucket.cat_file("lab/out/one/notes.txt") == b"mine"


def test_a_file_that_gets_its_place_is_sent(bucket, tmp_path):
    place = remote.out("s3://lab/out")
    place.mkdir(exist_ok=True)
    made = tmp_path / "made"
    made.write_bytes(b"video")
    move_file(made, place / "one.mp4")
    bucket.invalidate_cache()
    assert bucket.cat_file("lab/out/one.mp4") == b"video"


def test_every_error_names_the_url_and_no_secret(bucket, server, run, monkeypatch, tmp_path):  # noqa: F811
    bucket.pipe_file("lab/m.csv", b"corpus,subject\n")
    check = ("datasets", "check")
    cases = {
        "s3://lab/none.csv": "There is no s3://lab/none.csv. Correct the URL.",
        "s3://nowhere/m.csv": "There is no s3://nowhere/m.csv (no such bucket)",
        "s3://lab/m.csv": "s3://lab/m.csv",
        "ssh://me:hunter2@host/m.csv": "Found a password or '..' in 'ssh://host/m.csv'",
        "s3://lab/../m.csv": "Found a password or '..'",
        "abfs://lab/m.csv": "expected a file or folder of this computer, or one of s3://",
        f"{server}/lab/none.csv?X-Amz-Signature={SECRET}": f"There is no {server}/lab/none.csv. C",
        f"http://127.0.0.1:9/m.csv?sig={SECRET}": "http://127.0.0.1:9/m.csv cannot be read",
    }
    for url, text in cases.items():
        code, printed, said = run(*check, url)
        assert code in {2, 3} and text in said and printed == "", (url, said)
        assert SECRET not in said and "hunter2" not in said
    assert "Results cannot be written to http" in run("report", ".", "--out", "http://a/b")[2]
    assert "There is no s3://nowhere/out" in run("report", ".", "--out", "s3://nowhere/out")[2]
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        s3fs.S3FileSystem.clear_instance_cache()
        assert "Check the user, the key" in run(*check, "s3://lab/m.csv")[2]
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setattr(_remote_files, "find_spec", lambda _: None)
    assert "needs the package fsspec" in run(*check, "s3://lab/m.csv")[2]
    found = util.find_spec
    monkeypatch.setattr(
        _remote_files, "find_spec", lambda one: found(one) if one == "fsspec" else None
    )
    for scheme, package in (("s3", "s3fs"), ("gs", "gcsfs"), ("sftp", "paramiko")):
        assert f"needs the package {package}" in run(*check, f"{scheme}://lab/m.csv")[2]


def test_what_ends_early_is_an_error_and_leaves_nothing(bucket, monkeypatch):
    bucket.pipe_file("lab/m.csv", b"0123456789")

    async def cut(_self, _where, to, **_):
        Path(to).write_bytes(b"012")

    monkeypatch.setattr(s3fs.S3FileSystem, "_get_file", cut)
    with pytest.raises(DataError, match=r"ended early: m\.csv has 10 bytes, and 3 came"):
        remote.here("s3://lab/m.csv")
    assert not list(Path(os.environ["OPENMER_CACHE"]).rglob("*m.csv*"))


def test_a_connection_that_is_lost_is_no_damage_of_the_video(bucket, tmp_path, monkeypatch):
    write_still(tmp_path / "v.mp4", frames=12)
    bucket.put_file(str(tmp_path / "v.mp4"), "lab/v.mp4")
    path = remote.here("s3://lab/v.mp4", stream=True)

    def lost(*_):
        raise ConnectionResetError("gone")

    monkeypatch.setattr(s3fs.core.S3File, "_fetch_range", lost)
    with pytest.raises(DataError, match="cannot be read or written"):
        open_video(path, on_damage="skip")


def test_tables_name_files_by_url_and_python_takes_them(bucket, tmp_path):
    write_clips(tmp_path / "c")
    for number in range(3):
        image = tmp_path / "c" / "a-disgust.png"
        bucket.put_file(str(image), f"lab/frames/img{number}.png")
    (tmp_path / "m.csv").write_text(
        "corpus,subject,clip,label,frames\nown,a,one,disgust,s3://lab/frames\n", encoding="utf-8"
    )
    (clip,) = openmer.load_clips(tmp_path / "m.csv")
    assert [path.read_bytes() for path in clip.frame_paths] == [image.read_bytes()] * 3
    bucket.put_file(str(tmp_path / "m.csv"), "lab/m.csv")
    assert openmer.load_clips("s3://lab/m.csv")[0].frame_paths == clip.frame_paths


def test_a_server_without_parts_is_copied_from_and_memory_needs_no_server(tmp_path, monkeypatch):
    monkeypatch.setenv(_stand_ins.VARIABLE, "")
    monkeypatch.setenv("OPENMER_CACHE", str(tmp_path / "cache"))
    write_still(tmp_path / "v.mp4", frames=12)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{listening.server_address[1]}/v.mp4"
        with open_video(remote.here(url, stream=True)) as video:
            assert len(list(video)) == 12
        listening.shutdown()
    place = remote.out("memory://results/x")
    replace_file(place / "a.txt", "done")
    assert remote.here("memory://results/x/a.txt").read_text(encoding="utf-8") == "done"
    with pytest.raises(ConfigError, match="cannot be written"):
        remote.out("https://host/x")
    assert remote.here("plain.csv") == Path("plain.csv") == remote.out("plain.csv")


def test_what_only_the_user_may_know_is_not_shown():
    text = "at s3://a/b?X-Sig=abc&d=e, and 'ssh://me:pw@host/x' (https://t@host/y)."
    assert _stand_ins.without_secrets(text) == "at s3://a/b and 'ssh://host/x' (https://t@host/y)."
