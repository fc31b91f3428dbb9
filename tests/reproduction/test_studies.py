"""Studies: every row can be made, what is printed is found, and what cannot run says why."""

import shlex

import numpy as np
import pytest
from tests.evaluation.made_up_runs import make_run

from openmer.datasets import ClipSource, read_manifest, write_corpus
from openmer.errors import ConfigError, DataError
from openmer.evaluation import Protocol
from openmer.methods import load_method
from openmer.reproduction import (
    Changes,
    StudyRun,
    check_weights,
    draw_study,
    list_studies,
    load_study,
    row_method,
    run_study,
    size_table,
    study_markdown,
    study_table,
    study_tables,
)
from openmer.reproduction._feature_maps import draw_maps, feature_maps
from openmer.reproduction._model_size import model_size
from openmer.reproduction._rows import (
    method_name,
    pretrain_command,
    set_by,
    weights_key,
    weights_keys,
)
from openmer.reproduction._run_study import StudyResult
from openmer.training import Resources, pretrained_network

QUICK = ("recipe=[{step = 'apex_frame', size = 32}]", "model.parameters={depth = 1}")
STAGES_OF_ALL = "training.stages=[{epochs = 1, learning_rate = 1e-2}]"
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
    }
    return StudyRun(**(fields | changes))


@pytest.mark.parametrize("name", list_studies())
def test_every_row_has_its_method_and_its_printed_line(name):
    study = load_study(name)
    for row in study.rows:
        if row.run:
            assert row_method(study, row).title
        if row.published:
            found = [study.published(row, part) for part in study.shown_parts]
            assert any(found), f"{row.published} is not printed for any part"
            assert all(found) or study.name.endswith("/comparison"), "the rest is a picture"


def test_a_row_that_leaks_on_purpose_has_leaky_scores_alone(clips, tmp_path):
    ladder = load_study("efficient-me/ladder")
    short = "training.stages=[{epochs = 1, learning_rate = 1e-2}]"
    rows = tuple(ladder.rows[place] for place in (0, 3))
    study = ladder.model_copy(update={"set": (*QUICK, "model.weights=", short), "rows": rows})
    honest, leaky = run_study(study, clips, how(tmp_path))
    assert honest.honest is not None and honest.leaky is None
    assert leaky.honest is None and leaky.leaky[0].leak == "carried_weights"
    (table,) = study_tables(study, [honest, leaky])
    first, second = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert second["UF1, ours"] == first["UF1, LEAKY"] == "-"
    assert second["epoch rule"] == "fixed, carried weights (LEAKY)"
    assert second["UF1, printed"] == "0.987"
    assert any("another leak was made on purpose" in note for note in table.notes)


def without_dropout(method):
    return {key: value for key, value in method.model.parameters.items() if key != "dropout"}


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("name", list_studies())
def test_every_row_that_starts_from_weights_says_how_they_are_made(name, as_published):
    study, changes = load_study(name), Changes(as_published=as_published)
    keys = weights_keys(study, changes)
    rows = [row for row in study.rows if row.run]
    for row in rows:
        method = row_method(study, row, changes)
        key = weights_key(row, load_method(method_name(study, row, changes), set_by(study, row)))
        assert (key in keys) == bool(key)
        if not key:
            continue
        command, _, told = pretrain_command(study, row, changes).partition(", then --weights ")
        words = shlex.split(command)
        assert words[:2] == ["openmer", "pretrain"] and "--root" in words
        made = load_method(words[2], [words[i + 1] for i, w in enumerate(words) if w == "--set"])
        assert made.model.name == method.model.name
        assert without_dropout(made) == without_dropout(method), "pretrain what is fine-tuned"
        folder = words[words.index("--out") + 1]
        assert told == f"{key}={folder}/{made.name}.safetensors"


