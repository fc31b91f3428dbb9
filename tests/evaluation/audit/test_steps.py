"""Steps of other people: an array shows the frames of its clip, and nothing else."""

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import pytest
from tests.contracts.leaks._ground import honest_case

from openmer.evaluation.audit._steps import check_steps
from openmer.methods import load_method
from openmer.preprocessing import Recipe
from openmer.preprocessing.steps._step import STEPS, Step

SEEN = []


def of_others(data):
    SEEN.append(data.array)
    return data.array - np.mean(SEEN, axis=0) / 2


def step_that(does):
    """Return a step of another package, which no registry keeps."""

    class Foreign(Step):
        gives: ClassVar = {"flow": "flow"}
        step: Literal["foreign"] = "foreign"

        def apply(self, data):
            return replace(data, array=does(data))

    del STEPS._found["foreign"]
    return Foreign()


@pytest.fixture(name="case", scope="module")
def _case(tmp_path_factory):
    return honest_case(tmp_path_factory.mktemp("steps"))


@pytest.fixture(name="found")
def _found(case):
    def found(does):
        method = load_method("flow-mlp", ["recipe.flow.method=dis", "recipe.flow.size=32"])
        recipe = Recipe((method.recipe.steps[0], step_that(does)))
        task = replace(
            case.task,
            clips=(case.task.clips[0], case.task.clips[-1]),
            method=method.model_copy(update={"recipe": recipe}),
            folds=(replace(case.task.folds[0], test=(0,), train=(1,)),),
        )
        inputs = np.stack([recipe.run(clip) for clip in task.clips])
        return check_steps(replace(task, data=replace(task.data, inputs=inputs)))

    return found


def test_a_step_that_uses_the_frames_is_not_reported(found):
    assert found(lambda data: data.array / 2) == []


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda data: data.array * len(data.clip.emotion), "its label"),
        (lambda data: data.array * len(data.clip.subject_id), "its subject and name"),
        (lambda data: data.array + len(data.clip.frame_paths[0].name), "the names of its files"),
        (of_others, "what is prepared before it"),
    ],
)
def test_a_step_that_uses_more_than_the_frames_is_a_leak(found, does, said):
    (finding,) = found(does)
    assert finding.severity == "leak" and f"when {said} changes" in finding.message


def test_what_cannot_be_told_of_a_step_is_noted(found, tmp_path):
    place = tmp_path / "number"
    place.write_text("2")
    (finding,) = found(lambda data: data.array * float(place.read_text()))
    assert finding.severity == "note" and f"prepared, the program reads {place}" in finding.message
    (finding,) = found(lambda data: data.array * {"s1": 2, "s5": 3}[data.clip.subject])
    assert finding.severity == "note" and "KeyError('nobody')" in finding.message
