"""Studies: every row can be made, what is printed is found, and what cannot run says why."""

import numpy as np
import pytest

from openmer.datasets import read_manifest, write_corpus
from openmer.errors import ConfigError, DataError
from openmer.evaluation import Protocol
from openmer.methods import load_method
from openmer.reproduction import (
    StudyRun,
    list_studies,
    load_study,
    row_method,
    run_study,
    size_table,
    study_markdown,
    study_table,
)
from openmer.reproduction._feature_maps import draw_maps, feature_maps
from openmer.reproduction._model_size import model_size
from openmer.reproduction._run_study import StudyResult
from openmer.training import Resources

QUICK = ("recipe=[{step = 'apex_frame', size = 32}]", "model.parameters={depth = 1}")
STAGES = "training.stages=[{trainable = 'head', epochs = 1, learning_rate = 1e-3}]"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return read_manifest(write_corpus(tmp_path_factory.mktemp("corpus"), "tiny"))


def how(tmp_path, **changes):
    fields = {
        "protocol": Protocol(),
        "leaky": False,
        "out": tmp_path,
        "resources": Resources(device="cpu", workers=1),
        "weights": {},
    }
    return StudyRun(**(fields | changes))


@pytest.mark.parametrize("name", list_studies())
def test_every_row_has_its_method_and_its_printed_line(name):
    study = load_study(name)
    for row in study.rows:
        if row.run:
            assert row_method(study, row).title
        for part in study.shown_parts if row.published else ():
            assert study.published(row, part), f"{row.published} is not printed for {part}"


@pytest.mark.parametrize("name", list_studies())
def test_every_row_with_weights_of_its_own_says_how_they_are_made(name):
    keys = [(row.weights, row.pretrain, row.set) for row in load_study(name).rows if row.weights]
    for key, command, overrides in keys:
        assert command.startswith("openmer pretrain ") and " --root " in command, key
        changed = [text for text in overrides if text.startswith("model.")]
        assert all(f"--set {text}" in command for text in changed), "pretrain what is fine-tuned"


def test_a_wrong_name_is_corrected(tmp_path):
    with pytest.raises(ConfigError, match="efficient-me/depth"):
        load_study("efficient-me/dept")
    path = tmp_path / "mine.toml"
    path.write_text("title = 1")
    with pytest.raises(ConfigError, match="title is 1, expected a text"):
        load_study(str(path))


def test_a_study_runs_what_it_can_and_says_what_it_cannot(tmp_path, clips):
    study = load_study("efficient-me/losses-balanced")
    missing = run_study(study, clips, how(tmp_path))
    assert all("openmer pretrain" in result.why_not for result in missing)
    table = study_table(study, missing)
    assert all(row[1] == "-" for row in table.rows)
    assert "0.98" in table.rows[0] and "1.178 (!)" in table.rows[0]
    assert any("cannot exceed 1" in note for note in table.notes)


def test_a_row_is_run_under_the_methods_rule_and_on_request_leaky(tmp_path, clips):
    study = load_study("efficient-me/losses-whole")
    study = study.model_copy(update={"rows": study.rows[:1]})
    asked = how(tmp_path, leaky=True, overrides=(*QUICK, STAGES))
    (result,) = run_study(study, clips, asked)
    assert result.honest[0].epoch_rule == "inner" and not result.honest[0].leaky
    assert result.leaky[0].leaky
    table = study_table(study, [result])
    assert "UF1, LEAKY" in table.columns
    markdown = study_markdown([table])
    assert f"{result.honest[1].uf1:.3f}" in markdown and "LEAKY" in markdown


