"""The public face: its names, what importing it loads, and results that know themselves."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import openmer
from openmer.errors import ConfigError, DataError

NAMES = {
    "Augmentation", "Clip", "Engine", "OpenMERError", "__version__", "analyze", "audit", "compare",
    "create_model",
    "evaluate", "explain", "export", "list_corpora", "list_methods", "list_models", "load_clips",
    "load_method", "load_model", "predict", "pretrain", "register_corpus", "register_detector",
    "register_flow", "register_label_scheme", "register_method", "register_model",
    "register_spotter", "synthesize", "train", "Step", "register_loss", "register_metric",
    "register_protocol", "evaluate_action_units",
}  # fmt: skip
HEAVY = "{'torch', 'cv2', 'pandas', 'numpy', 'pydantic', 'matplotlib', 'sklearn'}"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return openmer.synthesize(tmp_path_factory.mktemp("made") / "c", size="tiny", progress=False)


@pytest.fixture(scope="module")
def result(clips, tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    return openmer.evaluate("flow-svm", clips, out=runs, workers=1, progress=False)


def python(code):
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def test_the_names_are_these_and_all_of_them_are_there():
    assert set(openmer.__all__) == NAMES
    assert all(getattr(openmer, name) is not None for name in NAMES)


def test_no_name_is_a_module():
    assert not [name for name in NAMES if isinstance(getattr(openmer, name), type(sys))]


def test_importing_it_loads_nothing_heavy():
    assert python(f"import openmer, sys; print({HEAVY} & set(sys.modules))") == "set()"


def test_reading_clips_loads_no_pandas(clips):
    manifest = clips[0].frame_paths[0].parents[4] / "manifest.csv"
    code = f"import openmer, sys\nopenmer.load_clips({str(manifest)!r})\n"
    assert python(code + f"print({HEAVY} & {{'pandas', 'torch'}} & set(sys.modules))") == "set()"


def test_clips_are_a_sequence(clips):
    assert len(clips) == 18
    assert list(clips)[3] == clips[3]
    assert list(clips.to_frame().label) == [clip.emotion for clip in clips]
    assert openmer.load_clips(clips.to_frame()).clips == clips.clips


def test_clips_come_from_a_table_in_memory_as_pandas_reads_it(clips):
    import pandas

    folder = clips[0].frame_paths[0]
    while not (folder / "manifest.csv").is_file():
        folder = folder.parent
    table = pandas.read_csv(folder / "manifest.csv")
    table["frames"] = [str(folder / frames) for frames in table.frames]
    table["apex"] = table.apex.astype(float)
    table.loc[2, "apex"] = float("nan")
    found = openmer.load_clips(table)
    assert [clip.key for clip in found] == [clip.key for clip in clips]
    assert found[0] == clips[0]
    assert found[2].apex is None
    with pytest.raises(DataError, match="The table"):
        openmer.load_clips(table.drop(columns="label"))


def test_wrong_clips_are_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="casme2"):
        openmer.load_clips("casm2")
    with pytest.raises(ConfigError, match="expected the path"):
        openmer.load_clips(3)
    with pytest.raises(ConfigError, match="only with the name of a corpus"):
        openmer.load_clips(tmp_path / "clips.csv", variant="all")
    with pytest.raises(DataError, match=r"clips\.csv"):
        openmer.evaluate("flow-svm", tmp_path / "clips.csv", progress=False)


def test_a_result_knows_its_scores_and_predictions(result, clips):
    found, interval = result.predictions, result.interval("uf1")
    assert len(found) == len(clips) == found["clip"].nunique()
    assert (found.truth == found.predicted).mean() == result.accuracy
    assert interval[0] <= result.uf1 <= interval[1]
    assert list(result.to_frame().part) == ["all", "synth-a", "synth-b"]
    assert result.to_frame().uf1[0] == result.uf1
    assert not result.leaky
    with pytest.raises(ConfigError, match="uf1"):
        result.interval("uf2")


def test_a_result_writes_its_report_and_draws_itself(result, tmp_path):
    assert result.report(tmp_path / "r").read_text().count(result.info.title) > 0
    texts = [text.get_text() for text in result.plot().axes[0].texts]
    assert sum(map(float, texts)) == 18


def test_evaluating_again_reads_what_is_there(result, clips):
    again = openmer.evaluate(
        "flow-svm", list(clips), out=result.folder.parent.parent, progress=False
    )
    assert again.folder == result.folder


def test_a_leaky_run_says_so(clips, tmp_path):
    changes = ["training.epochs=2"]
    found = openmer.evaluate(
        "flow-mlp", clips, epoch_rule="held_out", overrides=changes, out=tmp_path, progress=False,
        workers=1,
    )  # fmt: skip
    assert found.leaky
    assert "LEAKY" in repr(found)
    assert "LEAKY" in found.plot().axes[0].get_title()


def test_two_results_are_compared(result):
    same = openmer.compare(result, result.folder)
    assert same.difference == 0
    assert same.p_value == 1
    assert same.to_frame().mcnemar_p_value[0] == 1


def test_an_audit_is_clean_or_not(clips):
    method = openmer.load_method("flow-mlp", ["training.epochs=2"])
    clean = openmer.audit(method, clips, subjects=1, epochs=1, workers=1, progress=False)
    leaky = openmer.audit(
        method, clips, epoch_rule="held_out", subjects=1, epochs=1, workers=1, progress=False
    )
    assert clean.clean
    assert not leaky.clean
    assert "leak" in set(leaky.to_frame().severity)
    with pytest.raises(ConfigError, match="load_method"):
        openmer.audit(method, clips, overrides=["training.epochs=1"], progress=False)


def test_a_model_is_trained_saved_loaded_and_asked(clips, result, tmp_path):
    runs = result.folder.parent.parent
    model = openmer.train("flow-svm", clips, runs=runs, workers=1, progress=False)
    folder = model.save(tmp_path / "model")
    said = openmer.load_model(folder).predict(clips)
    assert [one.likeliest for one in said] == [one.likeliest for one in model.predict(clips)]
    assert list(said.to_frame().label) == [clip.emotion for clip in clips]
    one = openmer.predict(clips[0].frame_paths[0].parent, folder, onset=clips[0].onset)
    assert one[0].likeliest in model.classes
    assert openmer.predict(clips[0], model)[0] == said[0]
    with pytest.raises(DataError, match="no model"):
        openmer.load_model(tmp_path)
    with pytest.raises(DataError, match="say them themselves"):
        openmer.predict(clips, model, onset=3)


def test_one_way_to_explain_is_named():
    with pytest.raises(ConfigError, match="method= with clips"):
        openmer.explain("a/b/c")
    with pytest.raises(ConfigError, match="method= with clips"):
        openmer.explain("a/b/c", method="ststnet")


def test_an_analysis_knows_its_events_and_signals(tmp_path):
    from openmer.api._analyze import Analysis
    from openmer.video import AnalyzeSettings
    from tests.video.made_analysis import analysis as made
    from tests.video.made_analysis import event

    found = Analysis(tmp_path, made(event()), AnalyzeSettings(), None)
    signals = found.signals
    assert len(signals) == sum(len(face) for face in found.found.faces)
    assert {"subject_id", "frame", "time_s", "motion_percent", "chin_x", "head_angle"} <= set(
        signals
    )
    assert len(found.to_frame()) == len(found.events) > 0
    shaded = [patch for axes in found.plot().axes for patch in axes.patches]
    assert len(shaded) == len(found.events)


def shown(clips, result):
    """One of each thing that shows itself."""
    yield from (clips, result, openmer.compare(result, result))
    yield openmer.load_model()
    yield openmer.load_model().predict([])


def test_all_show_themselves_in_a_line_and_in_a_notebook(clips, result):
    for one in shown(clips, result):
        assert repr(one).startswith(f"<{type(one).__name__}: ")
        assert "\n" not in repr(one)
        assert len(repr(one)) < 400
        assert "<table" in one._repr_html_()


def test_hostile_names_do_no_harm_in_a_notebook(clips):
    from dataclasses import replace

    hostile = replace(clips, title=HOSTILE, clips=(replace(clips[0], name=HOSTILE),))
    assert "<script" not in hostile._repr_html_()
    assert "&lt;script" in hostile._repr_html_()


SEVEN = ("awe", "calm", "dread", "grief", "joy", "rage", "scorn")


@pytest.fixture(scope="module")
def seven_words(tmp_path_factory):
    """A manifest of flow images with seven words that no scheme knows, each a place on the face."""
    root = tmp_path_factory.mktemp("seven")
    rng = np.random.default_rng(0)
    lines = ["corpus,subject,clip,label,flow_path"]
    for subject in range(4):
        for place, word in enumerate(SEVEN):
            image = rng.integers(0, 160, (28, 28, 3)).astype(np.uint8)
            row, column = divmod(place, 3)
            image[row * 9 : row * 9 + 9, column * 9 : column * 9 + 9] += 95
            Image.fromarray(image).save(root / f"{subject}{word}.png")
            lines.append(f"lab,{subject},{word},{word},{subject}{word}.png")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return root


def test_seven_words_of_a_users_own_need_no_code(seven_words, tmp_path):
    options = {"label_scheme": "as-annotated:2", "progress": False}
    clips = seven_words / "clips.csv"
    result = openmer.evaluate("flow-svm", clips, out=tmp_path, **options)
    assert result.info.classes == SEVEN
    assert result.uf1 == 1
    audit = openmer.audit("flow-svm", clips, subjects=1, **options)
    assert audit.clean
    openmer.train("flow-svm", clips, runs=tmp_path, **options).save(tmp_path / "model")
    said = openmer.predict(clips, tmp_path / "model").to_frame()
    assert list(said["likeliest"]) == list(said["label"]) == list(SEVEN) * 4
