"""Saliency maps are of networks that have not seen the subject; the figure says what to know."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.builders import make_data, make_task
from tests.deployment.image_set import write_clips, write_method

from openmer.datasets import read_manifest
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import fold_jobs
from openmer.explanation import (
    draw_saliency_map,
    draw_variants,
    explain,
    explain_held_out,
    variant_saliency_maps,
    write_figure,
)
from openmer.explanation._held_out import held_out_network
from openmer.methods import load_method
from openmer.models import save_weights
from openmer.preprocessing import Failure, Picture, Recipe, input_pictures
from openmer.training import Resources, fit_jobs, plan_run

ONE = Resources(device="cpu", workers=1, compiled="never")
SUBJECT = "demo/s4"


@pytest.fixture(scope="module")
def task():
    return make_task("ststnet", data=make_data(clips=24, size=10))


@pytest.fixture(scope="module")
def shown(task):
    place = next(i for i, clip in enumerate(task.clips) if clip.subject_id == SUBJECT)
    return explain_held_out(task, task.clips[place].key, resources=ONE)


def with_rule(task, rule):
    return replace(task, method=task.method.model_copy(update={"epoch_rule": rule}))


def test_it_is_the_network_that_evaluate_scores_the_subject_with(task, shown):
    job = next(job for job in fold_jobs(task, "fixed", 0) if job.subject_id == SUBJECT)
    (expected,) = fit_jobs([job], task.spec, task.data, plan_run(task.spec, [job], ONE))
    assert shown.by.training.weights_sha256 == expected.weights_sha256
    np.testing.assert_allclose(shown.scores, expected.scores[0], atol=1e-5)


@pytest.mark.parametrize("rule", ["fixed", "inner", "held_out"])
def test_the_held_out_subject_has_no_part_in_the_network(task, rule):
    poisoned = task.data.inputs.copy()
    own = [i for i, clip in enumerate(task.clips) if clip.subject_id == SUBJECT]
    poisoned[own] = np.nan
    clean = with_rule(task, rule)
    dirty = replace(clean, data=replace(task.data, inputs=poisoned, flipped=None))
    first, second = (
        held_out_network(each, SUBJECT, resources=ONE).training for each in (clean, dirty)
    )
    assert first.weights_sha256 == second.weights_sha256
    assert not set(own) & set(first.job.train)
    assert not (first.job.validation and set(own) & set(first.job.validation.clips))


def test_a_saliency_map_tells_what_it_is_of(task, shown):
    assert shown.array.shape == (3, 10, 10) and shown.found.saliency.shape == (10, 10)
    assert shown.explained == shown.predicted and shown.layer == "features.5"
    assert sum(shown.scores) == pytest.approx(1)
    assert f"not on {SUBJECT}" in shown.by.origin and "of 4 clips of" in shown.by.origin
    other = explain(shown.by, shown.array, name="x", class_name="surprise")
    assert (other.explained, other.truth, other.scores) == (2, None, shown.scores)


def test_the_same_question_has_the_same_answer(task, shown):
    again = explain_held_out(task, shown.name, resources=ONE)
    assert np.array_equal(again.found.saliency, shown.found.saliency)
    other = explain_held_out(task, shown.name, seed=1, resources=ONE)
    assert other.by.training.weights_sha256 != shown.by.training.weights_sha256


def test_errors_explained_classes_and_empty_maps_are_said(shown):
    some, nothing = (
        replace(shown.found, cells=np.full((5, 5), saliency)) for saliency in (1.0, 0.0)
    )
    right = replace(shown, truth=shown.predicted, found=some)
    assert right.cautions == ()
    other = (shown.predicted + 1) % 3
    assert "The network is wrong" in replace(right, truth=other).cautions[0]
    assert "not the one predicted" in replace(right, explained=other).cautions[0]
    assert "the map is empty" in replace(right, found=nothing).cautions[0]


def test_wrong_names_are_one_message_before_anything_is_trained(task, monkeypatch):
    monkeypatch.setattr("openmer.explanation._held_out.fit_jobs", None)
    with pytest.raises(ConfigError, match="Did you mean 'surprise'"):
        explain_held_out(task, task.clips[0].key, class_name="suprise")
    with pytest.raises(DataError, match=r"demo/s1/c99 is not among the 24 clips"):
        explain_held_out(task, "demo/s1/c99")
    failed = replace(
        task, failures=(Failure(clip="demo/s1/x", step="align", reason="There is no face."),)
    )
    with pytest.raises(DataError, match=r"demo/s1/x could not be prepared: There is no face"):
        explain_held_out(failed, "demo/s1/x")
    with pytest.raises(DataError, match="no clip of demo/nobody"):
        held_out_network(task, "demo/nobody")


@pytest.mark.parametrize(
    ("method", "message"), [("flow-svm", "no network"), ("flow-mlp", "no place in the image")]
)
def test_a_method_without_maps_is_refused_before_anything_is_trained(method, message, monkeypatch):
    monkeypatch.setattr("openmer.explanation._held_out.fit_jobs", None)
    task = make_task(method)
    with pytest.raises(ConfigError, match=message):
        explain_held_out(task, task.clips[0].key)


def test_weights_that_have_seen_the_subject_are_refused(task, tmp_path):
    path = tmp_path / "seen.safetensors"
    card = {"subjects": {"named": [SUBJECT], "unnamed": [], "unknown": []}}
    save_weights(path, {"head.bias": torch.zeros(3)}, card)
    model = task.method.model.model_copy(update={"weights": str(path)})
    seen = replace(task, method=task.method.model_copy(update={"model": model}))
    with pytest.raises(ProtocolError, match=f"made with pictures of {SUBJECT}"):
        held_out_network(seen, SUBJECT, resources=ONE)


def test_variants_are_trained_without_the_subject_each(tmp_path):
    path, clips = write_method(tmp_path), read_manifest(write_clips(tmp_path / "clips"))
    methods = [
        (f"depth {depth}", load_method(str(path), [f"model.parameters={{depth={depth}}}"]))
        for depth in (1, 2)
    ]
    said = []
    found = variant_saliency_maps(
        methods, clips, clips[3].key, resources=ONE, on_progress=lambda *stage: said.append(stage)
    )
    assert [label for label, _ in found] == ["depth 1", "depth 2"]
    assert [saliency_map.found.cells.shape for _, saliency_map in found] == [(16, 16), (8, 8)]
    assert {saliency_map.by.training.job.subject_id for _, saliency_map in found} == {
        clips[3].subject_id
    }
    assert said[-1] == ("train", 2, 2)
    figure = draw_variants("Two", found, beside=Picture(title="x", rgb=np.zeros((4, 4, 3), "u1")))
    assert len(figure.axes) == 2 + 2 + 1  # two pictures, two maps, the scale
    assert "says" in figure.axes[2].get_xlabel()


def test_the_figure_holds_the_saliency_and_the_scores_and_has_the_same_bytes(shown, tmp_path):
    figure = draw_saliency_map(replace(shown, truth=(shown.predicted + 1) % 3))
    drawn = [image.get_array() for part in figure.subfigs for a in part.axes for image in a.images]
    assert any(np.array_equal(each, shown.found.saliency) for each in drawn)
    words = [text.get_text() for part in figure.subfigs for text in part.texts]
    assert any("The network is wrong" in text for text in words)
    for name in ("a.png", "b.png"):
        write_figure(tmp_path / name, draw_saliency_map(shown))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(ConfigError, match=r"ends in \.png"):
        write_figure(tmp_path / "a.gif", figure)


@pytest.mark.parametrize(
    ("recipe", "channels", "words"),
    [
        ("flow", 2, "hue is direction, full colour 20 px"),
        ("flow strain", 3, "hue is direction"),
        ("flow stretch", 2, "red is u, green v"),
        ("flow strain stretch", 3, "blue strain"),
        ("flow stretch append_apex", 5, "red is u, green v"),
        ("flow strain stretch append_apex", 6, "blue strain"),
        ("flow strain append_apex", 6, "hue is direction"),
        ("flow depth", 3, "hue is direction"),
        ("flow strain depth", 4, "hue is direction"),
        ("apex_frame", 3, ""),
        ("apex_frame", 1, ""),
        ("dynamic_image", 3, "gray is no movement"),
    ],
)
def test_every_input_has_its_pictures(recipe, channels, words):
    steps = Recipe.from_tables([{"step": step} for step in recipe.split()])
    array = np.zeros((channels, 6, 8), np.float32)
    array[0, :3] = 20.0
    picture, *others = input_pictures(array, steps)
    assert picture.rgb.shape == (6, 8, 3) and picture.rgb.dtype == np.uint8
    assert words in picture.words
    still = {"flow": 255, "dynamic_image": 128}.get(recipe.split()[0], 0)
    if "stretch" not in recipe:
        assert (picture.rgb[3:] == still).all()
    assert len(np.unique(picture.rgb[:, 0], axis=0)) == 2
    titles = ["strain"] * ("strain" in recipe and "stretch" not in recipe)
    titles += ["apex frame"] * ("append_apex" in recipe) + ["depth"] * ("depth" in recipe)
    assert [one.title for one in others] == titles, "no channel is left out"
