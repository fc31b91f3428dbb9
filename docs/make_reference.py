"""Write the reference pages that list things, from the code itself.

Run ``python docs/make_reference.py`` after adding a method, a model, a recipe step, a command or a
public name; a test fails while the pages differ from the code.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.models import OptionInfo, ParameterInfo

DOCS = Path(__file__).parent
README = DOCS.parent / "README.md"
PAPERS = DOCS / "papers.csv"
NOTICES = DOCS.parent / "NOTICES.md"

_MADE = "<!-- Made by docs/make_reference.py; edit the docstrings, then run it again. -->\n\n"

_EXTENSIONS = ("Step", "Augmentation", "register_")
_HEADINGS = {"Args": "Arguments"}
_RECORDS = {
    "openmer.augmentation": ("Augmentation", "Draws", "Planes"),
    "openmer.datasets": ("CorpusFacts", "Counts", "LabelScheme", "Options", "Problem", "Reading"),
    "openmer.preprocessing": ("ClipData", "Face"),
    "openmer.training": ("LossConfig",),
    "openmer.video": ("FaceCurves", "Interval"),
}
"""What an extension takes and returns; nothing else inside a room is promised to stay."""


def pages() -> dict[Path, str]:
    """Every page that is made from the code, and the text that it should have."""
    reference = DOCS / "reference"
    return {
        reference / "methods.md": _MADE + _methods_page(),
        reference / "models.md": _MADE + _models_page(),
        reference / "recipe.md": _MADE + _recipe_page(),
        reference / "corpora.md": _MADE + _corpora_page(),
        reference / "command-line.md": _MADE + _commands_page(),
        reference / "papers.md": _MADE + _papers_page(),
        reference / "python.md": _MADE + _python_page(),
        DOCS / "leaderboard.md": _MADE + _leaderboard_page(),
        README: _between(README.read_text(encoding="utf-8"), "methods", _methods_table()),
        NOTICES: _notices(NOTICES.read_text(encoding="utf-8")),
    }


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


def _between(page: str, name: str, lines: Iterable[str]) -> str:
    """A page with other lines between the two marks of a name."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return "\n".join([before + begin, *lines, end + after])


def _methods_table() -> Iterator[str]:
    from openmer.methods import list_methods, load_method

    yield from ("| Method | What it is | From |", "| --- | --- | --- |")
    for name in list_methods():
        method = load_method(name)
        link = f"[`{name}`](docs/reference/methods/{name}.md)"
        yield f"| {link} | {method.title} | {method.paper} |"


def _leaderboard_page() -> str:
    from openmer.reports import leaderboard_page

    text = """\
# Leaderboard

Runs of this software that were audited; runs that are leaky; and what papers print of the MEGC
2019 composite (442 clips, three classes). An honest and a leaky score answer different questions.
Most papers do not say which of the two theirs is. Every score of a run is computed again from its
counts by `openmer leaderboard check`. On the site, a click on the head of a column sorts by it.

[How to hand in a run](../leaderboard/README.md). "To the best" is the difference of UF1 to the
best honest run on the same clips, paired by subject, with its 95 % interval.

"""
    return text + leaderboard_page(DOCS.parent / "leaderboard") + "\n"


def _notices(page: str) -> str:
    """The notices with what each model comes from and who grants access to each corpus."""
    from openmer.datasets import facts, list_datasets
    from openmer.models import list_models

    models = [
        "| Model | Paper | Official code | Its licence | What OpenMER took |",
        "| --- | --- | --- | --- | --- |",
        *(f"| `{name}` | {' | '.join(_origin(name))} |" for name in list_models()),
    ]
    corpora = ["| Corpus | Who grants access | Terms, in short |", "| --- | --- | --- |"]
    for name in list_datasets():
        corpus = facts(name)
        corpora.append(f"| {corpus.title} | {corpus.access} | {corpus.terms} |")
    return _between(_between(page, "models", models), "corpora", corpora)


