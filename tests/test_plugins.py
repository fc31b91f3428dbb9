"""Plug-ins: modules of other people are loaded once, when a registry is asked, and in workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openmer import _plugins
from openmer.errors import ConfigError
from openmer.registry import Registry

MARK = "import os; print('loaded', __name__, flush=True)\n"
MODEL = """
from torch import nn
from openmer.models import register_model

@register_model("mine")
class Mine(nn.Module):
    def __init__(self, in_channels=3, num_classes=3, size=28):
        super().__init__()
"""


@pytest.fixture
def plugins(monkeypatch, tmp_path):
    """Change the plug-ins; afterwards all is as it was."""
    monkeypatch.setattr(_plugins, "_loaded", set())
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv(_plugins.VARIABLE, raising=False)
    monkeypatch.setitem(os.environ, _plugins.VARIABLE, "")
    yield _plugins
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def python(code, **variables):
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(folder, name, text):
    path = folder / f"{name}.py"
    path.write_text(text)
    return str(path)


def test_a_plugin_is_loaded_once_when_a_registry_is_first_asked(tmp_path):
    path = write(tmp_path, "seen_once", MARK + MODEL)
    code = (
        "from openmer.models import list_models\nprint('before')\n"
        "assert 'mine' in list_models() and 'ststnet' in list_models()\nlist_models()"
    )
    assert python(code, OPENMER_PLUGINS=path).split("\n")[:3] == ["before", "loaded seen_once", ""]


def test_a_plugin_may_be_a_module_and_several_may_be_given(tmp_path, plugins, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path, "first_of_two", "")
    write(tmp_path, "second_of_two", "")
    plugins.add_plugins(["first_of_two", str(tmp_path / "second_of_two.py")])
    assert {"first_of_two", "second_of_two"} <= set(sys.modules)
    assert os.environ["OPENMER_PLUGINS"].split(os.pathsep) == [
        "first_of_two", str(tmp_path / "second_of_two.py"),
    ]  # fmt: skip


def test_a_relative_path_holds_for_workers_in_other_folders(tmp_path, plugins, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "relative_one", "")
    plugins.add_plugins(["relative_one.py"])
    assert os.environ["OPENMER_PLUGINS"] == str(Path(tmp_path / "relative_one.py"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
        ("def (", "SyntaxError"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise GeneratorExit('gone')", "GeneratorExit: gone"),
        (MODEL.replace('"mine"', '"ststnet"'), "'ststnet' is taken"),
    ],
)
def test_a_broken_plugin_is_one_error_that_names_it_and_the_reason(tmp_path, plugins, text, reason):
    path = write(tmp_path, "broken_one", text)
    with pytest.raises(ConfigError, match=reason) as caught:
        plugins.add_plugins([path])
    assert path in str(caught.value)
    assert "OPENMER_PLUGINS" in str(caught.value)


def test_a_file_that_is_not_there_and_a_file_with_the_name_of_another_module(tmp_path, plugins):
    with pytest.raises(ConfigError, match="no such file"):
        plugins.add_plugins([str(tmp_path / "absent.py")])
    os.environ["OPENMER_PLUGINS"] = ""
    with pytest.raises(ConfigError, match="another name"):
        plugins.add_plugins([write(tmp_path, "json", "")])


def test_a_plugin_that_asks_a_registry_while_it_is_loaded(tmp_path, plugins):
    text = "from openmer.models import list_models\nassert 'ststnet' in list_models()"
    plugins.add_plugins([write(tmp_path, "asking", text)])


def test_every_kind_can_come_from_a_plugin(tmp_path, plugins):
    write(tmp_path, "every_kind", EVERY_KIND)
    (tmp_path / "my-method.toml").write_text("")
    code = (
        "from openmer.datasets import label_scheme, list_datasets\n"
        "from openmer.methods import list_methods\n"
        "from openmer.video import list_spotters\n"
        "print(label_scheme('two').classes, 'my-method' in list_methods(),"
        " 'my-corpus' in list_datasets(), 'mine' in list_spotters())"
    )
    path = str(tmp_path / "every_kind.py")
    assert python(code, OPENMER_PLUGINS=path) == "('a', 'b') True True True\n"


EVERY_KIND = """
from pathlib import Path
from openmer.datasets import CorpusFacts, Counts, LabelScheme, register_corpus
from openmer.datasets import register_label_scheme
from openmer.methods import register_method
from openmer.video import register_spotter

register_method(Path(__file__).with_name("my-method.toml"))
register_label_scheme(LabelScheme(name="two", classes=("a", "b"), words={"x": "a", "y": "b"},
                                  dropped=frozenset(), source="nobody"))
FACTS = CorpusFacts(name="my-corpus", title="Mine", holds="clips", paper="none", access="ask me",
                    terms="none", variants={"all": Counts(words={"x": None})})

@register_corpus(FACTS)
def read(root, options):
    raise NotImplementedError

@register_spotter("mine")
class Spotter:
    def __call__(self, curves):
        return ()
"""


def test_a_label_scheme_with_a_word_of_no_class_is_refused():
    from openmer.datasets import LabelScheme

    with pytest.raises(ValueError, match="no class b"):
        LabelScheme(name="odd", classes=("a", "c"), words={"x": "b"})


def test_a_registry_loads_plugins_after_what_comes_with_the_package(monkeypatch):
    asked = []
    monkeypatch.setattr("openmer.registry.load_plugins", lambda: asked.append("plugins"))
    monkeypatch.setattr(Registry, "_plugins", None)
    things = Registry("thing")
    things.add("one", 1)
    assert not asked
    assert things.names() == ["one"]
    assert things["one"] == 1
    assert asked == ["plugins"]
    monkeypatch.setenv("OPENMER_PLUGINS", "another.module")
    assert "one" in things
    assert asked == 2 * ["plugins"], "asked again where another plug-in is listed"


def test_the_code_of_a_plugin_is_known_by_what_it_is_loaded_from(tmp_path, plugins):
    (tmp_path / "aside").mkdir()
    write(tmp_path / "aside", "helper_of_mine", "one = 1\n")
    code = "import aside.helper_of_mine\nfrom collections import OrderedDict\n"
    path = write(tmp_path, "code_of_mine", code)

    def code_now():
        plugins._loaded.clear()
        for name in ("code_of_mine", "aside", "aside.helper_of_mine"):
            sys.modules.pop(name, None)
        plugins.add_plugins([path])
        return plugins.code_of("code_of_mine")

    first = code_now()
    assert first and code_now() == first == plugins.code_of("aside.helper_of_mine")
    write(tmp_path / "aside", "helper_of_mine", "one = 1  # and more\n")
    assert code_now() != first
    assert plugins.code_of("collections") == plugins.code_of("nothing") == ""


def test_a_plugin_with_a_step_loads_whatever_is_imported_first(tmp_path):
    step = """
from typing import ClassVar, Literal
import openmer

class Halved(openmer.Step):
    gives: ClassVar = {"flow": "flow"}
    step: Literal["halved_first"] = "halved_first"
"""
    path = write(tmp_path, "step_of_mine", step)
    code = (
        "from openmer.preprocessing import _prepare, list_steps\n"
        "print('halved_first' in list_steps())"
    )
    assert python(code, OPENMER_PLUGINS=path).strip() == "True"
