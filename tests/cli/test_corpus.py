"""A corpus by its name, from its folder to the number; what is missing or broken is said."""

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from openmer.cli._app import main
from openmer.datasets import facts, load_clips

FIVE = ("--set", "label_scheme=casme2-5")
QUICK = ("--workers", "1")


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    """Small fakes of the three corpora of the composite, in one folder, written by the command."""
    folder = tmp_path_factory.mktemp("fakes") / "all"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["openmer", "datasets", "fake", "megc2019", str(folder)])
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code
    return folder


def evaluate(openmer, *arguments):
    code, out, err = openmer("evaluate", "flow-svm", *arguments, *QUICK, "--json")
    assert code == 0, err
    return json.loads(out), err


def test_a_corpus_is_judged_in_five_classes(openmer, fakes):
    found, err = evaluate(openmer, "--corpus", "casme2", "--root", fakes / "casme2", *FIVE)
    assert (found["clips"], found["subjects"], found["failures"]) == (10, 3, [])
    assert list(found["per_class"]) == [
        "disgust", "happiness", "others", "repression", "surprise",
    ]  # fmt: skip
    assert err.count("Warning:") == 1
    assert "CASME II (2014) differs from a whole copy" in err
    assert "14 clips, expected 255" in err
    record = tomllib.loads(Path(found["run"], "run.toml").read_text())
    assert record["data"]["label_scheme"] == "casme2-5"
    source = record["source"]
    assert (source["corpus"], source["variant"]) == ("casme2", "2014")
    assert (source["clips"], source["clips_expected"]) == (14, 255)
    assert "casme2: 2 clips of 'others', expected 99" in source["differences"]
    code, out, _ = openmer("evaluate", "flow-svm", "--corpus", "casme2", "--root",
                           f"casme2={fakes / 'casme2'}", *FIVE, *QUICK)  # fmt: skip
    assert code == 0
    assert "The copy of CASME II is not whole" in " ".join(out.split())


def test_the_composite_is_judged_from_one_folder_or_three(openmer, fakes, monkeypatch):
    one, err = evaluate(openmer, "--corpus", "megc2019", "--root", fakes)
    assert (one["clips"], sorted(one["parts"])) == (26, ["casme2", "samm", "smic"])
    assert err.count("Warning:") == 1
    assert set(one["source"]["corrections"]) == {"casme2", "samm"}
    roots = [w for p in ("casme2", "samm", "smic") for w in ("--root", f"{p}={fakes / p}")]
    three, _ = evaluate(openmer, "--corpus", "megc2019", *roots)
    monkeypatch.setenv("OPENMER_SAMM_ROOT", str(fakes / "samm"))
    mixed, _ = evaluate(openmer, "--corpus", "megc2019", *roots[:2], *roots[4:])
    elsewhere, _ = evaluate(openmer, "--corpus", "megc2019", "--root", fakes, *roots[:2])
    assert one["run"] == three["run"] == mixed["run"] == elsewhere["run"]
    assert three["uf1"] == one["uf1"]


def test_the_root_may_stand_in_the_environment(openmer, fakes, monkeypatch):
    monkeypatch.setenv("OPENMER_SMIC_ROOT", str(fakes / "smic"))
    code, out, err = openmer("audit", "flow-svm", "--corpus", "smic", "--subjects", "1", *QUICK)
    assert code == 0, err
    assert "clean" in out
    assert "SMIC (HS) differs from a whole copy" in err


@pytest.fixture
def broken(fakes, tmp_path):
    """A copy of CASME II of which a happy clip has a cut-off image at its onset."""
    root = shutil.copytree(fakes / "casme2", tmp_path / "broken")
    clip = next(c for c in load_clips("casme2", root) if c.emotion.lower() == "happiness")
    image = clip.frame_paths[clip.onset]
    image.write_bytes(image.read_bytes()[:200])
    return root, clip.key, image.name


def test_a_broken_image_is_listed_and_the_score_says_so(openmer, broken):
    root, key, image = broken
    arguments = ("--corpus", "casme2", "--root", root, *FIVE)
    found, err = evaluate(openmer, *arguments)
    assert (found["clips"], found["asked"]) == (9, 10)
    assert [(f["clip"], f["step"]) for f in found["failures"]] == [(key, "read")]
    assert "1 of 10 clips could not be prepared" in err
    assert err.index("read: 1 clip") < err.index(f"{key}: ") < err.index("Report:")
    assert image in err
    said = (
        "1 of 10 clips could not be prepared: 1 at the step 'read'. The scores are of the other 9."
    )
    page = Path(found["run"], "report.html").read_text().replace("&#39;", "'")
    assert said in page
    files = {path: path.read_bytes() for path in Path(found["run"]).rglob("*") if path.is_file()}
    code, out, _ = openmer("evaluate", "flow-svm", *arguments, *QUICK)
    assert code == 0
    assert said in " ".join(out.split())
    assert {path: path.read_bytes() for path in files} == files
    code, out, err = openmer("audit", "flow-svm", *arguments, *QUICK, "--json")
    assert json.loads(out)["failures"][0]["clip"] == key
    assert "1 of 10 clips could not be prepared" in err