def _origin(name: str) -> list[str]:
    """Paper, official code, its licence and what was taken, from the page of a model."""
    path = DOCS / "reference" / "models" / f"{name}.md"
    found = re.findall(r"(?m)^- [\w ]+: (.+)$", path.read_text(encoding="utf-8"))
    if len(found) != 4:
        raise ValueError(f"{path} has {len(found)} facts, expected the four of its neighbours")
    return found


def _methods_page() -> str:
    from openmer.methods import Method, list_methods, load_method

    parts = [
        "# Methods",
        "A method is a whole system as one TOML file: recipe, model, loss and training. "
        "`openmer methods` lists them, `openmer methods show NAME` prints one, and "
        "`--set key=value` replaces single values of it.",
    ]
    for name in list_methods():
        method = load_method(name)
        parts += [f"## {method.title}: `{name}`", _method_facts(name, method)]
    parts += ["## Keys of a method file", *_record_tables(Method)]
    return _joined(parts)


def _method_facts(name: str, method: BaseModel) -> str:
    values = method.model_dump(exclude_defaults=True)
    recipe = " → ".join(_said(step.pop("step"), step) for step in values["recipe"])
    model = values.get("model")
    network = _said(f"`{model['name']}`", model.get("parameters", {})) if model else "none"
    training = dict(values["training"])
    kind = training.pop("kind", "network")
    loss = values.get("loss", {})
    lines = [
        f"- Paper: {values['paper']}",
        f"- Classes: label scheme `{getattr(method, 'label_scheme', '')}`",
        f"- Recipe: {recipe}",
        f"- Model: {network}",
        f"- Training: {_said(kind, training)}",
        f"- What the paper states and what differs: [{name}](methods/{name}.md)",
    ]
    if loss:
        lines.insert(4, f"- Loss: {_said(loss.pop('name', 'cross_entropy'), loss)}")
    note = values.get("note")
    return "\n".join(([note, ""] if note else []) + lines)


def _said(name: str, options: dict[str, object]) -> str:
    told = ", ".join(f"{key} {value}" for key, value in options.items())
    return f"{name} ({told})" if told else name


def _record_tables(record: type[BaseModel]) -> Iterator[str]:
    """What each key of a method file means, from the records that read it."""
    from openmer.training import _config as config
    from openmer.training import _search_space as search_space

    yield _attributes(record)
    for module in (config, search_space):
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and name != "Record":
                yield f"### {name}"
                yield _summary(kind)
                yield _attributes(kind)


def _attributes(kind: type) -> str:
    return dict(_sections(kind)).get("Attributes", "")


def _models_page() -> str:
    import torch

    from openmer.models import create_model, list_models

    parts = [
        "# Models",
        "Each model is a plain `torch.nn.Module` that knows no corpus and no training; "
        "`openmer.models.create_model(name, **arguments)` makes one with fresh weights. Every "
        "model takes `in_channels`, `num_classes` and `size`.",
    ]
    for name in list_models():
        with torch.device("meta"):  # shapes without values
            model = create_model(name)
        parameters = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        origin = f"[Where it comes from](models/{name}.md)."
        parts += [f"## `{name}`", f"{parameters:,} trainable parameters at its defaults. {origin}"]
        for title, text in _sections(type(model)):
            parts += [f"**{_HEADINGS.get(title, title)}.**\n\n{text}" if title else text]
    return _joined(parts)


_STEP_PAGES = {
    "apex_frame": "apex",
    "append_apex": "apex",
    "dynamic_image": "dynamic-image",
    "resize": "size",
    "average": "size",
    "stretch": "size",
}


