"""Whatever lies where a command expects a file or folder: one message, and nothing written."""

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on Unix only")

COMMANDS = (
    ("analyze", "--no-model", "ODD"),
    ("watch", "--no-model", "ODD"),
    ("predict", "--model", "ODD", "ODD"),
    ("export", "ODD"),
    ("report", "ODD"),
    ("study", "ODD"),
    ("audit", "ODD"),
    ("audit", "flow-svm", "--manifest", "ODD"),
    ("train", "flow-svm", "--manifest", "ODD"),
    ("evaluate", "ODD", "--manifest", "ODD"),
    ("search", "flow-mlp", "--manifest", "ODD", "--search", "ODD"),
    ("show", "a/b/c", "--manifest", "ODD"),
    ("latency", "ODD"),
    ("pretrain", "efficient-me", "--images", "ODD"),
    ("pretrain", "efficient-me", "--root", "fer2013=ODD"),
    ("evaluate-spotting", "--truth", "ODD"),
    ("evaluate-spotting", "--footage", "ODD"),
    ("datasets", "check", "ODD"),
    ("datasets", "check", "casme2", "ODD"),
    ("datasets", "inject", "ODD"),
    ("models", "fetch", "face-mesh", "--from", "ODD"),
    ("methods", "show", "ODD"),
    ("review", "ODD"),
    ("events", "export", "ODD"),
    ("events", "import", "ODD"),
    ("events", "agreement", "ODD"),
    ("events", "manifest", "ODD"),
    ("challenge", "answer", "ODD", "--train", "ODD", "--out", "out.jsonl"),
    ("challenge", "score", "ODD", "ODD"),
    ("leaderboard", "add", "ODD"),
    ("evaluate", "flow-mlp", "--manifest", "ODD", "--label-scheme", "ODD"),
    ("evaluate", "flow-mlp", "--manifest", "ODD", "--protocol", "file:ODD"),
)


def make(kind, path):
    """Put something odd at a path; return what to type."""
    if kind == "device":
        return "/dev/zero"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "lost link":
        path.symlink_to("nothing")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "empty":
        path.touch()
    elif kind == "noise":
        path.write_bytes(bytes(range(256)) * 9)
    return {"long": "x" * 5000, "nothing": ""}.get(kind, str(path))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_one_message_and_nothing_written(openmer, tmp_path, monkeypatch, command):
    monkeypatch.setenv("OPENMER_DATA", str(tmp_path / "data"))
    kinds = ("device", "pipe", "folder", "lost link", "loop", "empty", "noise", "long", "nothing")
    # A stream may come through a pipe; `study` without a name lists all.
    taken = {"watch": "pipe", "study": "nothing"}.get(command[0])
    for kind in kinds:
        if kind == taken:
            continue
        odd = make(kind, tmp_path / f"{kind}.csv")
        before = sorted(tmp_path.rglob("*"))
        code, out, err = openmer(*(word.replace("ODD", odd) for word in command))
        assert code in (2, 3), (kind, code, out, err)
        assert "Traceback" not in err and "fault of OpenMER" not in err, (kind, err)
        assert 0 < len(out + err) < 12_000, kind
        assert sorted(tmp_path.rglob("*")) == before, kind


@pytest.mark.parametrize("words", [("--model", "abfs://b/m"), ("--manifest=ftp://h.org/c.csv",)])
def test_an_address_where_a_file_belongs_is_named_whole(openmer, words):
    code, _, err = openmer("predict", *words)
    assert code == 2
    assert f"Found the address '{words[-1].removeprefix('--manifest=')}'" in " ".join(err.split())
