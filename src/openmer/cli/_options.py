"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

MOST_SEED = 2**32 - 1
MOST_WORKERS = 1024
MethodName = Annotated[
    str, typer.Argument(help="A method's name (see `openmer methods`) or the path of a TOML file.")
]
Manifest = Annotated[
    Path | None,
    typer.Option("--manifest", help="CSV that lists the clips; give this or --corpus."),
]
Corpus = Annotated[
    str | None,
    typer.Option(
        "--corpus", metavar="NAME", help="Corpus to read (see `openmer datasets list`) instead."
    ),
]
Roots = Annotated[
    list[str] | None,
    typer.Option(
        "--root",
        metavar="[PART=]PATH",
        help="Folder of the corpus, or of a part of a composite (casme2=PATH); repeatable. "
        "Otherwise the environment or the config file says (see `openmer datasets access`).",
    ),
]
Variant = Annotated[
    str | None, typer.Option(help="Coding or recording of the corpus; the first by default.")
]
Frames = Annotated[
    str | None, typer.Option(help="Form of the corpus's frames; the first by default.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the method; repeatable."),
]
LabelSchemeOption = Annotated[
    str | None,
    typer.Option(
        "--label-scheme",
        metavar="NAME|FILE",
        help="How words become classes, in place of the method's own: a name, a TOML or CSV file, "
        "as-annotated[:CLIPS], each with ,WORD=CLASS behind it for further words.",
    ),
]
ProtocolOption = Annotated[
    str,
    typer.Option(
        "--protocol",
        metavar="NAME",
        help="How clips are held out: loso, kfold:K[:REPEATS], loco, 'hde:A->B', cd6me, "
        "file:FOLDS.csv.",
    ),
]
SearchFile = Annotated[
    Path | None,
    typer.Option(
        "--search",
        metavar="FILE",
        help="TOML file whose [search] says which settings to try, in place of the method's own.",
    ),
]


Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="[CORPUS.]COLUMN=HEADER",
        help="Header of a column in a sheet or manifest that calls it otherwise, such as "
        "subject=被试; repeatable.",
    ),
]
Faces = Literal["find", "cropped"]
FacesOption = Annotated[
    Faces | None,
    typer.Option(
        "--faces",
        help="cropped: all frames are the face and little else, so none is looked for in them. "
        "By default the column of a manifest says.",
    ),
]
SameSubject = Annotated[
    list[str] | None,
    typer.Option(
        "--same-subject",
        metavar="A=B",
        help="Two ids are one subject: CORPUS/SUBJECT=CORPUS/SUBJECT; repeatable.",
    ),
]
Storage = Annotated[
    str,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Where trials of a search are kept: sqlite:///search.db, "
        "postgresql://user@host/name. A file in the run's folder by default.",
    ),
]
Track = Annotated[
    str,
    typer.Option(
        "--track",
        metavar="tensorboard:FOLDER|mlflow:URI",
        help="Where losses, settings and scores are sent, too; needs the extra of its name.",
    ),
]
Onset = Annotated[
    int | None, typer.Option(min=0, help="First frame of the movement, counted from 0.")
]
Apex = Annotated[
    int | None, typer.Option(min=0, help="Frame of the largest movement, counted from 0.")
]
Offset = Annotated[
    int | None, typer.Option(min=0, help="Last frame of the movement, counted from 0.")
]
Fps = Annotated[str | None, typer.Option(help="Frames per second: 200, 29.97 or 30000/1001.")]
ModelFolder = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Folder that `openmer train` wrote, or hf://OWNER/NAME; the model that comes with "
        "OpenMER by default.",
    ),
]
NoModel = Annotated[
    bool, typer.Option("--no-model", help="Spot movements only; say nothing of their class.")
]


def _share(text: str) -> float:
    """Read a number in 0..1."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"found {text[:40]!r}, expected a number in 0..1.")
    return value


AbstainBelow = Annotated[
    float | None,
    typer.Option(
        "--abstain-below",
        min=0,
        max=1,
        parser=_share,
        metavar="P",
        help="Confidence in 0..1 under which no class is given; the model's own by default.",
    ),
]
SpotterName = Annotated[str, typer.Option("--spotter", help="What finds movements.")]
Seeds = Annotated[int, typer.Option("--seeds", min=1, max=1000, help="Seeds 0 to N-1.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for runs and reports.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
Workers = Annotated[
    int,
    typer.Option("--workers", min=0, max=MOST_WORKERS, help="Processes; 0 is one per core."),
]
MemoryGib = Annotated[
    float,
    typer.Option(
        "--memory-gib", min=0, max=1_000_000, help="Memory for models; 0 is what is free."
    ),
]
EpochRule = Literal["fixed", "inner", "held_out"]

Leak = Literal["carried_weights", "substring_subjects", "global_scaling"]

Device = Literal["auto", "cpu", "cuda"]

Strategy = Literal["auto", "stacked", "side_by_side", "one_by_one"]

Saliency = Literal["grad-cam", "hires-cam"]

OnFailure = Literal["list", "error"]

Compiled = Literal["auto", "always", "never"]
Rule = Annotated[
    EpochRule | None,
    typer.Option(
        "--epoch-rule",
        help="fixed: last epoch. inner: best on subjects held out inside the training subjects. "
        "held_out: best on the held-out subject, which is a leak. The method's own by default.",
    ),
]
LeakOption = Annotated[
    Leak | None,
    typer.Option(
        "--leak",
        help="Make a leak on purpose, to explain published numbers: the run is marked LEAKY, and "
        "no model is made of it.",
    ),
]
FailureOption = Annotated[
    OnFailure,
    typer.Option(
        "--on-failure",
        help="list: go on without clips that cannot be prepared, and list them. error: stop.",
    ),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to train.")]
StrategyOption = Annotated[Strategy, typer.Option("--strategy", help="How to run all folds.")]
CompiledOption = Annotated[
    Compiled, typer.Option("--compiled", help="Whether to compile the training step.")
]