def _recipe_page() -> str:
    from openmer.datasets import label_scheme, list_label_schemes
    from openmer.preprocessing import list_flow_methods, list_steps
    from openmer.preprocessing.flow._flow import flow_method
    from openmer.preprocessing.steps._step import STEPS

    parts = [
        "# Recipes and label schemes",
        "A recipe is the ordered list of `[[recipe]]` tables of a method file: from a clip's "
        "files to one array. It is read strictly, and its fingerprint is part of every result.",
    ]
    for name in list_steps():
        kind = STEPS[name]
        page = Path("preprocessing") / f"{_STEP_PAGES.get(name, name)}.md"
        has_page = (Path(__file__).parent / "reference" / page).is_file()
        link = f" [What it does, with a picture]({page.as_posix()})." * has_page
        parts += [f"## Step `{name}`", _summary(kind) + link]
        fields = {key: field for key, field in kind.model_fields.items() if key != "step"}
        parts += ["\n".join(f"- `{key}`: {_default(field)}" for key, field in fields.items())]
    parts += ["## Flow methods"]
    for name in list_flow_methods():
        parts += [f"- `{name}`: {_first_line(flow_method(name).function)}"]
    parts += ["## Label schemes"]
    for scheme in map(label_scheme, list_label_schemes()):
        words = ", ".join(f"{word} → {group}" for word, group in sorted(scheme.words.items()))
        outside = f" Any other word: {scheme.outside}." if scheme.outside != "refused" else ""
        parts += [
            f"### `{scheme.name}`",
            f"Classes {', '.join(scheme.classes)}. {words}. "
            f"Dropped: {', '.join(scheme.dropped) or 'nothing'}.{outside} "
            f"Source: {scheme.source}.",
        ]
    return _joined(parts)


def _papers_page() -> str:
    """Every table and figure of the papers, with the command that makes it."""
    words = {
        "runs": "runs as published",
        "differs": "runs, with differences",
        "drawing": "a drawing",
        "cannot": "cannot",
    }
    parts = [
        "# Tables and figures of the papers",
        "Each table and figure of the papers that OpenMER implements, and the command that makes "
        "it. What a study needs beside the clips, its first line says: weights of the paper's own "
        "pretraining are made by `openmer pretrain`. CLIP is the key of a clip "
        "(`corpus/subject/name`). A drawing shows how something works; its command counts or lists "
        "the same thing.",
    ]
    with PAPERS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for paper in dict.fromkeys(row["paper"] for row in rows):
        own = [row for row in rows if row["paper"] == paper]
        counts = Counter(words[row["state"]] for row in own)
        told = ", ".join(f"{count} {word}" for word, count in counts.items())
        lines = ["| Item | What it shows | Command | State |", "| --- | --- | --- | --- |"]
        for row in own:
            state = words[row["state"]] + (f": {row['note']}" if row["note"] else "")
            command = ", ".join(f"`{one}`" for one in row["command"].split("; ") if one)
            lines.append(f"| {row['item']} | {row['what']} | {command} | {state} |")
        parts += [f"## {paper}", f"{len(own)} items: {told}.", "\n".join(lines)]
    return _joined(parts)


def _corpora_page() -> str:
    from openmer.datasets import facts, list_datasets

    parts = [
        "# Corpora",
        "What OpenMER can read from the authors' folders. No corpus comes with it: ask for access "
        "where the table says, and keep to the terms. `openmer evaluate METHOD --corpus NAME` "
        "evaluates a method on one that holds clips ([how to](../how-to/licensed-corpus.md)). "
        "`openmer.datasets.load_clips(name, root)` or `load_images` reads one, `check(name, root)` "
        "lists what is wrong with a copy.",
    ]
    for name in list_datasets():
        corpus = facts(name)
        variants = [_variant(*variant) for variant in corpus.variants.items()]
        lines = [
            f"- Holds: {corpus.holds}" + (f", {float(corpus.fps):g} fps" if corpus.fps else ""),
            f"- Paper: {corpus.paper}",
            f"- Access: {corpus.access}",
            f"- Terms: {corpus.terms}",
            f"- Frames: {', '.join(corpus.forms)}",
            f"- Variants: {'; '.join(variants)}",
            *(f"- Not certain: {doubt}" for doubt in corpus.unsure),
        ]
        parts += [f"## {corpus.title}: `{name}`", "\n".join(lines)]
    return _joined(parts)


def _variant(name: str, counts: object) -> str:
    found = ((getattr(counts, key), key) for key in ("subjects", "items"))
    told = ", ".join(f"{number} {key}" for number, key in found if number is not None)
    return f"{name} ({told})" if told else name


def _default(field: object) -> str:
    value = getattr(field, "default", PydanticUndefined)
    return "must be given" if value is PydanticUndefined else f"`{value!r}` unless given"


