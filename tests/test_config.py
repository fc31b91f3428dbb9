"""Every key of every record of a method or study file is set right and wrong: one clear error."""

import re
import tomllib
from typing import get_args

import pytest
from pydantic import BaseModel

from openmer.config import read_toml, validate
from openmer.errors import ConfigError, DataError
from openmer.evaluation import load_run
from openmer.methods import Method, load_method
from openmer.preprocessing import list_steps
from openmer.reproduction import Study, load_study

INTERNALS = re.compile(
    r"function-|tagged-union|literal\[|tuple\[|[Ii]nput should|pydantic|constrained|"
    r"validation error|nullable|\[key\]|union|type=|Value error|NoneType|another kind"
)
WRONG = tomllib.loads("time = 07:32:00")["time"]  # a value of TOML that no key takes

# Methods that together have every record, each with options that it has no need of.
METHODS = {
    "ststnet": [
        "training.perturb.noise=0.1",
        'search={space={"loss.gamma"={low=1, high=2, step=1}, "training.batch_size"=[8, 16]}}',
        'searched={subjects=["a/1"], clips=3, sampler="grid", trials=1, score="uf1", '
        'inner_score=0.5, inner_folds=2, seed=0, settings={"loss.gamma"=1.0}}',
    ],
    "flow-svm": [
        'label_scheme={name="mine", classes=["a", "b"], words={x="a", y="b"}, dropped=["z"], '
        'source="ours", by="emotion", outside="dropped", minimum=1}'
    ],
    "flow-kernel": [],
    "dense-attention": [],
    "efficient-me-paper": [],
    "mobilevit-svm": [],
    "mobilevit-svm-paper": [],
}
STEPS = """
[[recipe]]
step = "align"
style = "mobilevit"
[[recipe]]
step = "magnify"
alpha = 15
band_hz = [0.1, 0.4]
[[recipe]]
step = "interpolate"
n_frames = 10
[[recipe]]
step = "flow"
[[recipe]]
step = "strain"
[[recipe]]
step = "resize"
size = 28
[[recipe]]
step = "stretch"
[[recipe]]
step = "append_apex"
"""
MOTION_HISTOGRAMS = ("hoof", "bi_woof", "main_direction")
OTHER_RECIPES = (
    '[[recipe]]\nstep = "apex_frame"\n',
    '[[recipe]]\nstep = "dynamic_image"\n',
    *(f'[[recipe]]\nstep = "flow"\n[[recipe]]\nstep = "{n}"\n' for n in ("depth", "append_phase")),
    '[[recipe]]\nstep = "flow"\n[[recipe]]\nstep = "average"\nsize = 14\n',
    "".join(
        f'[[recipe]]\nstep = "{name}"\n'
        for name in ("flow", "strain", "center", "residual", "gradients", "power")
    ),
    '[[recipe]]\nstep = "flow"\n[[recipe]]\nstep = "strain"\n[[recipe]]\nstep = "recover"\n',
    *(
        '[[recipe]]\nstep = "flow"\n[[recipe]]\nstep = "strain"\n'
        f'[[recipe]]\nstep = "{n}"\nsize = 4\n'
        for n in MOTION_HISTOGRAMS
    ),
    *(f'[[recipe]]\nstep = "{n}"\nsize = 4\n' for n in ("hog_top", "lbp_sip", "lbp_top")),
    *(f'[[recipe]]\nstep = "{n}"\nn_frames = 4\n' for n in ("flow_series", "frame_series")),
    '[[recipe]]\nstep = "dynamics_map"\nn_frames = 4\nperiods = 2\nsize = 4\n',
)
STUDY = {
    "name": "mine",
    "title": "t",
    "kind": "scores",
    "source": "ours",
    "method": "flow-svm",
    "rows": [{"label": "a", "set": ["x=1"]}, {"label": "b"}],
}


def records(kind):
    """Every record that can stand somewhere in a record."""
    found = {kind} if isinstance(kind, type) and issubclass(kind, BaseModel) else set()
    inner = [field.annotation for one in found for field in one.model_fields.values()]
    return found.union(*map(records, [*inner, *get_args(kind)]))


def written(table):
    """A table as one writes it into a file: lists, and no None."""
    if isinstance(table, dict):
        return {key: written(value) for key, value in table.items() if value is not None}
    return [written(value) for value in table] if isinstance(table, list | tuple) else table


