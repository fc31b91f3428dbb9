import json

import pytest
from tests.video.made_videos import truth, write_event, write_still


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    write_event(folder / "event.mkv")
    write_still(folder / "still.mp4", subject_id=0, frames=90)
    onset, apex, offset = truth()
    rows = [
        "video,subject_id,subject,kind,onset,apex,offset,class,fps",
        f"event.mkv,1,s1,micro,{onset},{apex},{offset},positive,30",
        "still.mp4,1,s2,,,,,,30",
    ]
    (folder / "truth.csv").write_text("\n".join(rows) + "\n")
    return folder / "truth.csv"


def test_a_found_movement_is_a_hit_and_a_quiet_video_counts(openmer, videos, tmp_path):
    code, out, err = openmer("evaluate-spotting", "--truth", videos, "--out", tmp_path, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["videos"], told["subjects"]) == (2, 2)
    micro = told["scopes"]["micro"]
    assert (micro["truth"], micro["found"], micro["hits"]) == (1, 1, 1)
    assert micro["f1"] == 1
    assert micro["strs"] in (0, pytest.approx(1 / 3), 1)
    assert told["quiet"]["videos"] == 1 and told["quiet"]["found"] == 0
    assert (tmp_path / "truth.md").is_file() and (tmp_path / "truth.csv").is_file()


def test_what_is_finished_is_not_looked_at_again(openmer, videos, tmp_path, monkeypatch):
    ask = ("evaluate-spotting", "--truth", videos, "--no-model", "--out", tmp_path)
    code, first, _ = openmer(*ask)
    assert code == 0

    def never(*_, **__):
        raise AssertionError("analysed again")

    monkeypatch.setattr("openmer.video.spotting._evaluate.analyze_video", never)
    code, second, _ = openmer(*ask)
    assert code == 0
    assert first == second


def test_an_event_beyond_the_end_is_an_error_and_no_miss(openmer, videos, tmp_path):
    table = videos.with_name("long.csv")
    table.write_text("video,kind,onset,offset\nstill.mp4,micro,85,90\nevent.mkv,micro,1,2\n")
    code, _, err = openmer("evaluate-spotting", "--truth", table, "--no-model", "--out", tmp_path)
    assert code == 3 and "still.mp4 has a true event up to frame 90, but only 90 frames" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "none of --corpus, --truth and --synthetic"),
        (("--truth", "a.csv", "--corpus", "samm_long"), "--corpus and --truth"),
        (("--truth", "a.csv", "--root", "b"), "--root goes with --corpus"),
        (("--corpus", "casme2"), "casme2"),
        (("--truth", "nowhere.csv"), "nowhere.csv"),
        (("--truth", "a.csv", "--model", "m", "--no-model"), "--no-model"),
    ],
)
def test_a_wrong_question_is_one_clear_error(openmer, tmp_path, options, message):
    code, _, err = openmer("evaluate-spotting", *options, "--out", tmp_path)
    assert code in (2, 3)
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err


def test_a_corpus_of_long_videos_is_judged(openmer, tmp_path):
    assert openmer("datasets", "fake", "casme_squared", tmp_path / "fake")[0] == 0
    ask = ("--corpus", "casme_squared", "--root", tmp_path / "fake", "--no-model", "--json")
    code, out, err = openmer("evaluate-spotting", *ask, "--out", tmp_path / "out")
    assert code == 0, err
    scopes = json.loads(out)["scopes"]
    assert scopes["micro"]["truth"] > 0
    assert 0 < scopes["micro"]["hits"] <= scopes["micro"]["found"]
    assert (tmp_path / "out" / "casme_squared.csv").is_file()
