"""Method files are read strictly, and overrides reach every key."""

import pytest

from openmer.datasets import label_scheme
from openmer.errors import ConfigError
from openmer.methods import list_methods, load_method, method_text
from openmer.models import builder_of
from openmer.training import Perturb


@pytest.mark.parametrize("name", list_methods())
def test_every_method_that_ships_is_sound(name):
    method = load_method(name)
    assert method.name == name
    assert method.steps.size is not None
    assert label_scheme(method.label_scheme).classes
    assert method.model is None or builder_of(method.model.name)
    assert method.paper and method.title


def test_a_file_of_ones_own_reads_like_one_that_ships(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(method_text("ststnet").replace('name = "ststnet"', 'name = "mine"', 1))
    assert load_method(str(path)).name == "mine"


def test_overrides_reach_every_level():
    method = load_method(
        "ststnet",
        [
            "training.epochs=5",
            "loss.name=focal",
            "loss.class_weights=[1.0, 2.0, 3.0]",
            "model.parameters.dropout=0.25",
            "recipe.2.size=32",
        ],
    )
    assert method.training.epochs == 5
    assert method.loss.name == "focal"
    assert method.loss.class_weights == (1.0, 2.0, 3.0)
    assert method.model.parameters == {"dropout": 0.25}
    assert method.steps.size == 32


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=5", "Did you mean 'training.epochs'"),
        ("traning.epochs=5", "Did you mean 'training'"),
        ("training.epochs=0", "training.epochs"),
        ("training.epochs=many", "training.epochs"),
        ("training.epochs", "is not key=value"),
        ("recipe.9.size=3", "not one of 0..3"),
        ("training.epochs.x=3", "below a single value"),
        ("training.kind=svm", "training"),
        ("recipe.0.step=folw", "flow"),
    ],
)
def test_a_wrong_override_is_one_clear_error(override, message):
    with pytest.raises(ConfigError, match=message):
        load_method("ststnet", [override])


def test_steps_are_read_with_the_method_and_written_as_they_were():
    method = load_method("ststnet")
    assert method.model_dump(mode="json")["recipe"][-1] == {"step": "stretch"}
    assert type(method).model_validate(method.model_dump(mode="json")) == method


def test_a_wrong_step_of_the_pretraining_is_refused_with_the_method():
    name = next(name for name in list_methods() if (load_method(name).pretraining))
    with pytest.raises(ConfigError, match="Did you mean 'align'"):
        load_method(name, ['pretraining.recipe=[{step="algn"}]'])


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'ststnet'"):
        load_method("stsnet")


def test_a_missing_file_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(ConfigError, match="no method file"):
        load_method(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_method(str(broken))


def test_a_network_without_a_model_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    text = method_text("flow-mlp")
    path.write_text(text.replace('[model]\nname = "flow_mlp"\n', ""))
    with pytest.raises(ConfigError, match="has no \\[model\\]"):
        load_method(str(path))


def test_variants_of_images_are_refused_on_flow():
    with pytest.raises(ConfigError, match="flip_probability"):
        load_method("ststnet", ["training.variants={count = 3}"])


def test_rrmfnet_reads_flow_and_the_apex_frame_and_is_perturbed_every_20th_epoch():
    method = load_method("rrmfnet-pt")
    assert (method.steps.channels, method.steps.flow_channels, method.steps.size) == (6, 3, 224)
    training = method.training
    assert (training.batch_size, training.learning_rate) == (64, 5e-4)
    assert training.perturb == Perturb()
    assert training.epochs % training.perturb.every == 10, "the last epochs are clean"
    for scheme, classes in (("casme2-5", 5), ("samm-5", 5)):
        assert load_method("rrmfnet-pt", (f"label_scheme={scheme}",)).label_scheme == scheme
        assert len(label_scheme(scheme).classes) == classes


def test_a_method_that_extends_another_says_only_what_differs(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "ststnet"\nname = "mine"\n[training]\nbatch_size = 3\n')
    mine, base = load_method(str(path)), load_method("ststnet")
    assert mine.training == base.training.model_copy(update={"batch_size": 3})
    assert (mine.recipe, mine.model, mine.title) == (base.recipe, base.model, base.title)
    shown = tmp_path / "whole.toml"
    shown.write_text(method_text(str(path)))
    assert "extends" not in shown.read_text() and load_method(str(shown)) == mine


@pytest.mark.parametrize(
    ("base", "message"), [('"ststnett"', "Did you mean 'ststnet'"), ("3", "the name of a method")]
)
def test_a_base_that_is_none_is_one_clear_error(tmp_path, base, message):
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = {base}\nname = "mine"\n')
    with pytest.raises(ConfigError, match=message):
        load_method(str(path))


def test_methods_that_extend_each_other_are_refused(tmp_path):
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text(f'extends = "{other}"\n')
    other.write_text(f'extends = "{one}"\n')
    with pytest.raises(ConfigError, match="extends itself"):
        load_method(str(one))


def test_an_override_can_name_a_step():
    method = load_method("ststnet", ["recipe.resize.size=32"])
    assert method == load_method("ststnet", ["recipe.2.size=32"])


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", "x" * 101, "<b>"])
def test_a_name_is_one_that_folders_can_have(name):
    with pytest.raises(ConfigError, match="expected a name that a file may have"):
        load_method("flow-mlp", [f"name={name!r}"])


@pytest.mark.parametrize("name", ["हिन्दी", "me\u0301tode", "my method (v2)", "CNN, v2", "x@1"])
def test_names_of_any_script_are_taken(name):
    assert load_method("flow-mlp", [f"name={name!r}"]).name == name


def test_a_file_extends_the_one_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "sub"):
        folder.mkdir(exist_ok=True)
        (folder / "base.toml").write_text(f'extends = "flow-mlp"\ntitle = "in {folder.name}"\n')
    (tmp_path / "sub/mine.toml").write_text('extends = "base.toml"\nname = "mine"\n')
    assert load_method("sub/mine.toml").title == "in sub"
    (tmp_path / "sub/base.toml").write_text('extends = "../sub/base.toml"\n')
    with pytest.raises(ConfigError, match="extends itself"):
        load_method("sub/mine.toml")
