"""Change every kind of file that OpenMER reads, and watch what reading it does.

Each input is read in a child process that may use 10 seconds of a processor for it, and 1 GB.
Reading must end with content, or with an error of OpenMER that names the file. Where a file carries
a digest, what is read must be what was written: another content is the worst of all ends.

    python benchmarks/fuzz.py [--inputs 20000] [--seed 0] [--kinds manifest,tiff] [--keep FOLDER]

Writes benchmarks/results/fuzz.md. With --keep every input that ended wrongly is kept there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pickle
import random
import re
import resource
import select
import shutil
import signal
import struct
import tempfile
import time
import tomllib
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
import torch
from PIL import Image as Pillow
from safetensors.torch import save

from openmer.api._clips import load_clips
from openmer.app._decisions import Decision, Review, read_review
from openmer.clip import Prediction
from openmer.datasets import label_scheme, load, read_folds, read_manifest
from openmer.datasets._action_units import combinations_of
from openmer.datasets._footage_table import Movement, read_footage, write_footage
from openmer.datasets._own_images import read_own_images
from openmer.datasets._roots import known_root
from openmer.datasets._sheets import read_sheet
from openmer.datasets._truth_table import read_truth_csv
from openmer.datasets._workbook import read_workbook
from openmer.datasets.fakes import write_fake
from openmer.deployment import read_model
from openmer.errors import DataError, OpenMERError
from openmer.evaluation import Span, load_run, read_answers, write_predictions
from openmer.evaluation._predictions import fold_digests, read_predictions
from openmer.evaluation._seen_subjects import subjects_of_weights
from openmer.evaluation.audit._results_table import read_claims, read_rows, read_splits
from openmer.evaluation.tuning._record import Choice, read_choices, write_choice
from openmer.methods import list_methods, load_method, method_text
from openmer.models import load_weights, save_weights
from openmer.preprocessing._frames import read_gray, read_rgb
from openmer.reports import add_record, check_records
from openmer.reproduction import list_studies, load_study
from openmer.video.coding._coding import EVENT_FORMATS, CodedEvent, Coding
from openmer.video.coding._import import read_coding
from openmer.video.output._events import read_events
from openmer.video.spotting._evaluate import VideoResult
from openmer.video.spotting._evaluate import _read as read_video_result

RESULTS = Path(__file__).parent / "results" / "fuzz.md"
SECONDS = 10
GIGABYTE = 10**9
_PATIENCE = 120  # seconds by the clock, on a machine that does other things, too
_SOUND = 25  # sound files of one kind
_TOGETHER = 50  # inputs of one process
WRONG = ("traceback", "no file named", "over 10 s", "over 1 GB", "other content")
ENDS = ("read", "refused", *WRONG)
_ANSWER = 4096  # bytes; what a pipe writes at once
CLASSES = ("negative", "positive", "surprise")
ODD = (
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b'"', b"'", b",", b";", b"sep=;\n",
    b"=1+1", b"-1", b"0", b"1e40000000", b"9" * 400, b"nan", b"inf", b"NA", b"1/0", b"4.5",
    b"..", b"/dev/zero", b"../" * 300, b"\\\\server\\x", b"CON", b"a" * 5000, "é".encode(),
    "e\u0301".encode(), "\u202e\U0001f600".encode(), b"[" * 3000, b"{" * 3000, b"<a>" * 3000,
    b"true", b"null", b"[]", b"{}", b"%s%n", b"\x1b[31m", b"XFD1048576", b"2147483648",
    b"18446744073709551616",
)  # fmt: skip
VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 1e308, float("nan"), float("inf"), 0.5, "", "x",
    "a" * 5000, "\u202e", "../..", [], {}, [[]], {"": {}}, [1, "x", {}], [None],
)  # fmt: skip

Mutate = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        name: How the table calls it.
        make: Writes a sound file, with what it needs beside it, below a folder; returns its path.
        mutations: How its bytes are changed; one is drawn for each input.
        read: Reads it; two equal contents give equal values.
        exact: Whether content that is read at all must be what was written.
    """

    name: str
    make: Callable[[Path], Path]
    mutations: tuple[Mutate, ...]
    read: Callable[[Path], object]
    exact: bool = False


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    inputs: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    megabytes: float = 0.0

    def add(self, found: End) -> None:
        """Count the end of one input."""
        self.inputs += 1
        self.ends[found.end] += 1
        self.seconds = max(self.seconds, found.seconds)
        self.megabytes = max(self.megabytes, found.megabytes)


class End(NamedTuple):
    """How reading one input ended."""

    end: str
    place: str
    seconds: float
    megabytes: float


# Changes of bytes


def flip_bit(content: bytes, draw: random.Random) -> bytes:
    """Flip one bit."""
    if not content:
        return content
    made = bytearray(content)
    made[draw.randrange(len(made))] ^= 1 << draw.randrange(8)
    return bytes(made)


