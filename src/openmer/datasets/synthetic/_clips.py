"""A corpus of synthetic micro-expressions whose motion, apex and class are known exactly.

Every subject is one public-domain photograph, reshaped and repainted; every clip moves that face by
smooth displacements in the places of facial action units, 0.5 to 3 pixels at the apex, while the
head sways and the camera makes noise. Nothing but the motion depends on the class: the onset frame
of a clip is the same, byte for byte, whatever class the clip shows.

It exists for tests and for a first look without licensed data. A score on it says that software
works; it says nothing about how well a method reads real faces.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.datasets._manifest import write_manifest
from openmer.datasets.synthetic import _motion as motion
from openmer.datasets.synthetic._faces import Face, paint_face, sample_look
from openmer.datasets.synthetic._photo import CROP_ORIGIN, CROP_UNITS, to_texture
from openmer.datasets.synthetic._plan import CorpusPlan, Slot, corpus_plan, slots, stream
from openmer.errors import ConfigError
from openmer.files import replace_folder

VERSION = 2  # raise it whenever the same seed gives other bytes

_STAMP = "corpus.json"
_WORDS = MappingProxyType(  # strongest action unit -> words that annotators use
    {4: ("anger", "repression"), 9: ("disgust",), 15: ("sadness", "repression")}
)
_FIVE_POINTS = ("eye_l", "eye_r", "nose_tip", "mouth_l", "mouth_r")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SyntheticClip:
    """A clip, its frames, and the truth about it.

    Attributes:
        clip: The annotation; `frame_paths` is empty until the clip is written.
        frames_rgb: Shape ``(time, height, width, 3)``, 0..255.
        class_name: negative, positive or surprise.
        action_units: Which facial action units move, ascending.
        course: Share of the movement in each frame, shape ``(time,)``, 0..1; 1 at the apex.
        facial_flow_xy: Motion of the face alone from onset to apex, shape ``(2, height, width)``,
            pixels, u right, v down, on the pixels of the onset frame. The head held still, it obeys
            ``onset(x) == apex(x + flow(x))``.
        total_flow_xy: The same with the sway of the head: what the two frames really show.
        amplitude_px: Largest length of the facial motion.
        points_xy: Eyes (image left, right), tip of the nose, corners of the mouth (left, right) in
            the onset frame, pixels, shape ``(5, 2)``.
    """

    clip: Clip
    frames_rgb: NDArray[np.uint8]
    class_name: str
    action_units: tuple[int, ...]
    course: NDArray[np.float64]
    facial_flow_xy: NDArray[np.float32]
    total_flow_xy: NDArray[np.float32]
    amplitude_px: float
    points_xy: NDArray[np.float64]

    @property
    def true_apex(self) -> int:
        """The frame of the largest movement, counted from 0."""
        return int(np.argmax(self.course))


def generate(size: str | CorpusPlan, seed: int = 0) -> Iterator[SyntheticClip]:
    """Yield the clips of a synthetic corpus, rendered one at a time, in the order of the plan.

    The same size and seed give the same bytes on the same machine. A subject looks the same in
    every plan that has the same seed, corpus name and subject id.

    Args:
        size: "tiny" (6 subjects, 18 clips of 128 pixels, a few seconds), "demo" (12 subjects, 72
            clips of 160 pixels), "subtle" (the same subjects, 48 clips that move less than half a
            pixel), or a plan.
        seed: 0 or larger.

    Raises:
        ConfigError: The size is not known, or the seed is negative.
    """
    plan = corpus_plan(size)
    if seed < 0:
        raise ConfigError(f"The seed is {seed}; give 0 or a larger whole number.")
    return _rendered(plan, seed)


def write_corpus(
    root: Path,
    size: str | CorpusPlan = "demo",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a synthetic corpus as a folder, all of it or nothing; a complete one is reused.

    The folder holds `manifest.csv` (see `openmer.datasets._manifest`), PNG frames, and `truth.npz`
    with ``<clip key>/facial_flow_xy`` and ``<clip key>/total_flow_xy`` (float16) and
    ``<clip key>/amplitude_px``.

    Args:
        root: The folder to make. A synthetic corpus of another size, seed or version that lies
            there is replaced; anything else is left alone.
        size: As in `generate`.
        seed: As in `generate`.
        progress: Called after each clip with how many are written and how many there are.

    Returns:
        The path of the manifest.

    Raises:
        ConfigError: As in `generate`.
        DataError: The folder holds anything that was not written here, or cannot be written.
    """
    root = Path(root).absolute()
    plan = corpus_plan(size)
    stamp = {"synthetic_corpus": VERSION, "plan": _fingerprint(plan), "seed": seed}
    if _is_complete(root, stamp):
        return root / "manifest.csv"
    with replace_folder(root) as place:
        _write(place, plan, seed, stamp, progress)
    return root / "manifest.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draw:
    """What is drawn for a clip before it is rendered; all but `expression` without the class."""

    onset: int
    apex: int
    offset: int
    frames: int
    amplitude_px: float
    place: NDArray[np.float64]
    sway: motion.Sway
    noise_sigma: float
    noise_seed: int
    expression: motion.Expression
    word: str