def test_without_a_network_the_imagenet_row_is_not_run_and_the_others_are(
    tmp_path, clips, monkeypatch
):
    def offline(*_):
        raise DataError("ImageNet weights of efficientnet_b0 are not at hand")

    monkeypatch.setattr("openmer.models._weights.imagenet_state", offline)
    study = load_study("efficient-me/source")
    rows = tuple(row for row in study.rows if row.label in ("ImageNet, Efficient-ME", "FER2013"))
    study = study.model_copy(update={"rows": rows})
    first, second = run_study(study, clips, how(tmp_path, overrides=(*QUICK, STAGES)))
    assert "not at hand" in first.why_not and second.honest is not None


def test_quoted_rows_stay_quoted():
    study = load_study("efficient-me/depth")
    row = next(row for row in study.rows if row.label == "GEME")
    result = StudyResult(row=row, why_not="only quoted")
    cells = study_table(study, [result]).rows[0]
    assert cells[1] == "-" and "0.7221" in cells


def test_weights_by_an_unknown_key_are_refused_before_the_work(tmp_path, clips):
    given = how(tmp_path, weights={"fer2013-balance": tmp_path / "w.safetensors"})
    with pytest.raises(ConfigError, match="Did you mean 'fer2013-balanced'"):
        run_study(load_study("efficient-me/losses-balanced"), clips, given)
    with pytest.raises(ConfigError, match="no row of efficient-me/depth takes any"):
        run_study(load_study("efficient-me/depth"), clips, given)


def test_the_parts_of_a_network_add_up_to_it():
    size = model_size(load_method("rrmfnet-tiny"))
    assert list(size.parts) == ["resizer", "backbone", "neck", "attention", "head"]
    assert sum(part.parameters for part in size.parts.values()) == size.parameters
    assert sum(part.macs for part in size.parts.values()) == pytest.approx(size.macs, abs=5)
    assert all(part.macs > 0 for part in size.parts.values())
    study = load_study("rrmfnet-pt/size")
    table = size_table(study.model_copy(update={"rows": study.rows[:1]}))
    assert [row[0] for row in table.rows[1:]] == [f"- {name}" for name in size.parts]


def test_operations_per_weight_stand_beside_the_real_ones():
    study = load_study("dense-attention/size")
    table = size_table(study.model_copy(update={"rows": study.rows[:1]}))
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    assert cells["printed"] == "3,115,000"
    weights = int(cells["weights"].replace(",", ""))
    assert cells["2 x weights"] == f"{2 * weights / 1e6:.2f} M"
    assert weights == pytest.approx(3.115e6, rel=0.01) and 2 * weights == pytest.approx(
        6.26e6, rel=0.02
    )
    assert float(cells["MACs"].removesuffix(" M")) > 100, "far more than once per weight"
    assert "2 x weights" not in size_table(load_study("efficient-me/size")).columns


def test_sizes_are_the_papers():
    table = size_table(load_study("efficient-me/size"))
    assert [row[4] for row in table.rows] == ["868,307", "68,765", "4,053,407", "1,715"]
    size = model_size(load_method("efficient-me"))
    assert size.input_shape == (3, 224, 224) and 240e6 < size.macs < 247e6


def test_a_method_without_a_network_has_no_size():
    with pytest.raises(ConfigError, match="no network"):
        model_size(load_method("flow-svm"))


def test_feature_maps_are_those_of_the_last_block(clips):
    method = load_method("efficient-me", ["recipe=[{step = 'apex_frame', size = 64}]"])
    image, maps = feature_maps(method, clips[0])
    assert image.shape == (3, 64, 64) and maps.shape == (112, 4, 4)
    assert np.isfinite(maps).all() and maps.std() > 0
    drawn = [
        image.get_array()
        for part in draw_maps(maps, "maps", image).subfigs
        for axes in part.axes
        for image in axes.images
    ]
    assert len(drawn) == 1 + 112  # the input, and every map
    np.testing.assert_array_equal(drawn[112], maps[111])


def test_a_model_without_feature_maps_says_so(clips):
    with pytest.raises(ConfigError, match="feature maps"):
        feature_maps(load_method("ststnet"), clips[0])