def test_rows_of_the_published_tables_take_one_key_each():
    sources = weights_keys(load_study("efficient-me/source"), Changes())
    assert set(sources) == {"ckplus", "fer2013"}
    attention = weights_keys(load_study("dense-attention/attention"), Changes(as_published=True))
    assert "mixed-attention" in attention and len(attention) == 4
    assert set(weights_keys(load_study("efficient-me/losses-whole"), Changes())) == {
        "focal", "cross-entropy",
    }  # fmt: skip


def test_what_a_row_sets_itself_cannot_be_replaced():
    study = load_study("efficient-me/losses-whole")
    for text in ("loss.name=focal", "loss={name='focal'}", "loss.class_weights=balanced"):
        with pytest.raises(ConfigError, match=r"the row 'cross-entropy' of .* itself"):
            row_method(study, study.rows[1], Changes(overrides=(text,)))
        with pytest.raises(ConfigError, match=r"the row 'cross-entropy' of .* itself"):
            check_weights(study, Changes(overrides=(text,)))  # before the first row is run
    assert row_method(study, study.rows[0], Changes(overrides=("loss.gamma=1.0",)))


def test_what_the_user_sets_reaches_every_row_but_a_fixed_one():
    study = load_study("dense-attention/composite")
    changes = Changes(overrides=("label_scheme=smic-3",))
    rows = [row for row in study.rows if row.run]
    assert {row_method(study, row, changes).scheme.name for row in rows} == {"smic-3"}
    fixed = rows[1].model_copy(update={"fixed": True})
    assert row_method(study, fixed, changes).scheme.name == "megc2019-3"


def test_a_quick_study_shortens_every_row_in_the_same_way():
    study = load_study("dense-attention/composite")
    for row in (row for row in study.rows if row.run):
        training = row_method(study, row, Changes(quick=True)).training
        epochs = [stage.epochs for stage in getattr(training, "stages", ())]
        assert all(count <= 2 for count in [*epochs, getattr(training, "epochs", 0)])


@pytest.mark.parametrize(
    ("method", "text", "told"),
    [
        ("flow-svm", "training.batch_size=8", "training.batch_size"),
        ("ststnet", "model.parameters.growth=8", "'growth'"),  # known when the network is built
    ],
)
def test_an_override_that_a_competitor_does_not_know_leaves_it_out(
    tmp_path, clips, method, text, told
):
    study = load_study("dense-attention/composite")
    rows = tuple(row for row in study.rows if row.method == method)
    study = study.model_copy(update={"rows": rows})
    (result,) = run_study(study, clips, how(tmp_path, changes=Changes(overrides=(text,))))
    assert result.honest is None and told in result.why_not


def test_weights_are_given_in_one_way(tmp_path, clips):
    changes = Changes(overrides=("model.weights=",), weights={"focal": tmp_path / "w.safetensors"})
    with pytest.raises(ConfigError, match="expected one of them"):
        check_weights(load_study("efficient-me/losses-whole"), changes)


def test_rows_of_other_clips_or_classes_stand_in_tables_of_their_own():
    study = load_study("dense-attention/composite")
    one, other = make_run(), make_run()
    data = {**other[0].data, "clips_sha256": "other"}
    other = (other[0].model_copy(update={"data": data}), other[1])
    rows = study.rows[:3]
    results = [
        StudyResult(row=rows[0], honest=one),
        StudyResult(row=rows[1], honest=other),
        StudyResult(row=rows[2], why_not="only quoted"),
    ]
    first, second = study_tables(study, results, Changes(quick=True))
    assert [row[0] for row in first.rows] == [rows[0].label, rows[2].label]
    assert [row[0] for row in second.rows] == [rows[1].label]
    assert first.title != second.title and "QUICK" in first.title and "clips" in second.title


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
    asked = how(tmp_path, leaky=True, changes=Changes(overrides=(*QUICK, STAGES)))
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
    first, second = run_study(
        study, clips, how(tmp_path, changes=Changes(overrides=(*QUICK, STAGES)))
    )
    assert "not at hand" in first.why_not and second.honest is not None


