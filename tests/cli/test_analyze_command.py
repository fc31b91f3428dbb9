"""`openmer analyze` and `openmer watch`, on small videos of synthetic faces."""

import csv
import json
import os
import shutil

import cv2
import numpy as np
import pytest
from tests.forked import Forked
from tests.video.made_videos import truth, write_event, write_still

from openmer.video import videos_in
from openmer.video._identity import identity_of
from openmer.video._job import folders_for


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    write_event(folder / "event.mkv")
    write_still(folder / "still.mp4", subject_id=0)
    write_still(folder / "wall.mp4")
    return folder


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_video_gets_a_folder_with_everything(openmer, videos, tmp_path):
    code, out, err = openmer("analyze", videos / "event.mkv", "--annotate", "--out", "found")
    assert code == 0, err
    assert "Found 1 micro-expression." in out
    folder = tmp_path / "found" / "event"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        ".openmer-files.json", "annotated.mp4", "done.json", "events.csv", "events.json",
        "report.html",
        "replays/event1.mp4",
    }  # fmt: skip
    (row,) = csv.DictReader((folder / "events.csv").read_text().splitlines())
    onset, apex, offset = truth()
    assert abs(int(row["apex_frame"]) - apex) <= 2
    assert int(row["onset_frame"]) < apex < int(row["offset_frame"])
    assert offset > onset
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Found 1 micro-expression." in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page


def test_the_same_command_does_not_analyse_again(openmer, videos, tmp_path, monkeypatch):
    ask = ("analyze", videos / "event.mkv", "--no-model", "--no-replays", "--out", "found")
    assert openmer(*ask)[0] == 0
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "found").rglob("*")}

    def never(*_, **__):
        raise AssertionError("analysed again")

    with monkeypatch.context() as patched:
        patched.setattr("openmer.video._job.analyze_video", never)
        code, out, _ = openmer(*ask)
        assert code == 0 and "analysed before" in out
        code, _, err = openmer(*ask, "--spotter", "motion", "--abstain-below", "0.9")
        assert code == 70 and "analysed again" in err
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "found").rglob("*")}
    assert openmer(*[part for part in ask if part != "--no-model"])[0] == 0
    assert read(tmp_path / "found" / "event" / "events.json")["model"] is not None


def test_several_videos_at_once_and_their_exit_codes(openmer, videos):
    paths = [videos / "event.mkv", videos / "still.mp4", videos / "wall.mp4"]
    ask = ("analyze", *paths, "--no-replays", "--workers", "2", "--json")
    code, out, _ = openmer(*ask)
    assert code == 5  # one without a face
    told = json.loads(out)
    assert [len(video["events"]) for video in told["videos"]] == [1, 0, 0]
    assert [video["faces"] for video in told["videos"]] == [1, 1, 0]
    assert told["videos"][1]["verdict"].startswith("Nothing found")
    assert openmer("analyze", videos / "still.mp4", "--no-replays")[0] == 0


def test_a_broken_video_stops_no_other(openmer, videos, tmp_path):
    (tmp_path / "noise.mp4").write_bytes(os.urandom(5000))
    (tmp_path / "empty.mp4").touch()
    code, out, err = openmer(
        "analyze", "noise.mp4", "empty.mp4", videos / "still.mp4", "nowhere.mp4", "--json"
    )
    assert code == 3
    told = json.loads(out)
    assert [video["video"] for video in told["videos"]] == [str(videos / "still.mp4")]
    assert len(told["failures"]) == 3
    assert all(name in err for name in ("noise.mp4", "empty.mp4", "nowhere.mp4"))
    assert "Traceback" not in err
    written = {p.name for p in (tmp_path / "analysis").iterdir()}
    assert written == {"still", "summary.csv", "summary.html"}
    page = (tmp_path / "analysis" / "summary.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("noise.mp4", "empty.mp4", "nowhere.mp4"))


def test_a_video_that_breaks_off_is_reported_and_not_fine(openmer, videos, tmp_path):
    whole = (videos / "event.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: int(0.85 * len(whole))])
    code, out, _ = openmer("analyze", "cut.mkv", "--no-replays", "--no-model", "--json")
    (told,) = json.loads(out)["videos"]
    assert len(told["events"]) == 1
    assert code == (3 if told["damage"] else 0)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--model", "nowhere"), 3, "nowhere"),
        (("--model", "nowhere", "--no-model"), 2, "--no-model"),
        (("--spotter", "motoin"), 2, "motion"),
        (("--abstain-below", "7"), 2, "0..1"),
        (("--fps", "many"), 2, "no rate"),
    ],
)
def test_a_wrong_option_is_one_clear_error(openmer, videos, tmp_path, options, code, message):
    found, _, err = openmer("analyze", videos / "still.mp4", *options)
    assert found == code
    assert message in err.replace("\n", " ")
    assert not (tmp_path / "analysis" / "still").exists()