def _commands_page() -> str:
    from openmer.cli._app import app

    parts = ["# The command line", app.info.help or "", app.info.epilog or ""]
    for name, function in commands("openmer", app):
        parts += [f"## `{name}`", _summary(function), _options(function)]
    return _joined(parts)


def commands(prefix: str, app: typer.Typer) -> Iterator[tuple[str, Callable[..., object]]]:
    """Every command by the words that call it."""
    for command in app.registered_commands:
        if command.callback:
            name = command.name or command.callback.__name__.replace("_", "-")
            yield f"{prefix} {name}", command.callback
    for group in app.registered_groups:
        if group.typer_instance:
            called = f"{prefix} {group.name}"
            if group.typer_instance.registered_callback:
                callback = group.typer_instance.registered_callback.callback
                if callback:
                    yield called, callback
            yield from commands(called, group.typer_instance)


def _options(function: Callable[..., object]) -> str:
    hints = get_type_hints(function, include_extras=True)
    rows = []
    for parameter in inspect.signature(function).parameters.values():
        kind, *metadata = get_args(hints[parameter.name]) or (hints[parameter.name],)
        info = next((found for found in metadata if isinstance(found, ParameterInfo)), None)
        if kind is typer.Context:
            continue
        option = isinstance(info, OptionInfo)
        said = _option_words(info) or f"--{parameter.name.replace('_', '-')}"
        facts = [
            (info.help or "").rstrip(".") if info else "",
            _choices(kind),
            _default_word(parameter.default),
        ]
        told = ". ".join(fact for fact in facts if fact)
        rows.append(f"- `{said if option else parameter.name.upper()}`: {told}.")
    return "\n".join(rows)


def _option_words(info: ParameterInfo | None) -> str:
    """The words of an option; inside ``Annotated`` typer keeps the first one as a default."""
    words = [] if info is None else [info.default, *(info.param_decls or ())]
    return ", ".join(word for word in words if isinstance(word, str) and word.startswith("-"))


def _choices(kind: object) -> str:
    literals = [kind, *get_args(kind)]  # a choice may be absent: Literal or None
    words = [word for one in literals if get_origin(one) is Literal for word in get_args(one)]
    return "One of " + ", ".join(f"`{word}`" for word in words) if words else ""


def _default_word(value: object) -> str:
    if value is inspect.Parameter.empty:
        return "Required"
    if value is None or value is False:
        return ""
    return f"Default `{value}`"


def _python_page() -> str:
    import openmer

    names = [name for name in openmer.__all__ if name != "__version__"]
    parts = [
        "# Python",
        "`import openmer` has everything that a script needs. The import takes a moment: PyTorch "
        "and the other large libraries are loaded when a function first needs them. "
        "`help(openmer.evaluate)` shows the same text as this page. Other modules of the package "
        "may change at any time, except for the [records of the extension "
        "points](#records-of-the-extension-points).",
        "## Functions",
    ]
    functions = [name for name in names if name[0].islower() and not name.startswith(_EXTENSIONS)]
    for name in functions:
        parts += _described(f"openmer.{name}", getattr(openmer, name))
    parts += ["## Clips and errors"]
    for name in names:
        if name[0].isupper() and not name.startswith(_EXTENSIONS):
            parts += _described(f"openmer.{name}", getattr(openmer, name))
    parts += [
        "## What they return",
        "Most of these show themselves as one line in a terminal and as a table in a notebook.",
    ]
    for kind in _returned(getattr(openmer, name) for name in functions):
        parts += [f"### `{kind.__name__}`", _summary(kind), _attributes(kind), _members(kind)]
    parts += [
        "## Extension points",
        "A [plug-in](../how-to/add-a-model.md#as-a-plug-in) calls these when it is imported. What "
        "it registers can then be chosen by its name, on the command line and in Python.",
    ]
    for name in names:
        if name.startswith(_EXTENSIONS):
            parts += _described(f"openmer.{name}", getattr(openmer, name))
    parts += [
        "Methods of `openmer.Step`:",
        _members(openmer.Step),
        "## Records of the extension points",
    ]
    for module, records in _RECORDS.items():
        for name in records:
            kind = getattr(importlib.import_module(module), name)
            parts += [f"### `{module}.{name}`", _summary(kind), _attributes(kind) or _members(kind)]
    return _joined(parts)