def test_quoted_rows_stay_quoted():
    study = load_study("efficient-me/depth")
    row = next(row for row in study.rows if row.label == "GEME")
    result = StudyResult(row=row, why_not="only quoted")
    cells = study_table(study, [result]).rows[0]
    assert cells[1] == "-" and "0.7221" in cells


def test_weights_by_an_unknown_key_are_refused_before_the_work(tmp_path, clips):
    changes = Changes(weights={"fer2013-balance": tmp_path / "w.safetensors"})
    given = how(tmp_path, changes=changes)
    with pytest.raises(ConfigError, match="Did you mean 'fer2013-balanced'"):
        run_study(load_study("efficient-me/losses-balanced"), clips, given)
    with pytest.raises(ConfigError, match="There is no key of weights in efficient-me/depth"):
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
    assert [row[4] for row in table.rows] == [
        "868,307", "68,765", "868,307", "4,053,407", "1,715",
    ]  # fmt: skip
    size = model_size(load_method("efficient-me"))
    assert size.input_shape == (3, 224, 224) and 240e6 < size.macs < 247e6


def test_a_method_without_a_network_has_no_size():
    with pytest.raises(ConfigError, match="no network"):
        model_size(load_method("flow-svm"))


def stored(method, size):
    spec = method.network_spec(3, (3, size, size))
    return pretrained_network(spec).eval()


def test_feature_maps_are_those_of_the_last_block(clips):
    method = load_method("efficient-me", ["recipe=[{step = 'apex_frame', size = 64}]"])
    image = method.steps.run(clips[0])
    maps = feature_maps(stored(method, 64), image)
    assert image.shape == (3, 64, 64) and maps.shape == (112, 4, 4)
    assert np.isfinite(maps).all() and maps.std() > 0
    drawn = [
        image.get_array()
        for part in draw_maps(maps, "maps", "of stored weights", image).subfigs
        for axes in part.axes
        for image in axes.images
    ]
    assert len(drawn) == 1 + 112  # the input, and every map
    np.testing.assert_array_equal(drawn[112], maps[111])


def test_a_study_of_maps_shows_the_network_of_the_fold_and_the_pretrained_one(tmp_path, clips):
    study = load_study("efficient-me/maps")
    changes = Changes(overrides=(QUICK[0], STAGES_OF_ALL))
    asked = how(tmp_path, changes=changes)
    rows = [row for row in study.rows if row.method]  # the smaller network
    study = study.model_copy(update={"rows": tuple(rows)})
    source = ClipSource(clips=tuple(clips), kind="manifest", name="tiny", title="tiny")
    first, second = draw_study(study, source, clips[0], asked)
    assert rows[0].pretrained and not rows[1].pretrained
    assert first.read_bytes() != second.read_bytes()
    assert {path.parent for path in (first, second)} == {tmp_path / "studies"}


def test_a_model_without_feature_maps_says_so(clips):
    method = load_method("ststnet")
    network = pretrained_network(method.network_spec(3, (3, 28, 28)))
    with pytest.raises(ConfigError, match="feature maps"):
        feature_maps(network, np.zeros((3, 28, 28), np.float32))


def test_scores_of_the_classes_stand_in_columns_of_their_own():
    study = load_study("efficient-me/losses-balanced")
    table = study_table(study, [StudyResult(row=study.rows[0], honest=make_run())])
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    assert cells["F1 negative, printed"] == "0.99" and cells["F1 surprise, printed"] == "0.98"
    f1 = {found.name: found.f1 for found in make_run()[1].per_class}
    assert cells["F1 positive, ours"] == f"{f1['positive']:.3f}"
    quoted = study_table(study, [StudyResult(row=study.rows[1], why_not="needs weights")])
    cells = dict(zip(quoted.columns, quoted.rows[0], strict=True))
    assert (cells["F1 surprise, ours"], cells["F1 surprise, printed"]) == ("-", "0.87")