def test_a_folder_of_something_else_is_left_alone(openmer, videos, tmp_path):
    (tmp_path / "analysis" / "still").mkdir(parents=True)
    (tmp_path / "analysis" / "still" / "thesis.txt").write_text("mine")
    code, _, err = openmer("analyze", videos / "still.mp4")
    assert code == 3 and "still holds thesis.txt, which is not in" in " ".join(err.split())
    assert (tmp_path / "analysis" / "still" / "thesis.txt").read_text() == "mine"


def test_nothing_is_left_where_writing_fails(openmer, videos, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("openmer.video._job.write_report", full)
    code, _, err = openmer("analyze", videos / "event.mkv", "--no-replays", "--no-model")
    assert code == 3 and "No space left" in err
    assert list((tmp_path / "analysis").iterdir()) == []


@pytest.fixture
def never_decoded(monkeypatch):
    def never(*_, **__):
        raise AssertionError("a frame was decoded")

    return lambda: monkeypatch.setattr("openmer.video._job.analyze_video", never)


QUICK = ("--no-model", "--no-replays")


def test_notes_in_the_results_are_kept_and_named_before_the_work(
    openmer, videos, tmp_path, never_decoded
):
    ask = ("analyze", videos / "still.mp4", *QUICK)
    assert openmer(*ask)[0] == 0
    folder = tmp_path / "analysis" / "still"
    (folder / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    never_decoded()
    assert openmer(*ask)[0] == 0  # nothing is to be done, and nothing is replaced
    code, _, err = openmer(*ask, "--fps", "30")
    assert code == 3 and "holds notes.txt" in " ".join(err.split())
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_results_of_other_options_replace_those_before(openmer, videos, tmp_path):
    assert openmer("analyze", videos / "still.mp4", *QUICK, "--annotate")[0] == 0
    assert openmer("analyze", videos / "still.mp4", *QUICK, "--fps", "30")[0] == 0
    assert not (tmp_path / "analysis" / "still" / "annotated.mp4").exists()
    assert [path.name for path in (tmp_path / "analysis").iterdir()] == ["still"]


@pytest.mark.parametrize("is_copy", [False, True])
def test_two_videos_of_one_name_in_two_calls_keep_both_results(openmer, videos, tmp_path, is_copy):
    for place, name in (("S01", "still.mp4"), ("S02", "still.mp4" if is_copy else "wall.mp4")):
        (tmp_path / place).mkdir()
        shutil.copy(videos / name, tmp_path / place / "v.mp4")
    openmer("analyze", "S01/v.mp4", *QUICK)
    first = {path: path.read_bytes() for path in (tmp_path / "analysis" / "v").iterdir()}
    _, out, err = openmer("analyze", "S02/v.mp4", *QUICK)
    assert "analysed before" not in out
    (other,) = {path.name for path in (tmp_path / "analysis").iterdir()} - {"v"}
    assert other.startswith("v-") and "Another video has the same name" in err and other in err
    assert {path: path.read_bytes() for path in (tmp_path / "analysis" / "v").iterdir()} == first
    for place in ("S01", "S02"):
        _, out, _ = openmer("analyze", f"{place}/v.mp4", *QUICK)
        assert "analysed before" in out
    assert len(list((tmp_path / "analysis").iterdir())) == 2


def test_a_video_that_was_moved_is_not_analysed_again(openmer, videos, tmp_path):
    shutil.copy(videos / "still.mp4", tmp_path / "v.mp4")
    openmer("analyze", "v.mp4", *QUICK)
    (tmp_path / "new").mkdir()
    (tmp_path / "v.mp4").rename(tmp_path / "new" / "v.mp4")
    assert "analysed before" in openmer("analyze", "new/v.mp4", *QUICK)[1]
    shutil.copy(videos / "wall.mp4", tmp_path / "new" / "v.mp4")
    assert "analysed before" not in openmer("analyze", "new/v.mp4", *QUICK)[1]


def test_images_that_were_replaced_by_others_are_analysed_anew(openmer, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "f").mkdir()
    images = [rng.integers(0, 255, (40, 40, 3), np.uint8) for _ in range(17)]
    for number, image in enumerate(images):
        cv2.imwrite(str(tmp_path / "f" / f"img{number}.bmp"), image)
    ask = ("analyze", "f", "--fps", "30", *QUICK)
    openmer(*ask)
    assert "analysed before" in openmer(*ask)[1]
    cv2.imwrite(str(tmp_path / "f" / "img9.bmp"), images[9][::-1, ::-1])
    assert "analysed before" not in openmer(*ask)[1]
    openmer(*ask, "--out", ".")  # the folder of the images is no place for the results
    assert len(list((tmp_path / "f").iterdir())) == 17
    assert len(list(tmp_path.glob("f-*/report.html"))) == 1


def test_a_byte_in_the_middle_makes_another_video(tmp_path):
    path = tmp_path / "v"
    path.write_bytes(bytes(5_000_000))
    known = identity_of(path)
    known["read_ns"] += 10**10  # as if the file had settled; its time stamps are put back below
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    with path.open("rb+") as file:
        file.seek(2_500_000)
        file.write(b"1")
    os.utime(path, ns=times)
    assert identity_of(path, known)["sha256"] != known["sha256"]


@pytest.mark.parametrize(("age_s", "is_taken"), [(1, False), (3, True)])
def test_a_digest_is_taken_only_of_a_file_that_had_settled(tmp_path, age_s, is_taken):
    (tmp_path / "v").write_bytes(b"1")
    known = identity_of(tmp_path / "v")
    changed = max(known["state"][2:])
    known |= {"sha256": "kept", "read_ns": changed + age_s * 10**9}
    assert (identity_of(tmp_path / "v", known)["sha256"] == "kept") is is_taken
    for part in range(4):
        state = [number + (place == part) for place, number in enumerate(known["state"])]
        other = known | {"state": state, "read_ns": changed + 10**10}
        assert identity_of(tmp_path / "v", other)["sha256"] != "kept"


def test_a_pipe_is_refused_and_not_waited_for(openmer, tmp_path):
    os.mkfifo(tmp_path / "v.mp4")
    code, _, err = openmer("analyze", "v.mp4")
    assert code == 3 and "no ordinary file" in err


@pytest.mark.parametrize("out", ["file", "file/below", "x" * 300])
def test_a_place_that_cannot_be_written_is_found_first(
    openmer, videos, tmp_path, never_decoded, out
):
    (tmp_path / "file").write_text("mine")
    never_decoded()
    code, _, err = openmer("analyze", videos / "still.mp4", *QUICK, "--out", out)
    assert code == 3 and "Cannot write" in err and "Traceback" not in err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_very_long_name_of_a_video_works(openmer, videos, tmp_path):
    name = "v" * 245 + ".mp4"
    shutil.copy(videos / "still.mp4", tmp_path / name)
    assert openmer("analyze", name, *QUICK)[0] == 0
    (folder,) = (tmp_path / "analysis").iterdir()
    assert (folder / "report.html").is_file() and len(folder.name) == 200


def test_results_in_the_folder_of_the_video_remove_nothing(openmer, videos, tmp_path):
    shutil.copy(videos / "still.mp4", tmp_path / "x.mp4")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "x").write_text("mine, without an ending")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert openmer("analyze", "x.mp4", *QUICK, "--out", ".")[0] == 3
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "x").rename(tmp_path / "y")
    assert openmer("analyze", "x.mp4", *QUICK, "--out", ".")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"x.mp4", "notes.txt", "y", "x"}