def set_bytes(content: bytes, draw: random.Random) -> bytes:
    """Set up to eight bytes to anything, or a word to a number at a limit."""
    made = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        if made:
            made[draw.randrange(len(made))] = draw.choice(
                (0, 1, 127, 128, 255, draw.randrange(256))
            )
    if len(made) > 8 and draw.random() < 0.5:
        at = draw.randrange(min(len(made), 400) - 4)
        limit = draw.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100_000))
        made[at : at + 4] = struct.pack(draw.choice("<>") + "I", limit)
    return bytes(made)


def cut(content: bytes, draw: random.Random) -> bytes:
    """Cut the end off."""
    return content[: draw.randint(0, max(0, len(content) - 1))]


def drop(content: bytes, draw: random.Random) -> bytes:
    """Leave some bytes out."""
    at = draw.randint(0, len(content))
    return content[:at] + content[at + draw.choice((1, 2, 4, 16, 200)) :]


def double(content: bytes, draw: random.Random) -> bytes:
    """Repeat some bytes."""
    at, size = draw.randint(0, len(content)), draw.choice((1, 4, 40, 400))
    return content[:at] + content[at : at + size] * draw.choice((2, 3, 60)) + content[at + size :]


def insert(content: bytes, draw: random.Random) -> bytes:
    """Put something odd in."""
    at = draw.randint(0, len(content))
    return content[:at] + draw.choice(ODD) + content[at + draw.choice((0, 0, 1, 5)) :]


def replace_number(content: bytes, draw: random.Random) -> bytes:
    """Write something odd in the place of a number or a word."""
    places = list(re.finditer(rb"\d+|[A-Za-z_]+", content))
    if not places:
        return content
    place = draw.choice(places)
    return content[: place.start()] + draw.choice(ODD) + content[place.end() :]


def swap_lines(content: bytes, draw: random.Random) -> bytes:
    """Leave out, repeat or exchange lines."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    at, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]
    lines[draw.randrange(len(lines))] *= draw.choice((0, 2, 3))
    return b"".join(lines)


def encode_otherwise(content: bytes, draw: random.Random) -> bytes:
    """Write the text in another encoding, with characters that it has."""
    text = content.decode(errors="replace").replace("a", draw.choice("a\u00e4\u0430\uff41"))
    coding = draw.choice(
        ("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "utf-7", "cp037")
    )
    return text.encode(coding, errors="replace")


def several(*mutations: Mutate) -> Mutate:
    """Apply two to five changes, one after another."""

    def apply(content: bytes, draw: random.Random) -> bytes:
        for _ in range(draw.randint(2, 5)):
            content = draw.choice(mutations)(content, draw)
        return content

    return apply


BYTES: tuple[Mutate, ...] = (flip_bit, set_bytes, cut, drop, double, insert)
TEXT: tuple[Mutate, ...] = (*BYTES, replace_number, replace_number, swap_lines, encode_otherwise)
RAW = (*BYTES, several(*BYTES))
WRITTEN = (*TEXT, several(*TEXT))


# Changes of trees, XML, archives and tables


def change_tree(value: Any, draw: random.Random) -> Any:  # noqa: ANN401
    """Put another value somewhere into nested tables and lists, or leave a key out."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(sorted(value))
        made = dict(value)
        if draw.random() < 0.12:
            del made[key]
        elif draw.random() < 0.08:
            made[f"{key}x"] = made.pop(key)
        else:
            made[key] = change_tree(value[key], draw)
        return made
    if isinstance(value, list) and value and draw.random() < 0.7:
        at = draw.randrange(len(value))
        return [*value[:at], change_tree(value[at], draw), *value[at + draw.randint(0, 1) :]]
    return draw.choice(VALUES)


def toml_tree(content: bytes, draw: random.Random) -> bytes:
    """Change the tables of a TOML file."""
    with contextlib.suppress(AttributeError, TypeError, ValueError, RecursionError):
        made = change_tree(tomllib.loads(content.decode()), draw)
        return tomli_w.dumps(_without_none(made)).encode(errors="replace")
    return replace_number(content, draw)


def _without_none(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value if inner is not None]
    return value


def json_tree(content: bytes, draw: random.Random) -> bytes:
    """Change the tables of a JSON file."""
    return json.dumps(change_tree(json.loads(content), draw)).encode()


def card_tree(content: bytes, draw: random.Random) -> bytes:
    """Change the card in a safetensors file, and leave its digest out as a foreign file does."""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    card = json.loads(header["__metadata__"]["card"])
    del card["sha256"]
    card = change_tree(card, draw)
    header["__metadata__"] = {"card": json.dumps(card)}
    return _with_header(header, content[8 + size :])


def header_tree(content: bytes, draw: random.Random) -> bytes:
    """Change the header of a safetensors file: names, kinds, shapes and places of arrays."""
    size = struct.unpack("<Q", content[:8])[0]
    made = change_tree(json.loads(content[8 : 8 + size]), draw)
    return _with_header(made, content[8 + size :])