def places(table, above=()):
    """The path of every key in a table, those in lists of tables as well."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(table, dict):
            yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def changed(table, path, change):
    """A copy of a table in which `change` was called with the table of a key, and the key."""
    first, *rest = path
    copy = table.copy()
    if rest:
        copy[first] = changed(table[first], rest, change)
    else:
        change(copy, first)
    return copy


def complaint(read, table):
    """What a reader says of a table; empty where it takes it."""
    try:
        read(table)
    except ConfigError as error:
        text = str(error)
        assert not INTERNALS.search(text), text
        assert "\n" not in text and len(text) < 700, text
        assert text.endswith("."), text
        return text
    return ""


def misspelt(table, key):
    table[f"{key}q"] = table.pop(key)


def wrong(table, key):
    table[key] = WRONG


def deeper(table, key):
    table[key] = {"deeper": table[key]}


def listed(table, key):
    table[key] = [[table[key]]]


def check(read, table):
    """Set every key of a table right and wrong."""
    assert complaint(read, table) == ""
    for path in places(table):
        key = path[-1]
        free = {"parameters", "settings", "space", "model", "words"} & set(map(str, path[:-1]))
        for change in (misspelt, wrong, deeper, listed):
            text = complaint(read, changed(table, path, change))
            assert text or (free and change is not wrong), f"{path}, {change.__name__}"
            if change is misspelt and not free and key not in ("kind", "step"):
                assert re.search(rf"There is no key '[\w./-]*{key}q'", text), text
                assert re.search(rf"Did you mean '[\w./-]*\b{key}'", text), text
            elif change is wrong and not free:
                assert re.search(rf"\b{key}\b", text) and "(7, 32)" in text, text


def read_method(table):
    return validate(Method, table, "Method mine")


def method_tables():
    for name, overrides in METHODS.items():
        table = load_method(name, overrides).model_dump(mode="json", exclude_none=True)
        yield name, written(table)


def test_the_methods_of_this_test_have_every_record():
    seen = set()

    def look(value):
        if isinstance(value, BaseModel):
            seen.add(type(value))
            for name in type(value).model_fields:
                look(getattr(value, name))
        elif isinstance(value, dict | list | tuple):
            for inner in value.values() if isinstance(value, dict) else value:
                look(inner)

    for name, overrides in METHODS.items():
        look(load_method(name, overrides))
    missing = {kind.__name__ for kind in records(Method) - seen}
    assert not missing


@pytest.mark.parametrize(("name", "table"), [*method_tables()], ids=[*METHODS])
def test_every_key_of_a_method_file_right_and_wrong(name, table):
    check(read_method, table)


def test_every_key_of_every_step_right_and_wrong():
    table = dict(method_tables())["flow-svm"]
    steps = set()
    for text in (STEPS, *OTHER_RECIPES):
        recipe = validate(Method, table | tomllib.loads(text), "Method mine").steps.tables
        steps |= {step["step"] for step in recipe}
        check(read_method, table | {"recipe": written(recipe)})
    assert steps == set(list_steps())


def test_every_key_of_a_study_file_right_and_wrong():
    study = Study.model_validate(STUDY).model_dump(mode="json")
    check(lambda table: validate(Study, table, "Study mine"), written(study))


@pytest.mark.parametrize(
    ("method", "override", "message"),
    [
        ("ststnet", "training.gamma=1", r"'gamma' is a key of training.kind = 'svm'"),
        ("flow-svm", "training.epochs=3", r"'epochs' is a key of training.kind = 'network'"),
        ("mobilevit-svm", "training.classifier.gama=1", r"mean 'training.classifier.gamma'\?"),
        (
            "ststnet",
            "training.kind=svmm",
            r"training.kind is 'svmm', .*one of 'network'",
        ),
        ("ststnet", "training.stages=[{epochs=1}]", r"stages.0.learning_rate' is missing"),
        ("flow-svm", "training.c=[1, -1]", r"training.c.1 is -1, expected a number above 0"),
        ("ststnet", "search.space.x.low=1", r"search.space.x.high' is missing"),
    ],
)
def test_an_error_is_read_from_the_record_that_was_tried(method, override, message):
    with pytest.raises(ConfigError, match=message):
        load_method(method, [override])


BROKEN = {
    "latin-1": ('title = "é"'.encode("latin-1"), "not UTF-8: byte 0xe9 in line 1"),
    "utf-16": ('title = "t"'.encode("utf-16"), "not UTF-8: byte 0xff in line 1"),
    "no-toml": (b"name = \n", "not TOML: .*line 1"),
    "list": (b"[1, 2]\n", "not TOML: .*line 1"),
    "nested": (b"a = " + b"[" * 100_000, "not TOML"),
}


READERS = {
    "method": (lambda path: load_method(str(path)), ConfigError),
    "search": (lambda path: load_method("ststnet", (), path), ConfigError),
    "study": (lambda path: load_study(str(path)), ConfigError),
    "run": (lambda path: load_run(path.parent), DataError),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_cannot_be_read_is_named_with_the_place(tmp_path, reader, case):
    read, error = READERS[reader]
    content, message = BROKEN[case]
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(error, match=rf"run\.toml is {message}"):
        read(path)


@pytest.mark.parametrize("reader", READERS)
def test_a_folder_in_place_of_a_file_is_said(tmp_path, reader):
    read, error = READERS[reader]
    (tmp_path / "run.toml").mkdir()
    with pytest.raises(error, match=r"run\.toml is a folder"):
        read(tmp_path / "run.toml")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"no method file .*none\.toml"):
        read_toml(tmp_path / "none.toml", "method file")


def test_a_byte_order_mark_is_no_error(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfname = 1\n")
    assert read_toml(path) == {"name": 1}


def test_a_number_without_end_is_one_error(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(f"x = {'9' * 5000}\n")
    with pytest.raises(ConfigError, match=r"a\.toml is not TOML"):
        read_toml(path)
    with pytest.raises(ConfigError, match=r"training\.epochs is '999"):
        load_method("ststnet", [f"training.epochs={'9' * 5000}"])