def _rendered(plan: CorpusPlan, seed: int) -> Iterator[SyntheticClip]:
    """Yield the clips of the plan; a face is painted once for the clips of its subject."""
    subject_id, face = "", None
    for slot in slots(plan, seed):
        if face is None or subject_id != slot.subject_id:
            subject_id = slot.subject_id
            look = sample_look(stream(seed, subject_id, "look"))
            face = paint_face(look, blur_units=max(0.4, 0.5 * CROP_UNITS / plan.frame_size))
        yield _render(slot, face, _draw(slot, face, plan, seed), plan.frame_size)


def _draw(slot: Slot, face: Face, plan: CorpusPlan, seed: int) -> _Draw:
    """Draw one clip."""
    rng = stream(seed, slot.subject_id, slot.name, "clip")
    onset, tail = (int(n) for n in rng.integers(1, 5, 2))
    low, high = slot.part.movement_frames
    length = int(rng.integers(low, high + 1))
    apex = int(np.clip(round(rng.uniform(0.35, 0.65) * (length - 1)), 3, length - 4))
    amplitude_px = float(rng.uniform(*plan.amplitude_px))
    place = rng.uniform(-1, 1, 3) * (2.0, 2.0, 0.025)
    sway = motion.sample_sway(rng, plan.sway * face.look.sway)
    noise_seed = int(rng.integers(2**32))
    rng = stream(seed, slot.subject_id, slot.name, "expression")
    expression = motion.sample_expression(rng, slot.class_name)
    return _Draw(
        onset=onset,
        apex=onset + apex,
        offset=onset + length - 1,
        frames=onset + length + tail,
        amplitude_px=amplitude_px,
        place=place,
        sway=sway,
        noise_sigma=plan.noise * face.look.noise_sigma,
        noise_seed=noise_seed,
        expression=expression,
        word=_word(rng, slot.class_name, expression),
    )


def _word(rng: np.random.Generator, class_name: str, expression: motion.Expression) -> str:
    """Return the label that an annotator would have written."""
    if class_name != "negative":
        return {"positive": "happiness", "surprise": "surprise"}[class_name]
    strongest = max(expression.strengths, key=expression.strengths.__getitem__)
    return str(rng.choice(_WORDS[strongest]))


def _render(slot: Slot, face: Face, draw: _Draw, frame_size: int) -> SyntheticClip:
    """Render the clip that was drawn; only the noise is random, from a seed that was drawn."""
    units_per_px = CROP_UNITS / frame_size
    landmarks = _placed(face.landmarks, draw.place)
    field = motion.displacement(draw.expression, landmarks, draw.amplitude_px * units_per_px)
    course = motion.course(draw.frames, draw.onset, draw.apex, draw.offset)
    poses = [draw.sway.pose(frame, draw.onset) for frame in range(draw.frames)]
    grid = motion.frame_grid(frame_size)
    clean = np.stack(
        [
            _frame(face, motion.moved_back(grid, pose), field.scaled(share), draw.place)
            for share, pose in zip(course, poses, strict=True)
        ]
    )
    facial = motion.facial_flow(field, grid)
    total = motion.moved(grid + facial, poses[draw.apex]) - grid
    points = np.array([landmarks[name] for name in _FIVE_POINTS])
    return SyntheticClip(
        clip=Clip(
            corpus=slot.part.corpus,
            subject=slot.subject,
            name=slot.name,
            emotion=draw.word,
            onset=draw.onset,
            apex=draw.apex,
            offset=draw.offset,
            fps=slot.part.fps,
            action_units="+".join(map(str, sorted(draw.expression.strengths))),
            same_as=slot.subject_id,  # ids that look alike here are two subjects, on purpose
        ),
        frames_rgb=_noisy(clean, draw.noise_sigma, draw.noise_seed),
        class_name=slot.class_name,
        action_units=tuple(sorted(draw.expression.strengths)),
        course=course,
        facial_flow_xy=(facial / units_per_px).astype(np.float32),
        total_flow_xy=(total / units_per_px).astype(np.float32),
        amplitude_px=draw.amplitude_px,
        points_xy=(points - CROP_ORIGIN) / units_per_px,
    )


