"""The face mesh is fetched, checked, refused offline, and found where faces are known to be."""

import hashlib
import subprocess
import zipfile

import cv2
import numpy as np
import pytest

from openmer.datasets.synthetic._clips import generate
from openmer.errors import DataError
from openmer.preprocessing import (
    LEFT_EYE,
    RIGHT_EYE,
    detect_faces,
    fetch_face_mesh,
    find_mesh,
    look_at_eye,
)
from openmer.preprocessing.faces import _mesh_files


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A data folder that holds nothing."""
    monkeypatch.setenv("OPENMER_DATA", str(tmp_path / "data"))
    return tmp_path


def face():
    """A synthetic face ``(320, 320, 3)`` and its five true points."""
    made = next(generate("tiny", 0))
    image = cv2.resize(made.frames_rgb[made.clip.onset], (320, 320), interpolation=cv2.INTER_CUBIC)
    return image, made.points_xy * (320 / made.frames_rgb.shape[1])


def made_wheel(path, monkeypatch, content=b"a network"):
    """A wheel that is accepted, with this content in both files."""
    with zipfile.ZipFile(path, "w") as archive:
        for member in _mesh_files._MEMBERS.values():
            archive.writestr(member, content)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(_mesh_files, "_WHEEL_SHA256", digest)
    wanted = dict.fromkeys(_mesh_files._MEMBERS, hashlib.sha256(b"a network").hexdigest())
    monkeypatch.setattr(_mesh_files, "_SHA256", wanted)
    return path


def test_offline_says_how_to_get_the_files(elsewhere, monkeypatch):
    monkeypatch.setenv("OPENMER_OFFLINE", "1")
    monkeypatch.setattr(subprocess, "run", None)  # the network is not even tried
    assert not _mesh_files.mesh_folder().exists()
    with pytest.raises(DataError, match=r"OPENMER_OFFLINE.*pip download.*--from FILE"):
        fetch_face_mesh()


def test_a_wheel_from_elsewhere_is_enough(elsewhere, monkeypatch):
    monkeypatch.setenv("OPENMER_OFFLINE", "1")
    folder = fetch_face_mesh(made_wheel(elsewhere / "m.whl", monkeypatch))
    assert {file.read_bytes() for file in folder.iterdir()} == {b"a network"}
    assert fetch_face_mesh() == folder  # nothing is fetched again
    next(folder.iterdir()).write_bytes(b"broken")
    with pytest.raises(DataError, match="OPENMER_OFFLINE"):
        fetch_face_mesh()


def test_another_file_is_refused(elsewhere, monkeypatch):
    with pytest.raises(DataError, match="no file"):
        fetch_face_mesh(elsewhere / "none.whl")
    (elsewhere / "other.whl").write_bytes(b"other")
    with pytest.raises(DataError, match=r"SHA-256 .*expected"):
        fetch_face_mesh(elsewhere / "other.whl")
    with pytest.raises(DataError, match="holds another"):
        fetch_face_mesh(made_wheel(elsewhere / "m.whl", monkeypatch, b"something else"))
    assert not _mesh_files.mesh_folder().exists()


def test_a_download_that_fails_tells_what_pip_said(elsewhere, monkeypatch):
    monkeypatch.delenv("OPENMER_OFFLINE")
    failed = subprocess.CompletedProcess([], 1, "", "first\nERROR: no route\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(DataError, match=r"ERROR: no route.*--from FILE"):
        fetch_face_mesh()


@pytest.mark.usefixtures("face_mesh")
def test_the_mesh_lies_on_the_face_wherever_that_is():
    image, points = face()
    (found,) = detect_faces([image], "mesh")[0]
    width = np.ptp([x for x, _ in found.points68_xy])
    away = np.hypot(*(np.array(found.landmarks_xy) - points).T) / width
    assert away.max() < 0.08
    (tight,) = detect_faces([image[70:280, 70:250]], "mesh-tight")[0]
    apart = np.array(tight.points68_xy) + 70 - np.array(found.points68_xy)
    assert np.abs(apart).max() < 0.05 * width
    assert detect_faces([np.full((200, 200, 3), 90, np.uint8)], "mesh-tight") == [()]


@pytest.mark.usefixtures("face_mesh")
def test_the_mesh_follows_a_turned_face_and_its_lids():
    image, _ = face()
    mesh = find_mesh(image, (80, 80, 240, 270))
    matrix = cv2.getRotationMatrix2D((159.5, 159.5), 25, 1)
    turned = cv2.warpAffine(image, matrix, (320, 320))
    moved = find_mesh(turned, find_mesh(turned, mesh))
    expected = mesh.points_xy @ matrix[:, :2].T + matrix[:, 2]
    assert np.hypot(*(moved.points_xy - expected).T).mean() < 3
    right, left = (look_at_eye(image, mesh, eye) for eye in (RIGHT_EYE, LEFT_EYE))
    assert right.openness == pytest.approx(left.openness, rel=0.35)
    shut = image.copy()
    for x, y in mesh.points_5[:2]:
        middle = (round(x), round(y))
        cv2.ellipse(shut, middle, (16, 9), 0, 0, 360, image[200, 110].tolist(), -1)
        cv2.ellipse(shut, middle, (14, 4), 0, 10, 170, (30, 20, 20), 2)
    shut = cv2.GaussianBlur(shut, (0, 0), 1)
    assert look_at_eye(shut, mesh, RIGHT_EYE).openness < 0.7 * right.openness
