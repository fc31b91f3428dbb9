"""Pretraining on images: stages, best epoch, and the same bytes after any interruption."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from openmer.clip import Image
from openmer.datasets import load_pretraining
from openmer.datasets.fakes import write_fake
from openmer.errors import ConfigError, DataError
from openmer.methods import load_method
from openmer.models import halved, load_weights, save_weights, without_head
from openmer.preprocessing import Failures, Recipe
from openmer.pretraining import ImageSet, PretrainResources
from openmer.pretraining import _loop as module
from openmer.pretraining._images import ImageReader, split_images
from openmer.pretraining._loop import pretrain
from openmer.pretraining._plan import plan_pretraining, start_state
from openmer.pretraining._search import trials_of
from openmer.pretraining._spec import PretrainSpec, all_stages_of, begun, fresh_network
from openmer.training import (
    ImageAugment,
    LossConfig,
    ModelConfig,
    Oversample,
    Pretraining,
    Stage,
)

ALL = Stage(epochs=2, learning_rate=1e-3)
HEAD = Stage(epochs=2, learning_rate=1e-2, trainable="head")
TR3 = ModelConfig(name="efficient_me", parameters={"depth": 1})


def make_image_set(count=30, side=32, seed=0, subjects=()):
    """Images whose class brightens one corner."""
    rng = np.random.default_rng(seed)
    targets = np.arange(count) % 3
    images = rng.integers(60, 120, (count, 1, side, side)).astype(np.uint8)
    images[:, :, :12, :12] += (60 * targets).astype(np.uint8)[:, None, None, None]
    return ImageSet(images=images, targets=targets, num_classes=3, subjects=subjects)


def make_spec(*stages, seed=0, **changes):
    settings = {"scheme": "efficient-me-balanced", "size": 32, "batch_size": 8, **changes}
    return PretrainSpec(
        model=TR3, pretraining=Pretraining(stages=stages or (ALL,), **settings), seed=seed
    )


def run(spec, folder, image_set=None, start=None, on_epoch=None):
    image_set = make_image_set() if image_set is None else image_set
    checkpoint = folder / "checkpoint.pt"
    return pretrain(spec, image_set, start or {}, checkpoint=checkpoint, on_epoch=on_epoch)


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[n], second[n]) for n in first)


class StopError(Exception):
    pass


def stop_after(epochs):
    def check(done, _):
        if done == epochs:
            raise StopError

    return check


PLATEAU = ALL.model_copy(
    update={"epochs": 4, "learning_rate": 1e-9, "schedule": "plateau", "plateau_patience": 1}
)


def test_on_a_plateau_the_step_size_falls_and_a_stop_changes_nothing(tmp_path):
    spec = make_spec(PLATEAU)
    whole = run(spec, tmp_path / "whole")
    rates = [epoch.learning_rate for epoch in whole.epochs]
    assert rates == sorted(rates, reverse=True)
    waited = [not epoch.best for epoch in whole.epochs[:-1]]
    assert any(waited), "it never waited: no test at all"
    for before, after, fell in zip(rates[:-1], rates[1:], waited, strict=True):
        assert after == pytest.approx(0.1 * before if fell else before)
    for epochs in (1, 2, 3):
        with pytest.raises(StopError):
            run(spec, tmp_path / "cut", on_epoch=stop_after(epochs))
    cut = run(spec, tmp_path / "cut")
    assert same(whole.state, cut.state) and whole.epochs == cut.epochs


def test_weights_in_half_precision_are_scored_as_they_are_stored(tmp_path):
    spec, image_set = make_spec(), make_image_set()
    full = run(spec, tmp_path, image_set)
    checkpoint = tmp_path / "checkpoint.pt"  # done: nothing is trained again
    half = pretrain(spec, image_set, {}, checkpoint=checkpoint, half=True)
    save_weights(tmp_path / "half.safetensors", halved(full.state), {})
    save_weights(tmp_path / "full.safetensors", full.state, {})
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]
    read = load_weights(str(tmp_path / "half.safetensors")).state
    assert same(half.state, read) and not same(half.state, full.state)
    assert all(v.dtype in (torch.float32, torch.int64) for v in read.values())
    assert not np.array_equal(half.scores, full.scores)
    np.testing.assert_allclose(half.scores, full.scores, atol=5e-3)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_stopped_after_any_epoch_it_ends_with_the_same_bytes(tmp_path, optimizer):
    changes = {"optimizer": optimizer, "momentum": 0.9 if optimizer == "sgd" else 0.0}
    stages = (HEAD, ALL.model_copy(update={"schedule": "cosine"}))
    spec = make_spec(
        *stages, augment=ImageAugment(rotation_deg=9, erasing_probability=0.5), **changes
    )
    whole = run(spec, tmp_path / "whole")
    for epochs in (1, 2, 3):
        with pytest.raises(StopError):
            run(spec, tmp_path / "cut", on_epoch=stop_after(epochs))
    cut = run(spec, tmp_path / "cut")
    assert same(cut.state, whole.state)
    assert cut.epochs == whole.epochs
    assert np.array_equal(cut.scores, whole.scores)
    again = run(spec, tmp_path / "cut")  # finished: nothing is trained
    assert same(again.state, whole.state)


def test_the_seed_decides_everything(tmp_path):
    first = run(make_spec(seed=3), tmp_path / "a")
    torch.rand(7)  # the caller's own random state plays no part, and is left alone
    state = torch.random.get_rng_state()
    again = run(make_spec(seed=3), tmp_path / "b")
    assert torch.equal(torch.random.get_rng_state(), state)
    other = run(make_spec(seed=4), tmp_path / "c")
    assert same(first.state, again.state)
    assert first.epochs == again.epochs
    assert not same(first.state, other.state)
    assert not np.array_equal(first.validation, other.validation)


def test_a_stage_of_the_head_leaves_the_backbone_as_it_was(tmp_path):
    spec, image_set = make_spec(HEAD, validation_score="accuracy"), make_image_set()
    start = fresh_network(spec, image_set).state_dict()
    made = run(spec, tmp_path, image_set, start)
    assert same(without_head(made.state), without_head(start))  # batch statistics included
    record = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert same(without_head(record["network"]), without_head(start))
    assert not torch.equal(record["network"]["head.1.weight"], start["head.1.weight"])


def test_a_stage_of_all_weights_moves_every_part(tmp_path):
    spec, image_set = make_spec(ALL), make_image_set()
    start = fresh_network(spec, image_set).state_dict()
    run(spec, tmp_path, image_set, start)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["best"]
    assert not [name for name in start if torch.equal(after[name], start[name])]


def scripted(monkeypatch, scores):
    """Make validation say these losses and accuracies, one pair per epoch."""
    given = iter(scores)
    monkeypatch.setattr(module, "_score", lambda *_: next(given))


def test_it_stops_when_nothing_has_improved_for_its_patience(tmp_path, monkeypatch):
    losses = [0.9, 0.8, 0.85, 0.81, 0.7, 0.71, 0.72]
    scripted(monkeypatch, [(loss, 0.5) for loss in losses])
    patient = ALL.model_copy(update={"epochs": 10, "patience": 2, "iterations": 2})
    made = run(make_spec(patient), tmp_path)
    assert [epoch.best for epoch in made.epochs] == [True, True, False, False, True, False, False]
    assert [epoch.part[-1] for epoch in made.epochs] == list("1111222")


@pytest.mark.parametrize(("watch", "best"), [("loss", 2), ("accuracy", 3)])
def test_the_weights_of_the_best_epoch_are_kept(tmp_path, monkeypatch, watch, best):
    spec = make_spec(ALL.model_copy(update={"epochs": 4}), validation_score=watch)
    script = [(0.9, 0.4), (0.5, 0.5), (0.6, 0.7), (0.7, 0.7)]
    kept = {}

    def keep(done, _):
        if done == best:
            kept.update(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["best"])

    scripted(monkeypatch, script)
    made = run(spec, tmp_path, on_epoch=keep)
    assert [epoch.number for epoch in made.epochs if epoch.best][-1] == best
    assert same(made.state, kept)


def test_it_learns_what_can_be_learnt(tmp_path):
    stage = Stage(epochs=6, learning_rate=1e-2, schedule="cosine")
    made = run(make_spec(stage, validation_score="accuracy", model={"dropout": 0.0}), tmp_path)
    assert made.epochs[-1].training_loss < made.epochs[0].training_loss
    assert max(epoch.validation_accuracy for epoch in made.epochs) > 0.6
    assert made.scores.shape == (6, 3)
    np.testing.assert_allclose(made.scores.sum(1), 1, rtol=1e-5)
    assert made.seconds > 0


def test_a_cosine_warms_up_for_an_epoch_and_ends_at_nothing(tmp_path):
    stage = Stage(epochs=4, learning_rate=1.0, schedule="cosine")
    rates = [module._rate(stage, step / 40) for step in range(41)]
    assert rates[0] == 0
    assert rates[5] == pytest.approx(0.5 * 0.5 * (1 + math.cos(math.pi / 8)))
    assert max(rates) == rates[10]
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:]))
    assert rates[40] == pytest.approx(0, abs=1e-12)
    constant = Stage(epochs=4, learning_rate=0.3)
    assert {module._rate(constant, share) for share in (0.1, 0.5, 1.0)} == {0.3}
    made = run(make_spec(stage.model_copy(update={"learning_rate": 1e-3})), tmp_path)
    assert made.epochs[-1].learning_rate == pytest.approx(0, abs=1e-12)


def test_the_penalty_on_the_head_is_part_of_the_loss(tmp_path):
    plain = run(make_spec(HEAD), tmp_path / "plain")
    held = run(make_spec(HEAD, loss=LossConfig(head_l1=1, head_l2=1)), tmp_path / "held")
    assert held.epochs[0].training_loss > plain.epochs[0].training_loss
    size = "head.1.weight"
    assert held.state[size].abs().sum() < plain.state[size].abs().sum()


def test_passes_are_named_and_counted():
    spec = make_spec(HEAD, ALL.model_copy(update={"iterations": 2}), rounds=2)
    names = [name for name, _ in all_stages_of(spec.pretraining)]
    assert len(names) == len(set(names)) == 6
    assert names[0] == "round 1, stage 1 (head), iteration 1"
    assert names[-1] == "round 2, stage 2 (all), iteration 2"


@given(st.integers(0, 2**32), st.sampled_from([0.1, 0.2, 0.5]))
def test_a_split_holds_the_same_share_of_every_class(seed, share):
    targets = np.repeat([0, 1, 2], [40, 20, 10])
    train, held = split_images(targets, share, seed)
    assert sorted([*train, *held]) == list(range(70))
    assert np.bincount(targets[held]).tolist() == [40 * share, 20 * share, 10 * share]


@given(st.integers(0, 2**32))
def test_named_subjects_are_never_on_both_sides(seed):
    targets = np.tile([0, 1, 2], 20)
    subjects = [f"c/{i // 6}" if i < 48 else "" for i in range(60)]
    train, held = split_images(targets, 0.25, seed, subjects)
    sides = [{subjects[i] for i in side} - {""} for side in (train, held)]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 2
    assert np.bincount(targets[[i for i in held if i >= 48]]).tolist() == [1, 1, 1]


def test_a_class_too_small_to_be_split_is_named():
    with pytest.raises(DataError, match=r"Class 1 has 2 images; 20% .* Give more images"):
        split_images(np.array([0] * 10 + [1] * 2), 0.2, 0)


@pytest.mark.parametrize(
    ("change", "image_set"),
    [
        ({"batch_size": 4}, make_image_set()),
        ({}, make_image_set(seed=1)),
        ({}, make_image_set(count=33)),
    ],
    ids=["settings", "pixels", "number of images"],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, change, image_set):
    run(make_spec(), tmp_path)
    with pytest.raises(ConfigError, match=r"other settings or images .* --out"):
        run(make_spec(**change), tmp_path, image_set)


def test_a_broken_checkpoint_is_named(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"half a file")
    with pytest.raises(DataError, match=r"checkpoint\.pt cannot be read"):
        run(make_spec(), tmp_path)
    torch.save({"weights": 1}, path)
    with pytest.raises(DataError, match="no checkpoint of a pretraining"):
        run(make_spec(), tmp_path)


def test_a_model_without_a_head_cannot_train_it_alone(tmp_path):
    spec = make_spec(HEAD).model_copy(update={"model": ModelConfig(name="flow_mlp")})
    with pytest.raises(ConfigError, match="no part named 'head'"):
        run(spec, tmp_path, make_image_set(side=32))


def test_what_was_decided_at_the_beginning_stays(tmp_path, monkeypatch):
    from openmer.pretraining import _plan as pretrain_plan

    checkpoint, image_set, spec = tmp_path / "checkpoint.pt", make_image_set(), make_spec()
    monkeypatch.setattr(pretrain_plan, "cpu_count", lambda: 1)
    monkeypatch.setattr(pretrain_plan, "COMPILE_FROM_FLOPS", math.inf)
    auto = PretrainResources(device="cpu")
    plan = plan_pretraining(spec, image_set, auto, checkpoint)
    assert (plan.threads, plan.compiled) == (1, False)
    assert begun(checkpoint) is None
    pretrain(plan, image_set, {}, checkpoint=checkpoint)
    assert begun(checkpoint) == plan
    monkeypatch.setattr(pretrain_plan, "cpu_count", lambda: 64)
    monkeypatch.setattr(pretrain_plan, "COMPILE_FROM_FLOPS", 0)
    assert plan_pretraining(spec, image_set, auto, checkpoint) == plan
    depthwise = plan_pretraining(spec, image_set, auto, tmp_path / "none.pt")
    assert not depthwise.compiled, "depthwise convolutions train no faster compiled"
    monkeypatch.setattr(pretrain_plan, "has_depthwise", lambda _: False)
    other = plan_pretraining(spec, image_set, auto, tmp_path / "none.pt")
    assert (other.threads, other.compiled) == (64, pretrain_plan.compiler_at_hand())
    asked = plan_pretraining(
        spec, image_set, PretrainResources(device="cpu", threads=2), checkpoint
    )
    assert asked.threads == 2


def test_compiled_at_the_beginning_needs_a_compiler_to_the_end(tmp_path, monkeypatch):
    from openmer.pretraining import _plan as pretrain_plan

    spec = make_spec().model_copy(update={"compiled": True})
    monkeypatch.setattr(pretrain_plan, "begun", lambda _: spec)
    monkeypatch.setattr(pretrain_plan, "compiler_at_hand", lambda: False)
    with pytest.raises(ConfigError, match="no C\\+\\+ compiler any more"):
        plan_pretraining(spec, make_image_set(), PretrainResources(), tmp_path / "checkpoint.pt")


def test_a_training_starts_from_a_file_but_for_its_head(tmp_path):
    image_set, path = make_image_set(), tmp_path / "w.safetensors"
    stored = fresh_network(make_spec(seed=9), image_set).state_dict()
    save_weights(path, stored, {})
    found = start_state(make_spec(start=str(path)), image_set)
    assert same(found, without_head(stored))
    assert start_state(make_spec(start="scratch"), image_set) == {}
    network = ModelConfig(name="flow_mlp")
    with pytest.raises(ConfigError, match="no backbone of timm"):
        start_state(make_spec(start="imagenet").model_copy(update={"model": network}), image_set)


@pytest.fixture(scope="module")
def fer2013(tmp_path_factory):
    return write_fake("fer2013", tmp_path_factory.mktemp("fer") / "fer2013")


def test_rows_of_a_table_become_gray_stills(fer2013):
    found = load_pretraining("efficient-me-imbalanced", {"fer2013": fer2013})
    told = []
    reader = ImageReader(on_progress=lambda *numbers: told.append(numbers))
    image_set = reader.read(found.images, found.targets, 3)
    assert image_set.images.shape == (12, 1, 48, 48)
    assert image_set.images.dtype == np.uint8
    assert image_set.targets.tolist() == list(found.targets)
    assert image_set.subjects == ()
    assert told[-1] == (12, 12)


def pictures(folder, sides, subjects=False):
    images = []
    for number, side in enumerate(sides):
        path = folder / f"{number}.png"
        pixels = np.full((side, side, 3), 10 * number, np.uint8)
        Picture.fromarray(pixels).save(path)
        images.append(
            Image(corpus="c", subject=f"s{number}" if subjects else None, name=path.stem,
                  emotion="happy", path=path)
        )  # fmt: skip
    return images


def test_files_become_gray_or_what_a_recipe_makes_of_them(tmp_path):
    images = pictures(tmp_path, [20, 20, 20], subjects=True)
    plain = ImageReader().read(images, [0, 1, 2], 3)
    assert plain.images.shape == (3, 1, 20, 20)
    assert plain.images[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert plain.subjects == ("c/s0", "c/s1", "c/s2")
    recipe = Recipe.from_tables([{"step": "apex_frame", "size": 16}])
    made = ImageReader(recipe=recipe).read(pictures(tmp_path, [20, 30, 40]), [0, 1, 2], 3)
    assert made.images.shape == (3, 3, 16, 16)
    assert made.images[2].min() == made.images[2].max() == 20


ALIGNED = Recipe.from_tables(
    [{"step": "align", "style": "dense-attention"}, {"step": "apex_frame", "size": 64}]
)


def test_photographs_and_faces_cut_out_already_are_merged(tmp_path):
    roots = {name: write_fake(name, tmp_path / name) for name in ("ckplus", "rafdb", "fer2013")}
    found = load_pretraining("dense-attention", roots)
    failures = Failures("list")
    image_set = ImageReader(recipe=ALIGNED, failures=failures).read(found.images, found.targets, 3)
    assert image_set.images.shape == (len(found.images), 3, 64, 64)
    assert len(failures) == 0
    assert image_set.corpora == tuple(image.corpus for image in found.images)
    assert set(image_set.corpora) == set(roots)
    named = [subject_id for subject_id in image_set.subjects if subject_id]
    assert named and all(subject_id.startswith("ckplus/S0") for subject_id in named)
    gray = [corpus == "fer2013" for corpus in image_set.corpora]
    for image in image_set.images[gray]:
        assert np.array_equal(image[0], image[1]) and np.array_equal(image[0], image[2])


def test_no_face_is_looked_for_where_the_image_is_one(tmp_path):
    noise = np.random.default_rng(0).integers(1, 255, (48, 48), dtype=np.uint8)
    (image,) = pictures(tmp_path, [48])
    Picture.fromarray(noise).save(image.path)
    with pytest.raises(DataError, match="No face was found"):
        ImageReader(recipe=ALIGNED).read([image], [0], 1)
    image_set = ImageReader(recipe=ALIGNED).read([replace(image, cropped=True)], [0], 1)
    whole = ImageReader(recipe=Recipe.from_tables([{"step": "apex_frame", "size": 64}]))
    plain = whole.read([image], [0], 1).images.astype(int)
    assert np.abs(image_set.images - plain).mean() < 20  # bicubic, and bilinear
    assert (image_set.images[:, :, 0] > 0).any()


def test_images_of_several_sizes_need_a_recipe(tmp_path):
    with pytest.raises(DataError, match=r"c/1 has 30x30 pixels, but c/0 has 20x20.*apex_frame"):
        ImageReader().read(pictures(tmp_path, [20, 30]), [0, 1], 2)
    with pytest.raises(DataError, match="c/0 has 8x8 pixels, expected a square of at least 16"):
        ImageReader().read(pictures(tmp_path, [8]), [0], 2)


def test_what_cannot_be_read_is_listed_and_left_out(tmp_path):
    images = pictures(tmp_path, [20, 20, 20])
    images[1].path.write_bytes(b"no image")
    failures = Failures("list")
    image_set = ImageReader(failures=failures).read(images, [0, 1, 2], 3)
    assert image_set.targets.tolist() == [0, 2]
    assert [(f.clip, f.step) for f in failures] == [("c/1", "read")]
    with pytest.raises(DataError, match=r"1\.png"):
        ImageReader().read(images, [0, 1, 2], 3)
    for image in images:
        image.path.write_bytes(b"no image")
    with pytest.raises(DataError, match="None of 3 images could be read"):
        ImageReader(failures=Failures("list")).read(images, [0, 1, 2], 3)


def test_a_specification_survives_json():
    spec = make_spec(HEAD, ALL, loss=LossConfig(name="focal", class_weights=(0.2, 0.3, 0.5)))
    assert PretrainSpec.model_validate(json.loads(spec.model_dump_json())) == spec


def uneven(count=30):
    """Images of which the first class has twice as many as the others."""
    image_set = make_image_set(count)
    targets = np.where(np.arange(count) % 4 < 2, 0, np.arange(count) % 4 - 1)
    return replace(image_set, targets=targets)


def test_balanced_draws_have_as_many_of_each_class_in_every_step():
    image_set = uneven()
    copies = Oversample(copies=1, flip_probability=0.5, shift=0.1)
    spec = make_spec(order="balanced", oversample=copies, batch_size=6)
    begun_run = module._Run(spec, image_set, {})
    order, size = begun_run._order(1)
    classes = image_set.targets[order % 30].reshape(-1, size)
    assert all(set(np.bincount(step)) == {size // 3} for step in classes)
    assert (order >= 30).any(), "copies train, too"
    assert not np.isin(order % 30, begun_run._validation).any()
    other, _ = begun_run._order(2)
    assert not np.array_equal(order, other)
    originals = begun_run._pixels(torch.arange(30))
    changed = begun_run._pixels(torch.arange(30) + 30)
    assert torch.equal(originals, torch.from_numpy(image_set.images).float())
    assert not torch.equal(originals, changed)


def test_a_training_with_copies_goes_on_where_it_was(tmp_path):
    spec = make_spec(
        oversample=Oversample(), order="balanced", weight_decay=0.01, decayed="kernels"
    )
    whole = run(spec, tmp_path / "whole", uneven())
    with pytest.raises(StopError):
        run(spec, tmp_path / "cut", uneven(), on_epoch=stop_after(1))
    assert same(whole.state, run(spec, tmp_path / "cut", uneven()).state)


def test_the_grid_of_a_pretraining_has_every_combination_and_refuses_what_is_none():
    grid = "pretraining.search={batch_size=[16,32],'stages.0.epochs'=[1,2]}"
    trials = trials_of(load_method("mobilevit-svm-paper", [grid]))
    assert [settings["batch_size"] for settings, _ in trials] == [16, 16, 32, 32]
    assert [config.stages[0].epochs for _, config in trials] == [1, 2, 1, 2]
    assert not any(config.search for _, config in trials)
    wrong = load_method("mobilevit-svm-paper", ["pretraining.search={batch_sise=[16]}"])
    with pytest.raises(ConfigError, match="batch_size"):
        trials_of(wrong)


@pytest.mark.parametrize("key", ["scheme", "size", "start", "validation_score", "recipe.0.size"])
def test_a_grid_varies_no_images_and_no_score(key):
    """The best of trials with other validation images, or another score, would mean nothing."""
    with pytest.raises(ConfigError, match="settings of the training"):
        load_method("mobilevit-svm-paper", [f"pretraining.search={{'{key}'=[48, 64]}}"])
