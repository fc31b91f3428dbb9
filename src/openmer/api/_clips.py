"""Get clips: from a manifest, a corpus, a table in memory, or made up."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from openmer import remote
from openmer.api._display import Displayed, frame
from openmer.api._progress import progress as shown
from openmer.clip import Clip
from openmer.datasets import (
    DESCRIPTION,
    ClipSource,
    encoded,
    from_corpus,
    from_manifest,
    hugging_face_dataset,
    kind_of,
    list_datasets,
    read_bids,
    write_bids,
    write_corpus,
)
from openmer.errors import ConfigError, DataError
from openmer.files import temporary_folder

if TYPE_CHECKING:
    from pandas import DataFrame

Source = Union[str, Path, "DataFrame", ClipSource, Sequence[Clip]]
"""Path of a manifest, name of a corpus, table with the columns of a manifest, or clips."""

Roots = str | Path | Mapping[str, str | Path] | None
_PATHS = ("frames", "flow_path")
_SHOWN = 5
_UNKNOWN = frozenset({"nan", "NaN", "<NA>", "NaT"})  # of NumPy, Decimal and pandas
_COLUMNS = (
    "corpus", "subject", "clip", "label", "onset", "apex", "offset", "fps", "frames", "flow_path",
    "same_subject_as", "faces", "action_units",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Clips(Displayed, ClipSource):
    """Annotated clips in the order of their list, and where they were read from."""

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    def __getitem__(self, index: int) -> Clip:
        return self.clips[index]

    def to_frame(self) -> DataFrame:
        """Return a table with a row for each clip, which `load_clips` reads back."""
        return frame(map(_row, self), _COLUMNS)

    def to_hugging_face(self, *, images: bool = False) -> Any:  # noqa: ANN401
        """Return the same table as a `datasets.Dataset`, which `load_clips` reads back.

        Args:
            images: Add a column `images`, which opens the frames of a clip when it is asked for.

        Raises:
            ConfigError: The extra ``hugging-face`` is not installed.
        """
        frames = [clip.frame_paths for clip in self] if images else None
        return hugging_face_dataset(self.to_frame(), frames)

    def to_bids(self, folder: str | Path) -> Path:
        """Write the clips in a layout like that of BIDS, which `load_clips` reads back.

        Args:
            folder: A new folder. Images stay where they are.

        Raises:
            DataError: The folder holds something, or cannot be written.
        """
        generator = f"OpenMER {version('openmer')}"
        write_bids(Path(folder), map(_row, self), _COLUMNS, generator)
        return Path(folder)

    def _line(self) -> str:
        return f"{len(self)} clips of {self.subjects} subjects from {self.title}"


def load_clips(
    source: Source,
    root: Roots = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    strict: bool = False,
    cropped: bool | None = None,
) -> Clips:
    """Read annotated clips.

    Args:
        source: The path of a manifest (CSV), the name of a corpus (`list_corpora`), a folder that
            `Clips.to_bids` wrote, or a pandas table or a dataset of Hugging Face with the columns
            of a manifest, whose paths are relative to the current folder.
        root: Folder of the corpus, or the folder of each part of a composite by its name. None asks
            the environment and the config file.
        variant: Coding or recording of the corpus; None is the first.
        frames: Form of the frames of the corpus; None is the first.
        strict: Refuse a copy of a corpus in which a clip cannot be read.
        cropped: Whether all frames are the face and little else, so that no face is looked for in
            them; None lets the column `faces` of a manifest say it.

    Returns:
        The clips in the order of their list.

    Raises:
        ConfigError: No such corpus, variant or form, or an option of a corpus without one.
        DataError: The manifest is missing or has wrong rows, or the corpus cannot be read.

    Example:
        clips = openmer.load_clips("clips.csv")
        print(len(clips), clips[0].subject_id, clips.to_frame())
    """
    variant = None if variant is None else str(variant)  # a year, too
    found = _read(source, root, variant=variant, frames=frames, strict=strict)
    found = found if cropped is None else found.with_faces(cropped=cropped)
    return Clips(**{field.name: getattr(found, field.name) for field in fields(ClipSource)})


def clips_of(source: Source) -> ClipSource | Sequence[Clip]:
    """Return clips as they are; read them where a path, a name or a table is given."""
    if isinstance(source, ClipSource):
        return source
    if isinstance(source, list | tuple) and all(isinstance(clip, Clip) for clip in source):
        return source
    return load_clips(source)


def list_corpora() -> list[str]:
    """List the names of the corpora that can be read, sorted.

    Returns:
        Names that `load_clips` takes.

    Example:
        print(openmer.list_corpora())
    """
    return list_datasets()


def synthesize(
    folder: str | Path = "synthetic", *, size: str = "demo", seed: int = 0, progress: bool = True
) -> Clips:
    """Make a synthetic corpus with known motion, and read it; one that is there is used again.

    Args:
        folder: Where it is written; must not hold anything else.
        size: "tiny" (18 clips), "demo" (72 clips) or another name of a size.
        seed: Same seed, same bytes.
        progress: Show how far it is.

    Returns:
        The clips.

    Raises:
        ConfigError: There is no such size.
        DataError: The folder holds something else, or cannot be written.

    Example:
        clips = openmer.synthesize("corpus", size="tiny")
    """
    with shown(progress) as report:
        path = write_corpus(Path(folder), size, seed, lambda done, of: report("write", done, of))
    return load_clips(path)


def _read(
    source: Source, root: Roots, *, variant: str | None, frames: str | None, strict: bool
) -> ClipSource:
    if isinstance(source, str) and remote.is_url(source):
        source = remote.here(source)
    if isinstance(source, str | Path) and kind_of(Path(source) / DESCRIPTION) == "a file":
        found = read_bids(Path(source))
        return _from_rows(found.values(), _COLUMNS, str(source), list(found))
    if isinstance(source, str) and not _is_path(source):
        return from_corpus(source, root, variant=variant, frames=frames, strict=strict)
    if (root, variant, frames) != (None, None, None):
        raise ConfigError(
            "Found root, variant or frames, expected them only with the name of a corpus. Leave "
            "them out for a manifest or a table."
        )
    if isinstance(source, str | Path):
        return from_manifest(Path(source))
    return source if isinstance(source, ClipSource) else _from_table(source)


def _is_path(text: str) -> bool:
    """Tell the path of a manifest from the name of a corpus."""
    path = Path(text)
    looks_so = path.suffix or len(path.parts) > 1 or kind_of(path) == "a file"
    return text not in list_datasets() and bool(looks_so)


def _from_table(table: Any) -> ClipSource:  # noqa: ANN401
    """Read a pandas table, a dataset of Hugging Face without its images, or rows.

    Raises:
        ConfigError: It is none of these.
    """
    if isinstance(table, type | Mapping):
        raise ConfigError(_no_table(table))
    if hasattr(table, "select_columns") and getattr(table, "column_names", None):
        kept = [name for name in table.column_names if name != "images"]
        table = table.select_columns(kept)
    if hasattr(table, "to_pandas"):
        table = table.to_pandas()
    if hasattr(table, "columns") and hasattr(table, "to_dict"):
        columns = [str(name) for name in table.columns]
        is_clear = len(set(columns)) == len(columns)  # otherwise the header is refused
        rows = table.set_axis(columns, axis=1).to_dict("records") if is_clear else []
        return _from_rows(rows, columns, "The table")
    if isinstance(table, Sequence) and table and all(isinstance(row, Mapping) for row in table):
        return _from_rows(table, list(dict.fromkeys(map(str, chain(*table)))), "The list")
    raise ConfigError(_no_table(table))


def _no_table(found: object) -> str:
    """Say what was given in place of clips, and what to give."""
    kind = type(found).__name__
    if isinstance(found, Mapping):
        parts = ", ".join(map(repr, [*found][:_SHOWN])) or "nothing"
        return (
            f"Found clips as {kind} of {parts}, expected one table. Give one part, such as "
            "source['train']; of a dict of columns make a table, pandas.DataFrame(source)."
        )
    return (
        f"Found clips as {kind}, expected the path of a manifest, the name of a corpus, a pandas "
        "table, a dataset of Hugging Face with all its rows, or what load_clips returns."
    )


def _from_rows(
    found: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    title: str,
    places: Sequence[str] = (),
) -> ClipSource:
    """Read rows as the manifest that they would be as a file; errors name where they stand."""
    rows = [{key: _cell(key, value) for key, value in row.items()} for row in found]
    with temporary_folder("openmer-table") as folder:
        path = folder / "DataFrame.csv"
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        path.write_bytes(encoded(text.getvalue()))
        try:
            return from_manifest(path)
        except DataError as error:
            around = title if places else "."
            said = str(error).replace(str(path), title).replace(str(folder), around)
            named = dict(enumerate(places, start=2))
            said = re.sub(r"\brow (\d{1,9})\b", lambda row: named.get(int(row[1]), row[0]), said)
            raise DataError(said) from error


def _cell(column: str, value: object) -> str:
    """Return a value as a manifest has it: 4.0 is 4, what is missing is empty, paths are whole."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    if value is None or not text or (text in _UNKNOWN and not isinstance(value, str)):
        return ""
    if isinstance(value, float) and value.is_integer():
        text = str(int(value))
    return str(Path(text).absolute()) if column in _PATHS else text


def _row(clip: Clip) -> dict[str, object]:
    """Return a clip as a row of a manifest, with whole paths."""
    folder = None
    if clip.frame_paths:
        alone = len(clip.frame_paths) == 1
        folder = str((clip.frame_paths[0] if alone else clip.frame_paths[0].parent).absolute())
    cells = (
        clip.corpus, clip.subject, clip.name, clip.emotion, clip.onset, clip.apex, clip.offset,
        None if clip.fps is None else str(clip.fps), folder,
        None if clip.flow_path is None else str(clip.flow_path.absolute()),
        clip.same_as, "cropped" if clip.cropped else "", clip.action_units,
    )  # fmt: skip
    return dict(zip(_COLUMNS, cells, strict=True))
