"""Answer the questions of a challenge and score the answers, as a user does."""

import json

import pytest

COARSE, UNITS = "What is the coarse expression class?", "What are the action units?"


def write_lines(path, rows):
    keys = ("video_id", "video", "question", "answer")
    path.write_text("".join(f"{json.dumps(dict(zip(keys, row, strict=False)))}\n" for row in rows))


def test_answers_are_made_and_scored_beside_the_prior(openmer, tmp_path):
    pytest.importorskip("sacrebleu", reason="the extra challenge is not installed")
    truth = [
        ("1", "a", COARSE, "positive"),
        ("2", "b", COARSE, "negative"),
        ("3", "a", UNITS, "jaw drop"),
    ]
    write_lines(tmp_path / "truth.jsonl", truth)
    write_lines(tmp_path / "asked.jsonl", [row[:3] for row in truth])
    known = [("9", "z", COARSE, "negative"), ("8", "z", UNITS, "blink")]
    write_lines(tmp_path / "train.jsonl", known)
    said = {"input": "x/y/a", "likeliest": "positive", "action_units": [26]}
    (tmp_path / "coarse.json").write_text(json.dumps({"predictions": [said]}))
    code, _, err = openmer(
        "challenge", "answer", "asked.jsonl", "--train", "train.jsonl", "--coarse", "coarse.json",
        "--out", "out.jsonl",
    )  # fmt: skip
    assert code == 0, err
    assert "3 answers, 1 of them by prior alone" in " ".join(err.split())
    given = ("truth.jsonl", "out.jsonl", "--train", "train.jsonl", "--json")
    code, out, _ = openmer("challenge", "score", *given)
    found = json.loads(out)
    assert (code, found["answers"]["coarse_uf1"], found["answers"]["rouge1"]) == (0, 1, 1)
    assert found["prior alone"]["coarse_uar"] == 0.5


def test_two_inputs_of_one_name_are_one_clear_error(openmer, tmp_path):
    write_lines(tmp_path / "asked.jsonl", [("1", "a", COARSE, "x")])
    twice = [{"input": "s1/a", "likeliest": "x"}, {"input": "s2/a", "likeliest": "y"}]
    (tmp_path / "p.json").write_text(json.dumps({"predictions": twice}))
    given = ("asked.jsonl", "--train", "asked.jsonl", "--coarse", "p.json", "--out", "o.jsonl")
    code, _, err = openmer("challenge", "answer", *given)
    assert code == 3
    assert "two inputs have one name" in err


def test_videos_are_matched_by_their_whole_names(openmer, tmp_path):
    rows = [
        ("1", "v1", COARSE, ""),
        ("2", "v2.mp4", COARSE, ""),
        ("3", "w.9", COARSE, ""),
        ("4", "x", COARSE, ""),
    ]
    write_lines(tmp_path / "asked.jsonl", rows)
    write_lines(tmp_path / "train.jsonl", [("9", "z", COARSE, "negative")])
    told = [{"input": f"a/{name}", "likeliest": "up"} for name in ("v1.b", "v2", "w.9.AVI", "X")]
    (tmp_path / "p.json").write_text(json.dumps({"predictions": told}))
    given = ("asked.jsonl", "--train", "train.jsonl", "--coarse", "p.json", "--out", "o.jsonl")
    code, _, err = openmer("challenge", "answer", *given)
    assert code == 0, err
    assert "Nothing is predicted of the video 'v1'. 'v1.b', which is near" in " ".join(err.split())
    assert "video 'x'. 'X', which is near" in " ".join(err.split())
    lines = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert [line["answer"] for line in lines] == ["negative", "up", "up", "negative"]