def test_videos_of_one_name_get_folders_of_their_own(tmp_path):
    videos = [tmp_path / "a" / "talk.mp4", tmp_path / "b" / "talk.mp4", tmp_path / "c.mp4"]
    folders = folders_for(videos, tmp_path)
    assert len(set(folders)) == 3
    assert folders[2] == tmp_path / "c"
    assert folders == folders_for(videos, tmp_path)


def test_results_of_an_earlier_version_are_of_their_video(tmp_path):
    videos = [tmp_path / place / "clip.mp4" for place in ("a", "b")]
    for video in videos:
        video.parent.mkdir()
        video.write_text(str(video))
    (tmp_path / "out" / "clip").mkdir(parents=True)
    (tmp_path / "out" / "clip" / "events.json").touch()
    stamp = {"asked": "", "video": identity_of(videos[0]), "told": {}}
    (tmp_path / "out" / "clip" / "done.json").write_text(json.dumps(stamp))
    found = [folders_for([video], tmp_path / "out")[0].name for video in videos]
    assert found[0] == "clip" and found[1].startswith("clip-")
    assert [path.name for path in folders_for(videos, tmp_path / "out")] == found


def test_a_summary_of_somebody_else_is_named_before_the_work(openmer, tmp_path):
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "summary.csv").write_text("subject,age\n")
    code, _, err = openmer("analyze", "a.mp4", "b.mp4")
    assert code == 3 and "summary.csv does not say that OpenMER wrote it" in err


