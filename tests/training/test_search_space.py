"""A search's space is read strictly; what cannot be tried is one clear error."""

import pytest

from openmer.errors import ConfigError
from openmer.methods import load_method, with_settings

SPACE = '"training.batch_size"=[16,32],"training.learning_rate"=[1e-3,1e-2,1e-1]'


def search(text):
    return load_method("ststnet", [f"search={{{text}}}"]).search


def test_a_grid_has_every_combination_and_the_last_key_is_fastest():
    found = search(f"space={{{SPACE}}}")
    points = [found.point(place) for place in range(found.places)]
    assert [p["training.batch_size"] for p in points] == [16, 16, 16, 32, 32, 32]
    assert [p["training.learning_rate"] for p in points[:3]] == [1e-3, 1e-2, 1e-1]
    assert len({tuple(p.values()) for p in points}) == 6


def test_keys_may_be_written_as_toml_has_them_without_quotes(tmp_path):
    path = tmp_path / "search.toml"
    path.write_text(
        "[search]\n[search.space]\ntraining.batch_size = [16, 32]\n"
        "training.epochs = { low = 10, high = 30, step = 10 }\n"
    )
    found = load_method("ststnet", [], path).search
    assert list(found.space) == ["training.batch_size", "training.epochs"]
    assert [found.point(place)["training.epochs"] for place in range(3)] == [10, 20, 30]


def test_a_range_with_a_step_ends_at_its_last_value():
    found = search("space={training.weight_decay={low=0.0,high=0.35,step=0.1}}")
    assert [found.point(place)["training.weight_decay"] for place in range(found.places)] == [
        0.0, 0.1, 0.2, 0.3,
    ]  # fmt: skip


def test_stages_can_be_searched_by_their_number():
    method = load_method("efficient-me", ['search.space={"training.stages.0.epochs"=[1,7]}'])
    changed = with_settings(method, method.search.point(1))
    assert changed.training.stages[0].epochs == 7
    assert changed.training.stages[1] == method.training.stages[1]
    assert changed.search is None


def test_a_search_is_saved_and_read_as_it_was(tmp_path):
    import tomli_w

    text = 'sampler="tpe",trials=4,space={training.learning_rate={low=1e-4,high=0.1,log=true}}'
    method = load_method("ststnet", [f"search={{{text}}}"])
    path = tmp_path / "again.toml"
    path.write_text(tomli_w.dumps(method.model_dump(mode="json", exclude_none=True)))
    assert load_method(str(path)) == method


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("space={}", "the space is empty"),
        ('sampler="tpe",trials=2', "the space is empty"),
        ('space={"training.batch_sise"=[1]}', "Did you mean 'training.batch_size'"),
        ('space={"training.batch_size"=[]}', "list of training.batch_size is empty"),
        ('space={"training.batch_size"=[8,8]}', "holds a value twice"),
        ('space={"training.batch_size"=[8,0]}', "'training.batch_size' = 0: .*above 0"),
        ('space={"training.batch_size"=8}', "training.batch_size is 8, expected a list"),
        ('space={"training.epochs"={low=1,high=9}}', "has no step, which a grid needs"),
        ('space={"training.epochs"={low=9,high=1,step=1}}', "low must be below high"),
        ('space={"training.epochs"={low=1,high=9,stp=1}}', "Did you mean '.*epochs.step'"),
        ('space={"training.epochs"={low=1,high=9,log=true,step=2}}', "no step"),
        (f"trials=5,space={{{SPACE}}}", "grid has 6 points, more than the 5 trials"),
        (f'sampler="tpe",space={{{SPACE}}}', 'sampler "tpe" needs trials'),
        (f"trails=5,space={{{SPACE}}}", "Did you mean 'search.trials'"),
        ('space={"recipe.2.size"=[14,28]}', "cannot be searched"),
        ('space={"model.weights"=["a"]}', "cannot be searched"),
        ('space={"training.kind"=["svm"]}', "cannot be searched"),
    ],
)
def test_what_cannot_be_tried_is_one_clear_error(text, message):
    with pytest.raises(ConfigError, match=message):
        search(text)


def test_decision_values_have_no_loss_to_search_by():
    with pytest.raises(ConfigError, match="gives no probabilities"):
        load_method("flow-svm", ['search={score="loss",space={training.c=[1.0,2.0]}}'])


def test_a_file_without_a_search_says_so(tmp_path):
    path = tmp_path / "search.toml"
    path.write_text("trials = 3\n")
    with pytest.raises(ConfigError, match=r"has no table \[search\]"):
        load_method("ststnet", [], path)
    with pytest.raises(ConfigError, match="There is no search file"):
        load_method("ststnet", [], tmp_path / "nowhere.toml")
