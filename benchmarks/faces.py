"""Face detectors: milliseconds per image, and how near they come to known landmarks.

On the onset frames of the synthetic demo corpus (72 clips of 12 painted subjects, all after one
photograph, frontal and upright): the numbers compare detectors, they say little about real faces.

    python benchmarks/faces.py
    python benchmarks/faces.py --retry fer2013.zip    # tight 48-pixel photographs

With --retry it counts in how many of 300 photographs, drawn by seed 0 from a ZIP file of images, a
face is found at the first look, and after further looks, and writes results/second_look.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import time
import zipfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openmer.datasets.synthetic._clips import generate
from openmer.preprocessing import choose_face, detect_faces, find_alignment, list_detectors

RESULTS = Path(__file__).parent / "results" / "faces.csv"
TURNS_DEGREES = (0, 10, 25)
REPEATS = 3

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]


def sized(image: Pixels, width: int, height: int) -> Pixels:
    """A square image enlarged, and centred on gray where the frame is wider."""
    side = min(width, height)
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    canvas = np.full((height, width, 3), 128, np.uint8)
    left = (width - side) // 2
    canvas[:, left : left + side] = large
    return canvas


def turned(image: Pixels, points: Points, degrees: float) -> tuple[Pixels, Points]:
    """Image and points turned about the middle."""
    middle = ((image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1)
    moved = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return moved, points @ matrix[:, :2].T + matrix[:, 2]


def milliseconds(call: Callable[[Pixels], object], images: Sequence[Pixels]) -> float:
    """Processor time per image, the least of some rounds."""
    call(images[0])
    rounds = []
    for _ in range(REPEATS):
        start = time.process_time()
        for image in images:
            call(image)
        rounds.append((time.process_time() - start) / len(images))
    return 1000 * min(rounds)


def accuracy(
    detector: str, clips: Sequence[tuple[Pixels, Points]], degrees: float
) -> tuple[float, float, float, float]:
    """Share found, and error of eyes, of all points (share of the eye distance) and of the tilt."""
    eyes, every, tilts = [], [], []
    for image, points in clips:
        moved, true = turned(image, points, degrees)
        faces = detect_faces([moved], detector)[0]
        if not faces:
            continue
        face = choose_face(faces)
        away = np.hypot(*(np.array(face.landmarks_xy) - true).T)
        dx, dy = true[1] - true[0]
        eyes.append(away[:2].mean() / np.hypot(dx, dy))
        every.append(away.mean() / np.hypot(dx, dy))
        tilts.append(abs(face.tilt_degrees - np.degrees(np.arctan2(dy, dx))))
    found = len(eyes) / len(clips)
    if not eyes:
        return found, float("nan"), float("nan"), float("nan")
    return found, float(np.mean(eyes)), float(np.mean(every)), float(np.mean(tilts))


def photographs(archive: Path, count: int) -> list[Pixels]:
    """Draw images from a ZIP file."""
    with zipfile.ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if name.endswith((".jpg", ".png")))
        chosen = random.Random(0).sample(names, count)
        opened = [Image.open(io.BytesIO(file.read(name))).convert("RGB") for name in chosen]
    return [np.asarray(image) for image in opened]


def count_second_looks(archive: Path) -> None:
    """Write and print in how many photographs the first look, and the others, find a face."""
    images = photographs(archive, 300)
    rows = [
        (
            detector,
            len(images),
            *(
                sum(map(bool, detect_faces(images, detector, retry=again)))
                for again in (False, True)
            ),
        )
        for detector in ("mtcnn", "haar")
    ]
    with (RESULTS.parent / "second_look.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("detector", "images", "first_look", "all_looks"), *rows])
    print(*rows, sep="\n")


def main() -> None:
    """Measure every detector, write the table and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retry", type=Path, metavar="ZIP")
    archive = parser.parse_args().retry
    if archive:
        count_second_looks(archive)
        return
    clips = [(made.frames_rgb[made.clip.onset], made.points_xy) for made in generate("demo")]
    some = [image for image, _ in clips[::6]]
    rows = []
    for detector in list_detectors():
        if detector == "landmarks68" and find_spec("dlib") is None:
            print("landmarks68: its packages are not installed, left out")
            continue
        row = {"detector": detector}
        for width, height in ((128, 128), (224, 224), (640, 480)):
            images = [sized(image, width, height) for image in some]
            taken = milliseconds(lambda image, name=detector: detect_faces([image], name), images)
            row[f"ms_{width}x{height}"] = f"{taken:.1f}"
        for degrees in TURNS_DEGREES:
            found, eyes, every, tilt = accuracy(detector, clips, degrees)
            row[f"found_{degrees}deg"] = f"{found:.3f}"
            row[f"eyes_{degrees}deg"] = f"{eyes:.3f}"
            row[f"points_{degrees}deg"] = f"{every:.3f}"
            row[f"tilt_{degrees}deg"] = f"{tilt:.2f}"
        rows.append(row)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for key in rows[0]:
        print(f"{key:14}", *(f"{row[key]:>12}" for row in rows))
    for width, height in ((160, 160), (640, 480)):
        image = sized(some[0], width, height)
        alignment = find_alignment(image)
        taken = milliseconds(alignment.apply, [image] * 20)
        print(f"aligning a {width}x{height} frame to {alignment.width} px: {taken:.2f} ms")


if __name__ == "__main__":
    main()