def test_places_that_are_taken_are_found_before_the_work(openmer, videos, tmp_path):
    names = ("summary.html.mp4", "Summary.CSV.mp4", "reviews.mp4", "w.mp4")
    paths = [tmp_path / name for name in names]
    for path in paths:
        shutil.copy(videos / "still.mp4", path)
    folders = folders_for(paths, tmp_path / "out")
    assert [folder.name for folder in folders] == [
        "summary.html_", "Summary.CSV_", "reviews_", "w",
    ]  # fmt: skip
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "w").write_text("mine")
    code, _, err = openmer("analyze", *paths, "--no-model", "--out", "out")
    assert code == 3 and "out/w: it is a file" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["w"]


def test_one_video_under_several_names_is_analysed_once(tmp_path):
    video = tmp_path / "w.mp4"
    for name in ("w.mp4", "._w.mp4", ".hidden.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "z.mp4").symlink_to(video)
    (tmp_path / "sub").mkdir()
    given = [tmp_path / "sub" / ".." / "w.mp4", tmp_path]
    assert videos_in(given, notes := []) == given[:1]
    assert len(notes) == 2 and "z.mp4 is " in notes[1]


def test_a_watched_file_tells_its_event(openmer, videos):
    code, out, err = openmer("watch", videos / "event.mkv", "--json")
    assert code == 0, err
    (line,) = out.splitlines()
    assert json.loads(line)["kind"] == "micro"
    code, out, err = openmer("watch", videos / "still.mp4", "--no-model")
    assert (code, out) == (0, "") and "Nothing found" in err
    assert openmer("watch", "camera:97")[0] == 3


@pytest.mark.slow
def test_a_stream_through_a_pipe_is_watched(videos, tmp_path):
    done = Forked(["watch", "-"], tmp_path, stdin=videos / "event.mkv").wait()
    assert done.returncode == 0
    assert "micro" in done.stdout
    assert "Events: 1." in done.stderr


def test_a_video_without_permission_is_named(openmer, videos, tmp_path):
    shutil.copy(videos / "still.mp4", tmp_path / "locked.mp4")
    (tmp_path / "locked.mp4").chmod(0)
    if os.access(tmp_path / "locked.mp4", os.R_OK):
        pytest.skip("this user may read everything")
    code, _, err = openmer("analyze", "locked.mp4")
    assert code == 3 and "locked.mp4" in err