def test_a_broken_image_may_be_an_error(openmer, broken):
    root, key, _ = broken
    arguments = ("--corpus", "casme2", "--root", root, *FIVE, *QUICK, "--on-failure", "error")
    for command in ("evaluate", "audit"):
        code, _, err = openmer(command, "flow-svm", *arguments)
        assert code == 3
        assert key in err
    assert not Path("runs").exists()


def test_a_class_that_is_lost_is_refused(openmer, broken):
    root, key, _ = broken
    for clip in load_clips("casme2", root):
        if clip.emotion.lower() == "happiness":
            clip.frame_paths[clip.onset].write_bytes(b"")
    arguments = ("--corpus", "casme2", "--root", root, *FIVE, *QUICK)
    code, _, err = openmer("evaluate", "flow-svm", *arguments)
    assert code == 4
    assert "No clip of class happiness is left" in err
    assert key in err


def test_a_clip_of_a_corpus_is_shown(openmer, fakes, broken):
    clip = load_clips("smic", fakes / "smic")[0]
    code, _, err = openmer("show", clip.key, "--corpus", "smic", "--root", fakes / "smic",
                           "--detector", "haar")  # fmt: skip
    assert code == 0, err
    assert Path("sheet.png").is_file()
    root, key, _ = broken
    for path in next(c for c in load_clips("casme2", root) if c.key == key).frame_paths:
        path.unlink()
    code, _, err = openmer("show", key, "--corpus", "casme2", "--root", root)
    assert code == 3
    assert key in err and "Repair the copy" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "neither of --manifest and --corpus"),
        (("--corpus", "casme2", "--manifest", "clips.csv"), 2, "both of --manifest and --corpus"),
        (("--corpus", "casm2"), 2, "Did you mean 'casme2'"),
        (("--corpus", "casm2", "--root", "x"), 2, "Did you mean 'casme2'"),
        (("--corpus", "casme2"), 2, "OPENMER_CASME2_ROOT"),
        (("--corpus", "casme2"), 2, facts("casme2").access),
        (("--corpus", "megc2019"), 2, "OPENMER_SMIC_ROOT"),
        (("--corpus", "casme2", "--root", "nowhere"), 3, facts("casme2").access),
        (("--corpus", "casme2", "--root", "a", "--root", "b"), 2, "Found 2 folders for casme2"),
        (("--corpus", "casme2", "--root", "a", "--root", "casme2=b"), 2, "Found 2 folders"),
        (("--corpus", "megc2019", "--root", "samm=a", "--root", "samm=b"), 2, "Found 2 folders"),
        (("--corpus", "megc2019", "--root", "sam=a"), 2, "Did you mean 'samm'"),
        (("--corpus", "fer2013"), 2, "holds images"),
        (("--corpus", "casme2", "--variant", "2015", "--root", "a"), 2, "Known: 2014, 2019"),
        (("--manifest", "clips.csv", "--root", "a"), 2, "Found --root beside --manifest"),
        (("--manifest", "clips.csv", "--frames", "raw"), 2, "Found --frames beside --manifest"),
    ],
)
@pytest.mark.parametrize(
    "command", [("evaluate", "flow-svm"), ("audit", "flow-svm"), ("show", "a/b/c")]
)
def test_a_wrong_source_is_one_clear_error(openmer, command, arguments, code, message):
    found, out, err = openmer(*command, *arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert "Traceback" not in err
    assert not list(Path().iterdir())


def test_a_repaired_manifest_and_ids_to_be_checked(openmer, tmp_path):
    assert openmer("datasets", "synthesize", "corpus", "--size", "tiny")[0] == 0
    text = (tmp_path / "corpus" / "manifest.csv").read_text(encoding="utf-8")
    broken = re.sub(r",synth-a/s2\b", ",", text)
    broken = broken.replace("synth-a,s2,ep02", "synth-a,S2,ep02").replace("frames/", "frames\\")
    (tmp_path / "corpus" / "mine.csv").write_text(broken, encoding="utf-8")
    code, out, err = openmer("datasets", "check", "corpus/mine.csv", "--fix", "corpus/fixed.csv")
    assert code == 0
    assert "synth-a/S2 and synth-a/s2 may be one subject" in out
    assert "is now 'frames/" in err
    fixed = (tmp_path / "corpus" / "fixed.csv").read_text(encoding="utf-8")
    assert "\\" not in fixed
    code, out, _ = openmer("datasets", "check", "corpus/fixed.csv", "--json")
    assert json.loads(out)["ids_to_check"] == ["synth-a/S2 and synth-a/s2 may be one subject"]