def _with_header(header: object, rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def in_part(mutations: Sequence[Mutate]) -> Mutate:
    """Change one file inside a zip archive, whose checksums are then right again."""

    def apply(content: bytes, draw: random.Random) -> bytes:
        out = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(content)) as source,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
        ):
            chosen = draw.choice(source.namelist())
            for name in source.namelist():
                part = source.read(name)
                made.writestr(name, draw.choice(mutations)(part, draw) if name == chosen else part)
        return out.getvalue()

    return apply


def other_archive(content: bytes, draw: random.Random) -> bytes:
    """Leave a file of a zip archive out, write it twice, rename it or compress it otherwise."""
    out = io.BytesIO()
    with (
        warnings.catch_warnings(),
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_LZMA))) as made,
    ):
        warnings.simplefilter("ignore")
        for name in source.namelist():
            part = source.read(name)
            for _ in range(draw.choice((0, 1, 1, 1, 1, 1, 2))):
                made.writestr(name.upper() if draw.random() < 0.1 else name, part)
    return out.getvalue()


def other_cells(content: bytes, draw: random.Random) -> bytes:
    """Change cells of a workbook, whose form stays sound."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = draw.choice([sheet for sheet in book.worksheets if sheet.max_row > 1])
    for _ in range(draw.randint(1, 4)):
        row = draw.choice((1, draw.randint(1, sheet.max_row)))
        cell = sheet.cell(row, draw.randint(1, sheet.max_column))
        value = draw.choice(
            [*VALUES, "=1/0", "12.0", -4, 10**15, "4.5", "\u0661", "/", "1899-12-31"]
        )
        with contextlib.suppress(ValueError):
            cell.value = draw.choice((value, str(value)))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def other_columns(content: bytes, draw: random.Random) -> bytes:
    """Give columns of a Parquet file another type or name, holes, or other rows."""
    table = pq.read_table(io.BytesIO(content))
    at = draw.randrange(table.num_columns)
    name, rows = table.column_names[at], table.num_rows
    value = draw.choice(VALUES)
    with contextlib.suppress(pa.ArrowException, OverflowError, TypeError):
        made = [value] * rows if draw.random() < 0.7 else [*([value] * (rows - 1)), None]
        table = table.set_column(
            at, draw.choice((name, name, "", "score_x", "seed")), pa.array(made)
        )
    if draw.random() < 0.2:
        table = table.slice(0, draw.choice((0, 1, 2)))
    out = io.BytesIO()
    with contextlib.suppress(pa.ArrowException):  # some types cannot be stored
        pq.write_table(table, out, compression=draw.choice(("zstd", "snappy", "none", "gzip")))
        return out.getvalue()
    return cut(content, draw)


# Sound files


def _manifest(folder: Path) -> Path:
    for number in range(3):
        frames = folder / f"frames/s{number}"
        frames.mkdir(parents=True, exist_ok=True)
        for at in range(4):
            Pillow.new("L", (2, 2), at).save(frames / f"img{at}.png")
    rows = [
        f"made,s{number},c{number},{CLASSES[number]},frames/s{number},0,{apex},3,200,,"
        for number, apex in enumerate(("1", "2.0", "nan"))
    ]
    head = "corpus,subject,clip,label,frames,onset,apex,offset,fps,flow_path,same_subject_as"
    return _write(folder / "clips.csv", "\n".join([head, *rows, ""]).encode())


def _truth(folder: Path) -> Path:
    _manifest(folder)
    text = (
        "video,kind,onset,apex,offset,subject,class,fps\n"
        "frames/s0,micro,0,1,3,s0,negative,25\nframes/s1,macro,1,,2,s1,,30000/1001\n"
        "frames/s2,,,,,s2,,\n"
    )
    return _write(folder / "events.csv", text.encode())


def _own_images(folder: Path) -> Path:
    _manifest(folder)
    rows = [f"made,s{n},frames/s{n}/img0.png,{CLASSES[n]},yes" for n in range(3)]
    return _write(
        folder / "images.csv", "\n".join(["corpus,subject,image,label,cropped", *rows]).encode()
    )


def _workbook(folder: Path) -> Path:
    book = openpyxl.Workbook()
    notes = book.active
    notes.title = "Notes"
    notes.append(["Read me first"])
    sheet = book.create_sheet("Codes")
    sheet.append(["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion"])
    for number in range(12):
        sheet.append([number // 4 + 1, f"EP{number:02}", 10, "12.0", 20.0, CLASSES[number % 3]])
    sheet.merge_cells("A2:A5")
    out = io.BytesIO()
    book.save(out)
    return _write(folder / "codes.xlsx", out.getvalue())


def _method(folder: Path) -> Path:
    names = list_methods()
    name = names[int(folder.name) % len(names)]
    return _write(folder / "mine.toml", method_text(name).encode())


def _study(folder: Path) -> Path:
    names = list_studies()
    author, _, name = names[int(folder.name) % len(names)].partition("/")
    shipped = resources.files("openmer.reproduction.studies").joinpath(author, f"{name}.toml")
    return _write(folder / "study.toml", shipped.read_bytes())


def _scheme(suffix: str) -> Callable[[Path], Path]:
    csv = "word,class,reason\nanger,negative,\nsmile,positive,\nother,,unclear\n"
    toml = (
        'name = "mine"\nsource = "ours"\nclasses = ["negative", "positive"]\ndropped = ["other"]\n'
        '[words]\nanger = "negative"\nsmile = "positive"\n'
    )
    text = toml if suffix == ".toml" else csv
    return lambda folder: _write(folder / f"scheme{suffix}", text.encode())


def _units(folder: Path) -> Path:
    texts = (
        "4+7",
        "5B+24",
        "ref(L10)+A12B",
        "R12 or R15",
        "4, 14(L)?; AU 12 & 6/7",
        "1?+2?",
        "+".join(["1?"] * 60),
    )
    return _write(folder / "units.txt", texts[int(folder.name) % len(texts)].encode())


def _config(folder: Path) -> Path:
    text = '[roots]\ncasme2 = "CASME2"\nsamm = "~/SAMM"\n'
    return _write(folder / "datasets.toml", text.encode())


def _predictions(seed: int) -> list[Prediction]:
    draw = random.Random(seed)
    return [
        Prediction(
            clip=f"made/s{number % 4}/c{number}",
            corpus="made",
            subject_id=f"made/s{number % 4}",
            truth=number % 3,
            scores=tuple(draw.gauss(0, 1) for _ in CLASSES),
            seed=0,
            epoch=3,
        )
        for number in range(24)
    ]


def _fold(folder: Path) -> Path:
    path = folder / "folds" / "seed0" / "made" / "s0.parquet"
    write_predictions(path, _predictions(1), CLASSES)
    return path


def _run(folder: Path) -> Path:
    for subject in range(4):
        own = [one for one in _predictions(1) if one.subject_id == f"made/s{subject}"]
        write_predictions(folder / f"folds/seed0/made/s{subject}.parquet", own, CLASSES)
    record = {
        "run": {
            "method": "ststnet", "title": "STSTNet", "epoch_rule": "fixed", "leaky": False,
            "classes": list(CLASSES), "clips": 24, "subjects": 4, "seeds": [0], "parameters": 1670,
            "seconds": 1.5, "device": "cpu", "strategy": "stacked", "command": "openmer evaluate",
        },
        "method": {"name": "ststnet"},
        "data": {"corpora": {"made": 24}},
        "versions": {"numpy": "2"},
        "source": {"kind": "manifest", "manifest": "clips.csv", "title": "clips.csv", "clips": 24},
        "prepared": {"apex": {"annotated": 24}},
        "failures": [{"clip": "made/s9/c", "step": "read", "reason": "gone"}],
        "folds": fold_digests(folder, [0]),
    }  # fmt: skip
    return _write(folder / "run.toml", tomli_w.dumps(record).encode())


def _run_fold(folder: Path) -> Path:
    _run(folder)
    return folder / "folds/seed0/made/s1.parquet"


def _choice(folder: Path) -> Path:
    trial = {"place": 0, "settings": {"training.c": 1.0}, "score": 0.5, "metric": 0.5, "loss": None}
    choice = Choice(
        seed=0,
        subject_id="made/s0",
        settings={"training.c": 1.0},
        place=0,
        score=0.5,
        groups=(("made/s1",), ("made/s2",)),
        trials=({**trial, "epoch": 1, "losses": [0.5, 0.25]},),
    )
    write_choice(folder, choice)
    return folder / "search/seed0/made/s0.json"


def _weights(folder: Path) -> Path:
    torch.manual_seed(0)
    state = {"head.weight": torch.randn(3, 8), "stem.weight": torch.randn(8, 3, 3, 3)}
    card = {
        "classes": list(CLASSES),
        "subjects": {"named": ["ckplus/S005"], "unnamed": ["fer2013"], "unknown": []},
        "data": {"subjects_named": True, "shape": [3, 8, 8], "corpora": {}},
        "start": {"from": "scratch"},
        "seed": 0,
        "epochs": {"best": 3},
    }
    path = folder / "mine.safetensors"
    save_weights(path, state, card)
    return path


def _raw_weights(folder: Path) -> Path:
    torch.manual_seed(0)
    arrays = {"a": torch.randn(4, 4), "b": torch.zeros(3, dtype=torch.float16)}
    return _write(folder / "raw.safetensors", save(arrays))


def _model(file: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        with resources.as_file(resources.files("openmer.weights") / "default-model") as shipped:
            shutil.copytree(shipped, folder / "model")
        return folder / "model" / file

    return make


def _events(folder: Path) -> Path:
    event = {
        "subject_id": 1, "kind": "micro", "onset_s": 1.0, "apex_s": 1.2, "offset_s": 1.5,
        "onset_frame": 30, "apex_frame": 36, "offset_frame": 45, "class": "surprise",
        "confidence": 0.7, "scores": dict.fromkeys(CLASSES, 0.3), "strength": 2.0,
        "displacement": 0.01, "regions": ["upper lip"], "face_xyxy": [1.0, 2.0, 90.0, 95.0],
        "reason": "",
    }  # fmt: skip
    return _write(folder / "events.json", json.dumps({"format": 1, "events": [event]}).encode())


def _spotted(folder: Path) -> Path:
    span = Span(kind="micro", onset=1, offset=9, apex=4, subject_id=1, class_name="surprise")
    result = VideoResult(key="made/v", spans=(span,), face_s=2.0, faces=1, frames=60)
    return _write(folder / "v.json", json.dumps(asdict(result)).encode())


def _coding(name: str) -> Callable[[Path], Path]:
    events = (
        CodedEvent(
            kind="micro", onset_s=1.0, apex_s=1.2, offset_s=1.4, class_name="surprise",
            action_units="4+L12", comment="seen twice",
        ),
        CodedEvent(subject_id=2, kind="macro", onset_s=3.0, offset_s=4.0),
    )  # fmt: skip
    coding = Coding(video="/videos/face.mp4", duration_s=9.0, step_s=0.04, events=events)

    def make(folder: Path) -> Path:
        path = folder / f"face{EVENT_FORMATS[name].suffix}"
        EVENT_FORMATS[name].write(path, coding)
        return path

    return make


def _review(folder: Path) -> Path:
    review = Review(folder / "reviews", "anna")
    review.decide("face/1/micro/30", Decision(state="accepted", onset=30, apex=36, offset=45))
    return folder / "reviews/anna.json"


def _answers(folder: Path) -> Path:
    questions = ("What is the coarse expression class?", "What are the action units?")
    lines = [
        json.dumps({"video_id": f"q{n}", "video": "v", "question": one, "answer": "negative"})
        for n, one in enumerate(questions)
    ]
    return _write(folder / "answers.jsonl", "\n".join(lines).encode())


def _record(folder: Path) -> Path:
    _run(folder / "run")
    return add_record(folder / "run", folder / "board", leaky=True)


def _footage(folder: Path) -> Path:
    moves = [Movement(video="a.mp4", footage="talking", onset=9, apex=12, offset=15, size_px=2.0)]
    plain = Movement(video="a-plain.mp4", footage="talking", kind="none")
    return write_footage(folder, moves, [plain])


def _folds(folder: Path) -> Path:
    _manifest(folder)
    rows = [f"{n % 2},made/s{n}" for n in range(3)]
    return _write(folder / "folds.csv", "\n".join(["fold,subject", *rows]).encode())


def _bids(file: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        load_clips(_manifest(folder)).to_bids(folder / "bids")
        return next((folder / "bids").rglob(file))

    return make


def _corpus(name: str, file: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        root = folder.parent / f"{name}-whole"
        if not root.exists():
            write_fake(name, root, frames=False)
        shutil.copytree(root, folder / name)
        return next((folder / name).rglob(file))

    return make


def _published(form: str) -> Callable[[Path], Path]:
    """Predictions of other people, as a table, JSON, arrays, a log or their folds."""
    subjects = [f"s{number // 3}" for number in range(12)]
    truth = ["negative", "positive", "surprise"] * 4
    columns = {
        "subject": subjects,
        "clip": [f"c{number}" for number in range(12)],
        "fold": subjects,
        "epoch": [number % 2 for number in range(12)],
        "y_true": truth,
        "y_pred": truth[1:] + truth[:1],
    }

    def make(folder: Path) -> Path:
        path = folder / f"predictions.{form}"
        if form == "csv":
            lines = [",".join(columns), *map(",".join, zip(*_texts(columns), strict=True))]
            return _write(path, "\n".join(lines).encode())
        if form == "json":
            return _write(path, json.dumps(columns).encode())
        if form == "npz":
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **{name: np.array(values) for name, values in columns.items()})
            return path
        if form == "log":
            told = [f"epoch {e} fold s{f}: accuracy {f / 4:.3f} UF1={e / 9:.2f}"
                    for f in range(4) for e in range(3)]  # fmt: skip
            return _write(path, "\n".join(told).encode())
        lines = ["fold,part,subject", *(f"{one},test,{one}" for one in dict.fromkeys(subjects))]
        return _write(folder / "folds.csv", "\n".join(lines).encode())

    return make


def _texts(columns: dict[str, list[Any]]) -> list[list[str]]:
    return [list(map(str, values)) for values in columns.values()]


def _image(suffix: str, mode: str = "RGB", **options: object) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
        image = Pillow.fromarray(pixels).convert("RGB")
        image = _gray16(pixels) if mode == "I;16" else image.convert(mode)
        path = folder / f"img1{suffix}"
        image.save(path, **options)
        return path

    return make


def _gray16(pixels: np.ndarray) -> Pillow.Image:
    return Pillow.fromarray(pixels[..., 0].astype(np.uint16) * 257)


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# Readers


def _read_sheet(path: Path) -> object:
    wanted = {"subject": ("Subject",), "clip": ("Filename",), "onset": ("OnsetFrame",)}
    rows = [(row.number, dict(row.cells)) for row in read_sheet("x", path, wanted).rows]
    return read_workbook(path), rows


def _read_scheme(path: Path) -> object:
    scheme = label_scheme(str(path))
    for word in ("anger", "smile", "other"):
        with contextlib.suppress(DataError):  # which names the scheme and the word
            scheme.index_of(word)
    return scheme.classes


def _read_units(path: Path) -> object:
    text = path.read_text(errors="replace")
    with contextlib.suppress(DataError):  # which names the text
        return combinations_of(text)
    return None


def _read_config(path: Path) -> object:
    os.environ["OPENMER_CONFIG"] = str(path)
    return known_root("casme2"), known_root("samm")


def _read_run(path: Path) -> object:
    folder = next(above for above in path.parents if (above / "run.toml").exists())
    info, summary = load_run(folder)
    return repr((info.clips, info.subjects, info.leaky, summary))


def _read_fold(path: Path) -> object:
    table = read_predictions(path)
    return table.clips, table.subjects, table.scores.tolist(), table.truth.tolist()


def _read_weights(path: Path) -> object:
    weights = load_weights(str(path))
    subjects_of_weights(str(path))
    arrays = {name: (value.shape, value.numpy().tobytes()) for name, value in weights.state.items()}
    return sorted(arrays.items()), json.dumps(weights.card, sort_keys=True)


def _read_raw_weights(path: Path) -> object:
    return sorted(load_weights(str(path)).state)


def _read_model(path: Path) -> object:
    model = read_model(path.parent)
    arrays = sorted((name, value.numpy().tobytes()) for name, value in model.state.items())
    return repr(model.method), repr(arrays)[:0] + str(hash(tuple(arrays)))


def _read_spotted(path: Path) -> object:
    return read_video_result(path)


def _read_folds(path: Path) -> object:
    return read_folds(path, read_manifest(path.parent / "clips.csv"))


def _read_bids(path: Path) -> object:
    return load_clips(next(above for above in path.parents if above.name == "bids")).clips


def _read_corpus(name: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        root = next(above for above in path.parents if above.name == name)
        return load(name, root, frames="none", strict=False)

    return read


def _read_image(path: Path) -> object:
    return read_gray(path).shape, read_rgb(path).shape


IMAGES = {
    "png": _image(".png"),
    "png, 16 bits": _image(".png", "I;16"),
    "png, palette": _image(".png", "P"),
    "jpeg": _image(".jpg"),
    "jpeg, progressive": _image(".jpg", progressive=True),
    "bmp": _image(".bmp"),
    "tiff": _image(".tif"),
    "tiff, packed": _image(".tif", compression="tiff_lzw"),
    "gif": _image(".gif", "P"),
    "webp": _image(".webp"),
    "avif": _image(".avif"),
    "jpeg 2000": _image(".jp2"),
    "ppm": _image(".ppm"),
    "pgm": _image(".pgm", "L"),
    "tga": _image(".tga"),
    "pcx": _image(".pcx", "L"),
    "sgi": _image(".sgi"),
    "dib": _image(".dib"),
    "mpo": _image(".mpo"),
}

LABELS = {"affectnet": "*.csv", "ckplus": "*_emotion.txt", "fer2013": "*.csv", "rafdb": "*.txt"}
SHEETS = ("casme2", "samm", "casme3", "mmew", "fourdme", "casme_squared", "samm_long")

KINDS: tuple[Kind, ...] = (
    Kind(name="manifest", make=_manifest, mutations=WRITTEN, read=read_manifest),
    Kind(name="events of videos", make=_truth, mutations=WRITTEN, read=read_truth_csv),
    Kind(
        name="own images",
        make=_own_images,
        mutations=WRITTEN,
        read=lambda path: read_own_images(path, label_scheme("megc2019-3")),
    ),
    Kind(name="workbook, bytes", make=_workbook, mutations=RAW, read=_read_sheet, exact=True),
    Kind(
        name="workbook, XML",
        make=_workbook,
        mutations=(in_part(WRITTEN), in_part(WRITTEN), in_part((replace_number,)), other_archive),
        read=_read_sheet,
    ),
    Kind(
        name="method",
        make=_method,
        mutations=(*WRITTEN, *[toml_tree] * 8),
        read=lambda path: load_method(str(path)),
    ),
    Kind(
        name="study",
        make=_study,
        mutations=(*WRITTEN, *[toml_tree] * 8),
        read=lambda path: load_study(str(path)),
    ),
    Kind(
        name="label scheme",
        make=_scheme(".toml"),
        mutations=(*WRITTEN, *[toml_tree] * 8),
        read=_read_scheme,
    ),
    Kind(name="label scheme, CSV", make=_scheme(".csv"), mutations=WRITTEN, read=_read_scheme),
    Kind(name="action units", make=_units, mutations=WRITTEN, read=_read_units),
    Kind(
        name="config file",
        make=_config,
        mutations=(*WRITTEN, *[toml_tree] * 8),
        read=_read_config,
    ),
    Kind(name="fold, alone", make=_fold, mutations=(*RAW, *[other_columns] * 8), read=_read_fold),
    Kind(name="fold of a run", make=_run_fold, mutations=RAW, read=_read_run, exact=True),
    Kind(
        name="record of a run",
        make=_run,
        mutations=(*WRITTEN, *[toml_tree] * 8),
        read=_read_run,
    ),
    Kind(
        name="search of a fold",
        make=_choice,
        mutations=(*WRITTEN, *[json_tree] * 8),
        read=lambda path: read_choices(path.parents[3]),
    ),
    Kind(name="weights", make=_weights, mutations=RAW, read=_read_weights, exact=True),
    Kind(
        name="weights, card",
        make=_weights,
        mutations=(card_tree, card_tree, header_tree),
        read=_read_weights,
    ),
    Kind(
        name="weights without a card",
        make=_raw_weights,
        mutations=(*RAW, *[header_tree] * 4),
        read=_read_raw_weights,
    ),
    Kind(
        name="weights of a model",
        make=_model("model.safetensors"),
        mutations=RAW,
        read=_read_model,
        exact=True,
    ),
    Kind(
        name="method of a model",
        make=_model("method.toml"),
        mutations=(*WRITTEN, toml_tree),
        read=_read_model,
        exact=True,
    ),
    Kind(
        name="record of a model",
        make=_model("model.json"),
        mutations=(*WRITTEN, *[json_tree] * 8),
        read=_read_model,
    ),
    Kind(
        name="events found",
        make=_events,
        mutations=(*WRITTEN, *[json_tree] * 8),
        read=read_events,
    ),
    Kind(
        name="results of a video",
        make=_spotted,
        mutations=(*WRITTEN, *[json_tree] * 8),
        read=_read_spotted,
    ),
    *(
        Kind(name=f"coding, {name}", make=_coding(name), mutations=WRITTEN, read=read_coding)
        for name in ("boris", "eaf", "textgrid", "vtt")
    ),
    Kind(
        name="review",
        make=_review,
        mutations=(*WRITTEN, *[json_tree] * 8),
        read=read_review,
    ),
    Kind(name="answers to questions", make=_answers, mutations=WRITTEN, read=read_answers),
    Kind(
        name="record of a leaderboard",
        make=_record,
        mutations=(*WRITTEN, *[toml_tree] * 8),
        read=lambda path: check_records(path.parent),
    ),
    Kind(
        name="footage",
        make=_footage,
        mutations=WRITTEN,
        read=lambda path: read_footage(path.parent, is_there=False),
    ),
    Kind(name="folds of one's own", make=_folds, mutations=WRITTEN, read=_read_folds),
    *(
        Kind(
            name=f"predictions of others, {form}",
            make=_published(form),
            mutations=mutations,
            read=read_rows,
        )
        for form, mutations in (
            ("csv", WRITTEN),
            ("json", (*WRITTEN, *[json_tree] * 8)),
            ("npz", RAW),
        )
    ),
    Kind(name="log of others", make=_published("log"), mutations=WRITTEN, read=read_claims),
    Kind(name="folds of others", make=_published("folds"), mutations=WRITTEN, read=read_splits),
    Kind(name="BIDS, subjects", make=_bids("participants.tsv"), mutations=WRITTEN, read=_read_bids),
    Kind(name="BIDS, events", make=_bids("*_events.tsv"), mutations=WRITTEN, read=_read_bids),
    *(
        Kind(
            name=f"labels of {corpus}",
            make=_corpus(corpus, file),
            mutations=WRITTEN,
            read=_read_corpus(corpus),
        )
        for corpus, file in LABELS.items()
    ),
    *(
        Kind(
            name=f"sheet of {corpus}",
            make=_corpus(corpus, "*.xlsx"),
            mutations=(other_cells, other_cells, in_part((replace_number,))),
            read=_read_corpus(corpus),
        )
        for corpus in SHEETS
    ),
    *(
        Kind(name=f"image, {name}", make=make, mutations=RAW, read=_read_image)
        for name, make in IMAGES.items()
    ),
)


# One input


def judge(kind: Kind, path: Path, sound: object) -> tuple[str, str]:
    """Read a changed file; return how it ended, and of a wrong end where."""
    try:
        found = kind.read(path)
    except OpenMERError as error:
        if _ran_out_of_memory(error):
            return "over 1 GB", str(error)
        named = path.name in str(error) or str(path.parent) in str(error)
        return ("refused", "") if named else ("no file named", str(error))
    except MemoryError:
        return "over 1 GB", "MemoryError"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in place if "openmer" in frame.filename] or list(place)
        at = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return "traceback", f"{type(error).__name__} at {at}: {str(error)[:200]}"
    if kind.exact and found != sound:
        return "other content", "read, but not what was written"
    return "read", ""


def _ran_out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def in_a_child(kind: Kind, files: Sequence[tuple[Path, object]]) -> Iterator[End]:
    """Read changed files in a process that may use 10 seconds for each, and 1 GB."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _bound_memory()
        before = _peak_megabytes()
        for path, sound in files:
            start = time.process_time()
            end, place = judge(kind, path, sound)
            seconds = time.process_time() - start
            end = end if seconds < SECONDS else "over 10 s"
            found = End(end, place[:2000], seconds, _peak_megabytes() - before)
            os.write(writing, pickle.dumps(found).ljust(_ANSWER))
        os._exit(0)
    os.close(writing)
    text = b"yes"
    while text:
        if not select.select([reading], [], [], _PATIENCE)[0]:
            os.kill(child, signal.SIGKILL)
            yield End("over 10 s", "", _PATIENCE, 0.0)
            break
        text = os.read(reading, _ANSWER)
        if text:
            yield pickle.loads(text)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if status and text == b"":
        yield End("traceback", f"the process ended with status {status}", 0.0, 0.0)


