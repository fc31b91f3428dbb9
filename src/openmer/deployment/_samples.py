"""What a user points at: a folder of frames, an image, or the rows of a manifest."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from openmer._stand_ins import shown
from openmer.clip import Clip
from openmer.datasets import IMAGE_SUFFIXES, list_frames, read_manifest
from openmer.deployment._fitted import FittedModel, FloatArray
from openmer.errors import DataError
from openmer.preprocessing import StepError, read_rgb


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When a movement happens in a clip, in frames counted from 0; None where it is not known.

    Attributes:
        onset: The first frame of the movement; otherwise the first one of the clip.
        apex: Of the largest movement; otherwise the recipe says, mostly the middle.
        offset: The last frame of the movement; otherwise the last one of the clip.
        fps: Frames per second; what magnifies by frequency needs it.
    """

    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    fps: Fraction | None = None

    @property
    def given(self) -> bool:
        """Whether any of them is."""
        return (self.onset, self.apex, self.offset, self.fps) != (None,) * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One clip or one image to score.

    Attributes:
        name: How a user knows it: its path, or its key in a manifest.
        clip: The clip; None for an image.
        image: The file of an image; None for a clip.
        label: The annotators' word; "" where it is not known.
        cropped: The image is a face and little else, so no face has to be looked for in it.
    """

    name: str
    clip: Clip | None = None
    image: Path | None = None
    label: str = ""
    cropped: bool = False

    def with_faces(self, *, cropped: bool) -> Sample:
        """Return the sample with it said whether its frames are a face and little else."""
        clip = None if self.clip is None else replace(self.clip, cropped=cropped)
        return replace(self, clip=clip, cropped=cropped)

    def answer(self, model: FittedModel) -> tuple[FloatArray, tuple[int, ...]]:
        """Return its class scores, shape ``(classes,)``, and the action units that it shows.

        Raises:
            ConfigError: An image, but the method looks at motion.
            DataError: Its files or frames do not serve, or there is no face; the sample is named.
        """
        with self._named():
            array = self._prepared(model)[None]
            return model.scores(array)[0], model.shown_units(array)[0]

    def prepare(self, model: FittedModel) -> FloatArray:
        """Prepare the sample as the model's input, shape `ModelRecord.input_shape`.

        Raises:
            ConfigError: As `answer`.
            DataError: As `answer`.
        """
        with self._named():
            return self._prepared(model)

    def _prepared(self, model: FittedModel) -> FloatArray:
        if self.clip is not None:
            return model.prepare_clip(self.clip)
        if self.image is None:
            raise DataError("Neither a clip nor an image is given.")
        return model.prepare_image(read_rgb(self.image).transpose(1, 2, 0), cropped=self.cropped)

    @contextmanager
    def _named(self) -> Generator[None]:
        """Name the sample in an error about it."""
        try:
            yield
        except StepError as error:
            raise DataError(f"{self.name}: {error.failure.reason}") from error
        except DataError as error:
            text = str(error)
            raise error if self.name in text else DataError(f"{self.name}: {text}") from error


def samples_of_paths(paths: Sequence[Path], moments: Moments) -> tuple[Sample, ...]:
    """Folders of frames as clips, image files as images.

    Args:
        paths: In the order of the result.
        moments: Of the only clip among the paths, or of none.

    Raises:
        DataError: A path is neither, is not there, or its frames or moments do not serve; or
            moments are given for several clips or for an image.
    """
    if moments.given and (len(paths) > 1 or not all(path.is_dir() for path in paths)):
        raise DataError(
            f"Onset, apex, offset and fps are those of one folder of frames, found {len(paths)} "
            f"inputs: {', '.join(map(str, paths[:3]))}. Give one folder, or list clips with "
            "--manifest."
        )
    return tuple(_sample(path, moments) for path in paths)


def samples_of_manifest(path: Path) -> tuple[Sample, ...]:
    """Read the samples of a manifest, one for each row.

    Raises:
        DataError: As `read_manifest`.
    """
    clips = read_manifest(path)
    return tuple(Sample(name=clip.key, clip=clip, label=clip.emotion) for clip in clips)


def _sample(path: Path, moments: Moments) -> Sample:
    if path.is_dir():
        return Sample(name=shown(str(path)), clip=_clip(path, moments))
    if not path.is_file():
        raise DataError(
            f"There is no {path}. Give a folder with the frames of one clip, or an image."
        )
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError(
            f"{path} is no image ({', '.join(sorted(IMAGE_SUFFIXES))}). Give a folder with the "
            "frames of one clip, or an image."
        )
    return Sample(name=shown(str(path)), image=path)


def _clip(folder: Path, moments: Moments) -> Clip:
    frames = list_frames(folder)
    if len(frames) < 2:
        raise DataError(
            f"{folder} holds {len(frames)} images; a clip needs two at least. Give the image "
            "itself to have an image looked at."
        )
    onset = 0 if moments.onset is None else moments.onset
    offset = len(frames) - 1 if moments.offset is None else moments.offset
    apex = moments.apex
    rises = onset < offset if apex is None else onset < apex <= offset
    if not (onset >= 0 and rises and offset < len(frames)):
        raise DataError(
            f"{folder}: found onset {onset}, apex {'not given' if apex is None else apex}, offset "
            f"{offset}; expected them in this order inside 0..{len(frames) - 1}, its "
            f"{len(frames)} images counted from 0."
        )
    place = folder.resolve()
    return Clip(
        corpus="given",
        subject=place.parent.name or "unknown",
        name=place.name,
        emotion="",
        onset=onset,
        apex=apex,
        offset=offset,
        fps=moments.fps,
        frame_paths=frames,
    )
