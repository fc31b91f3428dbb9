import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.video.made_faces import SIDE, clip, face

from openmer.preprocessing import detect_faces
from openmer.video.faces._patch import (
    EYE_DISTANCE_PX,
    PLACES,
    SIDE_PX,
    after,
    box_of,
    cut,
    evened,
    eye_distance,
    inverse,
    matrix_of,
)
from openmer.video.spotting._motion import Reference
from openmer.video.spotting._regions import (
    REGIONS,
    points,
    usual_layout,
)


@pytest.fixture(scope="module")
def to_patch():
    (found,) = detect_faces([face()])
    return matrix_of(found[0])


@pytest.fixture(scope="module")
def patch(to_patch):
    return cut(face(), to_patch)


def test_the_landmarks_come_to_their_places(to_patch):
    (found,) = detect_faces([face()])
    marks = np.array(found[0].landmarks_xy)
    at = marks @ to_patch[:, :2].T + to_patch[:, 2]
    assert np.abs(at[:2] - PLACES[:2] * SIDE_PX).max() < 0.06 * SIDE_PX
    assert eye_distance(to_patch) == pytest.approx(np.hypot(*(marks[1] - marks[0])), rel=0.1)
    x0, y0, x1, y1 = box_of(to_patch)
    assert x0 < marks[:, 0].min() and marks[:, 0].max() < x1
    assert y0 < marks[:, 1].min() and marks[:, 1].max() < y1


@given(
    angle=st.floats(-0.5, 0.5), scale=st.floats(0.5, 2), x=st.floats(-30, 30), y=st.floats(-30, 30)
)
def test_a_matrix_after_a_movement_undoes_it(angle, scale, x, y):
    matrix = np.array([[0.6, -0.1, 12.0], [0.1, 0.6, -7.0]])
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    moved = np.array([[cos, -sin, x], [sin, cos, y]])
    point = np.array([70.0, 90.0])  # of the image before it moved
    then = matrix[:, :2] @ point + matrix[:, 2]
    now = moved[:, :2] @ then + moved[:, 2]  # where it is now, by the old matrix
    image_now = inverse(matrix)[:, :2] @ now + inverse(matrix)[:, 2]
    new = after(matrix, moved)
    assert new[:, :2] @ image_now + new[:, 2] == pytest.approx(then, abs=1e-6)


def test_weights_are_shares_of_points():
    assert usual_layout().regions.shape == (len(REGIONS), len(points()))
    assert usual_layout().regions.sum(1) == pytest.approx(1)
    assert usual_layout().eyes.sum(1) == pytest.approx(1)
    assert usual_layout().skull.min() >= 0 and usual_layout().skull.max() <= 1
    middles = usual_layout().regions @ points()
    left = [REGIONS.index(n) for n in REGIONS if n.startswith("left")]
    right = [REGIONS.index(n.replace("left", "right")) for n in REGIONS if n.startswith("left")]
    assert (middles[left, 0] > SIDE_PX / 2).all()  # the subject's own left is on the right
    assert middles[left, 0] + middles[right, 0] == pytest.approx(SIDE_PX - 1, abs=1.5)


def test_nothing_has_moved_in_the_reference_itself(patch):
    measured = Reference(patch).compare(patch)
    assert np.abs(measured.regions_px).max() < 1e-3
    assert measured.similarity > 0.999


@settings(max_examples=15, deadline=None)
@given(x=st.floats(-4, 4), y=st.floats(-4, 4), angle=st.floats(-3, 3), scale=st.floats(0.96, 1.04))
def test_a_movement_of_the_head_moves_no_region(to_patch, patch, x, y, angle, scale):
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, scale)
    matrix[:, 2] += (x, y)
    moved = cv2.warpAffine(face(), matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC,
                           borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    measured = Reference(patch).compare(cut(moved, to_patch))
    length = np.hypot(*measured.regions_px.T)  # the edge of the face moves by up to 8 px
    assert np.delete(length, REGIONS.index("chin")).max() < 0.5
    assert length.max() < 1.5  # flow knows nothing of what comes in over the edge at the chin
    middle = measured.head[:, :2] @ np.full(2, 80.0) + measured.head[:, 2]
    whole = to_patch[:, :2] @ (matrix[:, :2] @ _back(to_patch) + matrix[:, 2]) + to_patch[:, 2]
    assert middle == pytest.approx(whole, abs=0.7)


def _back(to_patch):
    back = inverse(to_patch)
    return back[:, :2] @ np.full(2, 80.0) + back[:, 2]


@pytest.mark.parametrize("gain", [0.6, 1.3])
def test_a_change_of_light_moves_no_region(patch, gain):
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    lit = np.clip(patch * (gain + 0.3 * x - 0.2 * y), 0, 255).astype(np.uint8)
    measured = Reference(patch).compare(lit)
    assert np.hypot(*measured.regions_px.T).max() < 0.3
    assert np.abs(evened(lit).astype(int) - evened(patch)).mean() < 12


@pytest.mark.parametrize("subject_id", [0, 1, 2])
def test_an_expression_moves_the_regions_that_it_is_made_of(subject_id):
    made = clip(subject_id)
    (found,) = detect_faces([face(subject_id, made.clip.onset)])
    to_patch = matrix_of(found[0])
    reference = Reference(cut(face(subject_id, made.clip.onset), to_patch))
    moved = reference.compare(cut(face(subject_id, made.true_apex), to_patch)).regions_px
    factor = SIDE / made.frames_rgb.shape[2] * EYE_DISTANCE_PX / eye_distance(to_patch)
    length = np.hypot(*moved.T)
    assert 0.2 * made.amplitude_px * factor < length.max() < 1.2 * made.amplitude_px * factor
    back = inverse(to_patch)
    middles = (usual_layout().regions @ points()) @ back[:, :2].T + back[:, 2]
    x, y = (middles / SIDE * made.frames_rgb.shape[2]).astype(int).T
    truth = np.hypot(*made.facial_flow_xy[:, np.clip(y, 0, 127), np.clip(x, 0, 127)])
    assert truth[int(length.argmax())] > 0.4 * truth.max()


def test_closed_eyes_have_less_contrast(patch):
    shut = patch.copy()
    for x, y in PLACES[:2] * SIDE_PX:
        cv2.ellipse(shut, (round(x), round(y)), (13, 7), 0, 0, 360, int(patch[70, 80]), -1)
    reference = Reference(patch)
    assert reference.compare(shut).eyes < 0.6 * reference.compare(patch).eyes
    assert Reference(shut).compare(patch).eyes == pytest.approx(
        reference.compare(patch).eyes, rel=0.1
    )