def _bound_memory() -> None:
    """Let this process have 1 GB more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + GIGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # some libraries of images talk


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def changed(kind: Kind, around: Path, number: int, seed: int) -> tuple[Path, bytes]:
    """Write a sound file and change it; return its path and the sound bytes.

    Every `number` gives another input, the same one in every run.
    """
    draw = random.Random(f"{seed} {kind.name} {number}")
    made = around / "sound" / str(number % _SOUND)
    if not made.exists():
        made.mkdir(parents=True)
        (made / ".path").write_text(str(kind.make(made).relative_to(made)))
    folder = around / str(number)
    shutil.copytree(made, folder)
    path = folder / (folder / ".path").read_text()
    sound = path.read_bytes()
    path.write_bytes(draw.choice(kind.mutations)(sound, draw))
    return path, sound


def inputs(
    kind: Kind, numbers: Sequence[int], seed: int, around: Path, known: dict[bytes, object]
) -> Iterator[tuple[Path, object]]:
    """Yield changed files of one kind, each in a folder of its own, and the sound content."""
    for number in numbers:
        path, sound = changed(kind, around, number, seed)
        if sound not in known:
            broken = path.read_bytes()
            path.write_bytes(sound)
            known[sound] = kind.read(path)  # also loads whatever is loaded late
            path.write_bytes(broken)
        yield path, known[sound]


def fuzz(kind: Kind, count: int, seed: int, keep: Path | None) -> Tally:
    """Read that many inputs of one kind."""
    tally = Tally()
    known: dict[bytes, object] = {}
    told: set[str] = set()
    left = list(range(count))
    with tempfile.TemporaryDirectory() as around:
        while left:
            files = list(inputs(kind, left[:_TOGETHER], seed, Path(around), known))
            for (path, _), found in zip(files, in_a_child(kind, files), strict=False):
                tally.add(found)
                number = left.pop(0)
                if found.end in WRONG:
                    place = f"{kind.name}: {found.end}: {found.place.replace(str(path.parent), '')}"
                    if place not in told:
                        print(f"{place} (input {number})", flush=True)
                    told.add(place)
                    if keep is not None:
                        keep.mkdir(parents=True, exist_ok=True)
                        shutil.copy(path, keep / f"{kind.name}-{number}-{path.name}")
            for number in range(count):
                shutil.rmtree(Path(around, str(number)), ignore_errors=True)
    return tally


def report(found: dict[str, Tally], seed: int) -> str:
    """Write the table."""
    total = sum(tally.inputs for tally in found.values())
    lines = [
        "# Changed files of every kind",
        "",
        f"`python benchmarks/fuzz.py --inputs {total} --seed {seed}`. Each input may use 10 s of a",
        "processor and 1 GB. MB is what reading took beyond the process itself. Content is",
        "compared where a file has a digest: workbooks (bytes), folds of a run, weights, models.",
        "",
        "| kind | inputs | " + " | ".join(ENDS) + " | slowest, s | MB |",
        "|---|---|" + "---|" * len(ENDS) + "---|---|",
    ]
    rows = [*found.items(), ("all", _sum(found.values()))]
    for name, tally in rows:
        cells = [name, tally.inputs, *(tally.ends[end] for end in ENDS)]
        cells += [f"{tally.seconds:.2f}", f"{tally.megabytes:.0f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _sum(tallies: Any) -> Tally:  # noqa: ANN401
    total = Tally()
    for tally in tallies:
        total.inputs += tally.inputs
        total.ends += tally.ends
        total.seconds = max(total.seconds, tally.seconds)
        total.megabytes = max(total.megabytes, tally.megabytes)
    return total


def main() -> None:
    """Fuzz every kind and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="beginnings of names, separated by commas")
    parser.add_argument("--keep", type=Path, help="folder for inputs that ended wrongly")
    options = parser.parse_args()
    wanted = tuple(options.kinds.split(","))
    kinds = [kind for kind in KINDS if kind.name.startswith(wanted)]
    each = -(-options.inputs // len(kinds))
    found = {kind.name: fuzz(kind, each, options.seed, options.keep) for kind in kinds}
    text = report(found, options.seed)
    print(text)
    if not options.kinds:
        RESULTS.write_text(text, encoding="utf-8")
    total = _sum(found.values())
    raise SystemExit(int(any(total.ends[end] for end in WRONG)))


if __name__ == "__main__":
    main()
