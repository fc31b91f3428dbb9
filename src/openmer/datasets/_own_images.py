"""Images of one's own to pretrain on, as a CSV table, one row per image, no code needed.

Columns:

* `corpus` (or `dataset`): where the image is from; lower-cased. With `subject` it names the
subject,
  as `corpus/subject`, in the same words as the manifest of the clips that are tested later: that is
  how a subject on both sides is found.
* `subject`: who is on it; empty where that is not known.
* `image`: the file, its path relative to the folder of the CSV.
* `label`: the annotators' word, one that the label scheme of the pretraining knows.
* `cropped`, which may be left out: "yes" where the image is a face and little else, so that none is
  looked for in it.

Other columns are ignored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from openmer.clip import Image
from openmer.datasets._labels import LabelScheme
from openmer.datasets._paths import find_path, near_misses
from openmer.datasets._table import MissingFile, Row, RowProblem, TableForm, read_table
from openmer.errors import DataError
from openmer.files import readable

_REQUIRED = ("corpus", "subject", "image", "label")
_FORM = TableForm(
    kind="a list",
    item="image",
    columns=(*_REQUIRED, "cropped"),
    required=_REQUIRED,
    filled=("corpus", "image", "label"),
    aliases=MappingProxyType({"dataset": "corpus"}),
)
_ANSWERS = MappingProxyType({"yes": True, "no": False, "": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnImages:
    """Images of a user's own, and the table they were read from.

    Attributes:
        images: In the order of the rows; those whose word the scheme drops are among them.
        file: Name of the table, without its folder.
        sha256: Digest of its bytes, 64 hex digits.
    """

    images: tuple[Image, ...]
    file: str
    sha256: str


def read_own_images(path: Path, scheme: LabelScheme) -> OwnImages:
    """Read the images of a table; every cell is read as text, so the subject "006" keeps its zeros.

    Args:
        path: The CSV file, UTF-8, columns as in the text at the top of this module.
        scheme: What the labels are checked against.

    Raises:
        DataError: The file is missing, is no CSV, or lacks columns; or rows are wrong (a label that
            the scheme does not know, an image listed twice), in which case the first five problems
            are listed with their row numbers (the header is row 1).
    """
    path = Path(path)
    images = read_table(
        path,
        _FORM,
        make=lambda row: _image(row, path.parent, scheme),
        key=lambda image: image.path.resolve().as_posix(),
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return OwnImages(images=images, file=readable(path.name), sha256=digest)


def _image(row: Row, root: Path, scheme: LabelScheme) -> Image:
    """One row as an image."""
    try:
        scheme.index_of(row["label"])
    except DataError as error:
        raise RowProblem(str(error)) from error
    answer = row.get("cropped", "").lower()
    if answer not in _ANSWERS:
        raise RowProblem(f"cropped {row['cropped']!r} is neither yes nor no; leave it empty for no")
    path = find_path(root, row["image"])
    if not path.is_file():
        raise MissingFile(f"image {path} does not exist{near_misses(path)}")
    return Image(
        corpus=row["corpus"].lower(),
        subject=row.get("subject") or None,
        name=Path(row["image"]).as_posix(),
        emotion=row["label"],
        path=path,
        cropped=_ANSWERS[answer],
    )