def _placed(
    landmarks: dict[str, tuple[float, float]], place: NDArray[np.float64]
) -> dict[str, tuple[float, float]]:
    """Landmarks of the neutral face where they are at the onset of a clip, face units."""
    points = motion.moved_back(np.array(list(landmarks.values())).T, place).T
    return {name: (float(x), float(y)) for name, (x, y) in zip(landmarks, points, strict=True)}


def _frame(
    face: Face,
    points: NDArray[np.float64],
    field: motion.Displacement,
    place: NDArray[np.float64],
) -> NDArray[np.float32]:
    """One frame ``(height, width, 3)``, 0..255; `points` are its pixels without sway."""
    source = motion.moved(points - field.at(points), place)
    maps = (to_texture(source[0], 0), to_texture(source[1], 1))
    frame = cv2.remap(face.texture_rgb, *maps, cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT_101)
    return np.asarray(frame, np.float32)


def _noisy(frames: NDArray[np.float32], sigma: float, seed: int) -> NDArray[np.uint8]:
    """Frames ``(time, height, width, 3)`` as a camera gives them: more noise where it is bright."""
    if sigma > 0:
        grain = np.random.default_rng(seed).standard_normal(frames.shape, dtype=np.float32)
        frames = frames + grain * np.float32(sigma) * np.sqrt(0.5 + np.clip(frames, 0, 255) / 255)
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def _fingerprint(plan: CorpusPlan) -> str:
    """Return a digest that changes when the plan changes."""
    return hashlib.sha256(repr(plan).encode()).hexdigest()[:16]


def _is_complete(root: Path, stamp: dict[str, object]) -> bool:
    """Whether the folder holds exactly this corpus, with no frame lost since."""
    try:
        found = json.loads((root / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(found, dict) or any(found.get(key) != stamp[key] for key in stamp):
        return False
    files = (root / "manifest.csv", root / "truth.npz")
    images = sum(1 for _ in (root / "frames").rglob("*.png"))
    return all(file.is_file() for file in files) and images == found.get("images")


def _write(
    root: Path,
    plan: CorpusPlan,
    seed: int,
    stamp: dict[str, object],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write every file of the corpus into an empty folder."""
    rendered = generate(plan, seed)
    total = len(slots(plan, seed))
    clips: list[Clip] = []
    truth: dict[str, NDArray[np.float16]] = {}
    for made in rendered:
        clips.append(_write_frames(root / "frames" / made.clip.key, made))
        truth[f"{made.clip.key}/facial_flow_xy"] = made.facial_flow_xy.astype(np.float16)
        truth[f"{made.clip.key}/total_flow_xy"] = made.total_flow_xy.astype(np.float16)
        truth[f"{made.clip.key}/amplitude_px"] = np.array(made.amplitude_px, np.float16)
        if progress is not None:
            progress(len(clips), total)
    write_manifest(root / "manifest.csv", clips)
    np.savez(root / "truth.npz", **truth)  # type: ignore[arg-type]
    images = sum(len(clip.frame_paths) for clip in clips)
    (root / _STAMP).write_text(json.dumps({**stamp, "images": images}) + "\n", encoding="utf-8")


def _write_frames(folder: Path, made: SyntheticClip) -> Clip:
    """Write the frames of a clip; its annotation with their paths.

    The numbers carry no leading zeros, as in CASME II, so that sorting by name would be wrong.
    """
    folder.mkdir(parents=True)
    paths = []
    for number, frame_rgb in enumerate(made.frames_rgb, start=1):
        path = folder / f"img{number}.png"
        bgr = cv2.cvtColor(frame_rgb, cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        path.write_bytes(encoded.tobytes())
        paths.append(path)
    return replace(made.clip, frame_paths=tuple(paths))
