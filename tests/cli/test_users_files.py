"""A file of the user's at the place of a result stays as it is, and is named before the work."""

import json

import pytest
from tests.app.test_review import write_results
from tests.evaluation.made_up_runs import write_run

MINE = b"my own work\n"
QUESTION = {"video_id": "1", "video": "v", "question": "What?", "answer": "negative"}
CUES = "WEBVTT\n\n00:01.000 --> 00:01.300\nmicro\n"


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Inputs of all commands."""
    folder = tmp_path_factory.mktemp("given")
    write_run(folder / "run")
    write_results(folder, seconds=5)
    (folder / "cues.vtt").write_text(CUES)
    (folder / "asked.jsonl").write_text(f"{json.dumps(QUESTION)}\n")
    (folder / "truth.csv").write_text("video,kind,onset,offset\ntalk.mkv,micro,30,39\n")
    (folder / "clips.csv").write_text("corpus,subject,clip,label,frames\nx,s,c,positive,1.png\n")
    (folder / "1.png").write_bytes(b"no picture")
    return folder


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("report.md", "report GIVEN/run --out ."),
        ("report.csv", "report GIVEN/run --out ."),
        ("talk.eaf", "events export GIVEN/analysis --out ."),
        ("truth.csv", "events import GIVEN/cues.vtt --video GIVEN/talk.mkv"),
        ("out.jsonl", "challenge answer GIVEN/asked.jsonl --train GIVEN/asked.jsonl --out FILE"),
        ("truth.csv", "evaluate-spotting --truth GIVEN/truth.csv --no-model --out ."),
        ("footage.md", "evaluate-spotting --footage GIVEN --out ."),
        ("talk.mp4", "datasets inject GIVEN/talk.mkv --out ."),
        ("talk-plain.mp4", "datasets inject GIVEN/talk.mkv --out ."),
        ("fixed.csv", "datasets check GIVEN/clips.csv --fix FILE"),
        ("1.png", "show x/s/c --manifest GIVEN/clips.csv --out FILE"),
        ("1.png", "explain x/s/c --manifest GIVEN/clips.csv --method flow-mlp --out FILE"),
        ("1.png", "pretrain efficient-me --sheet FILE"),
        ("times.md", "latency flow-mlp --out FILE"),
        ("own.onnx", "export flow-mlp --out FILE"),
        ("summary.csv", "analyze GIVEN/talk.mkv GIVEN/other.mkv --no-model --out ."),
    ],
)
def test_it_stays(openmer, given, tmp_path, file, command):
    if "other.mkv" in command:
        (given / "other.mkv").write_bytes((given / "talk.mkv").read_bytes())
    (tmp_path / file).write_bytes(MINE)
    words = command.replace("GIVEN", str(given)).replace("FILE", file).split()
    code, _, err = openmer(*words)
    assert (code, file in err) == (3, True), err
    assert [path.name for path in tmp_path.iterdir()] == [file]
    assert (tmp_path / file).read_bytes() == MINE


def test_an_input_is_no_place_for_a_result(openmer, given, tmp_path):
    for name in ("truth.csv", "asked.jsonl", "cues.vtt"):
        (tmp_path / name).write_bytes((given / name).read_bytes())
    video = given / "talk.mkv"
    train = ("--train", "asked.jsonl")
    for command in (
        ("evaluate-spotting", "--truth", "truth.csv", "--no-model", "--out", "."),
        ("challenge", "answer", given / "asked.jsonl", *train, "--out", "cues.vtt"),
        ("events", "import", "cues.vtt", "--video", video, "--out", "cues.vtt"),
    ):
        assert openmer(*command)[0] == 3
        for name in ("truth.csv", "asked.jsonl", "cues.vtt"):
            assert (tmp_path / name).read_bytes() == (given / name).read_bytes(), command


def test_an_earlier_result_is_replaced(openmer, given, tmp_path):
    for _ in range(2):
        assert openmer("report", given / "run", "--out", ".")[0] == 0
    first = (tmp_path / "report.md").read_bytes()
    assert openmer("report", given / "run", "--out", ".")[0] == 0
    assert (tmp_path / "report.md").read_bytes() == first