def _described(name: str, value: object) -> Iterator[str]:
    """A name with its call, summary, arguments, result, errors and example."""
    call = "" if inspect.isclass(value) else _call(value)
    yield f"### `{name}`"
    if call:
        yield f"```text\n{_folded(name + call)}\n```"
    for title, text in _sections(value):
        if title == "Example":
            yield f"```python\n{text}\n```"
        else:
            yield f"{_HEADINGS.get(title, title)}:\n\n{text}" if title else text


def _folded(call: str) -> str:
    """A call in one line, or with one argument in each line where it is too long."""
    if len(call) <= 90:
        return call
    name, _, arguments = call.partition("(")
    lines = ",\n".join(f"    {each}" for each in arguments[:-1].split(", "))
    return f"{name}(\n{lines},\n)"


def _returned(functions: Iterable[Callable[..., object]]) -> list[type]:
    """The classes of results that functions return, each once."""
    found = []
    for function in functions:
        name = getattr(function, "__annotations__", {}).get("return", "")
        kind = getattr(inspect.getmodule(function), str(name), None)
        if inspect.isclass(kind) and kind.__module__.startswith("openmer."):
            found.append(kind)
    return list(dict.fromkeys(found))


def _members(kind: type) -> str:
    """Public properties and methods of a class, a line each."""
    lines = []
    for name in dir(kind):
        value = inspect.getattr_static(kind, name)
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if name.startswith(("_", "model_")) or _is_inherited(kind, name):
            continue
        if inspect.isfunction(value):
            call = _call(value).replace("(self, ", "(").replace("(self)", "()")
            lines.append(f"- `{name}{call.replace('(cls, ', '(')}`: {_first_line(value)}")
        elif isinstance(value, property | cached_property):
            lines.append(f"- `{name}`: {_first_line(value)}")
    return "\n".join(lines)


def _is_inherited(kind: type, name: str) -> bool:
    """Whether a member comes from a library, such as pydantic."""
    owner = next(base for base in kind.__mro__ if name in vars(base))
    return not owner.__module__.startswith("openmer")


def _call(value: object) -> str:
    """The arguments of a callable: names and defaults, without types."""
    if not callable(value):
        return ""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty, default=_shortened(parameter.default))
        for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))


class _Word:
    """Something whose `repr` is the given text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _shortened(default: object) -> object:
    """A default as it is printed; long ones and those with an address only as "..."."""
    if default is inspect.Parameter.empty:
        return default
    text = repr(default)
    return _Word(text if len(text) <= 30 and " at 0x" not in text else "...")


def _first_line(value: object) -> str:
    return _plain(_doc(value).partition("\n")[0])


def _summary(value: object) -> str:
    """The docstring up to its first section."""
    return _plain(re.split(r"\n(?:[A-Z][a-z]+):\n(?=    )", _doc(value))[0])


def _sections(value: object) -> Iterator[tuple[str, str]]:
    """A Google docstring as its parts: ("", summary), ("Args", list), ..."""
    parts = re.split(r"(?:^|\n)([A-Z][a-z]+):\n(?=    )", _doc(value))
    yield "", _plain(parts[0])
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        body = textwrap.dedent(text)
        if title in ("Args", "Attributes", "Raises"):
            body = re.sub(r"\n +", " ", body)
            body = re.sub(r"(?m)^(\*{0,2}\w+): ", r"- `\1`: ", body)
        yield title, _plain(body)


def _doc(value: object) -> str:
    return inspect.getdoc(value) or ""


def _plain(text: str) -> str:
    return text.replace("``", "`").strip()


def _joined(parts: list[str]) -> str:
    """Parts as paragraphs; items of one list stay together."""
    text = "\n\n".join(part for part in parts if part)
    return re.sub(r"(?m)^(- .*)\n\n(?=- )", r"\1\n", text) + "\n"


if __name__ == "__main__":
    main()
