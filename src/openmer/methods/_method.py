"""Read a method file, with overrides, into a frozen record that is saved with every result."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tomli_w

from openmer.augmentation import Planes
from openmer.clip import Clip
from openmer.config import FileName, read_text, read_toml, validate
from openmer.datasets import (
    UNIT_SCHEME,
    LabelScheme,
    LabelSchemeField,
    label_scheme,
    list_label_schemes,
    units_of,
)
from openmer.errors import ConfigError
from openmer.methods._registry import method_file
from openmer.preprocessing import Recipe, RecipeField
from openmer.training import (
    ActionUnitConfig,
    EpochRule,
    KernelTraining,
    LossConfig,
    ModelConfig,
    NetworkSpec,
    NetworkTraining,
    Pretraining,
    Record,
    Search,
    Searched,
    Setting,
    SvmTraining,
    Training,
)

_MOST_BELOW = 50  # methods that extend one another


class Method(Record):
    """A whole system: recipe, model, loss and training.

    Attributes:
        name: Short name, as on the command line; folders of runs are named after it.
        title: One line for tables.
        paper: The reference; "ours" where there is none.
        note: What a reader of its numbers should know.
        transductive: What the scores of a clip take from other clips of its subject; empty where a
            clip is scored alone. Every table of results says it.
        label_scheme: A name (`openmer.datasets.list_label_schemes`), a table ``[label_scheme]``, or
            what else `openmer.datasets.label_scheme` reads.
        task: What a network learns: ``classes``, ``action_units``, or ``both`` at once.
        action_units: Which units, and how their losses count; of no effect with ``classes``.
        recipe: Preprocessing steps, read from `[[recipe]]` tables. `recipe.run(clip)` makes the
            array of a clip, ``(channels, height, width)``.
        model: The network; None for a method without one.
        loss: Loss of one clip.
        training: How it is fitted.
        epoch_rule: How its epoch is chosen where a protocol does not say.
        pretraining: How the weights it starts from are made; None where it starts from random ones.
        search: Settings that every fold chooses among its training subjects; None for none.
        searched: Whose clips chose the settings once for all; None where nobody's did.
    """

    name: FileName
    title: str
    paper: str
    note: str = ""
    transductive: str = ""
    label_scheme: LabelSchemeField = "megc2019-3"
    task: Literal["classes", "action_units", "both"] = "classes"
    action_units: ActionUnitConfig = ActionUnitConfig()
    recipe: RecipeField
    model: ModelConfig | None = None
    loss: LossConfig = LossConfig()
    training: Training
    epoch_rule: EpochRule = "fixed"
    pretraining: Pretraining | None = None
    search: Search | None = None
    searched: Searched | None = None

    @property
    def steps(self) -> Recipe:
        """The preprocessing as a `Recipe`."""
        return self.recipe

    @property
    def scheme(self) -> LabelScheme:
        """The label scheme: that of its name, or its own; of units alone, absent and present."""
        return UNIT_SCHEME if self.task == "action_units" else label_scheme(self.label_scheme)

    @property
    def trains_intensity(self) -> bool:
        """Whether levels of action units are learned."""
        return self.task != "classes" and self.action_units.intensity

    def with_classes_of(self, clips: Iterable[Clip]) -> Method:
        """Return the method with the classes and action units that it finds among clips.

        Raises:
            DataError: A coding of action units cannot be read.
            ProtocolError: Fewer than two words have enough clips, or no action unit has.
        """
        clips, found, changes = tuple(clips), self.scheme, dict[str, object]()
        if (resolved := found.resolved(clips)) is not found:
            changes["label_scheme"] = resolved
        config = self.action_units
        if self.task != "classes" and not config.units:
            own = {"units": units_of(clips, config.minimum)}
            changes["action_units"] = config.model_copy(update=own)
        return self.model_copy(update=changes) if changes else self

    def network_spec(self, num_classes: int, input_shape: tuple[int, int, int]) -> NetworkSpec:
        """Build the trainer's specification of the network for inputs of a shape.

        Args:
            num_classes: Number of classes.
            input_shape: ``(channels, height, width)``.

        Raises:
            ConfigError: The method has no network.
        """
        if self.model is None or not isinstance(self.training, NetworkTraining):
            raise ConfigError(
                f"Method {self.name} has no network. Choose a method that trains a [model]."
            )
        recipe = self.steps
        return NetworkSpec(
            model=self.model,
            loss=self.loss,
            training=self.training,
            num_classes=0 if self.task == "action_units" else num_classes,
            input_shape=input_shape,
            units=None if self.task == "classes" else self.action_units,
            planes=Planes(flow=recipe.flow_channels, stretched=recipe.stretched),
        )


def load_method(name: str, overrides: Sequence[str] = (), search: Path | None = None) -> Method:
    """Read a method by its name or the path of a TOML file, with single values replaced.

    A file with ``extends = "NAME"`` says only what differs from that method: its tables are merged
    with the other's, its lists and single values replace them.

    Args:
        name: One of `list_methods()`, or a path that ends in ``.toml``.
        overrides: ``key=value`` each; keys are dotted paths into the file (``training.epochs``,
            ``recipe.2.size`` counts steps from 0, ``recipe.resize.size`` names one), values are
            TOML, or plain text.
        search: A TOML file whose table ``[search]`` takes the place of the method's.

    Returns:
        The method, a frozen record.

    Raises:
        ConfigError: No such method, not TOML, an unknown key (the nearest is given) or a value of
            the wrong kind.

    Example:
        method = openmer.load_method("ststnet", ["training.epochs=50"])
        print(method.title, method.training.epochs)
    """
    table = _method_table(name)
    if search is not None:
        table["search"] = _search_table(search)
    for override in overrides:
        _override(table, override)
    return _validated(name, table)


def method_text(name: str) -> str:
    """Return the TOML of a method as `load_method` reads it; with its comments, if it extends none.

    Raises:
        ConfigError: No such method (the nearest name is given), or the file cannot be read.
    """
    text = read_text(method_file(name), "method file")
    base = tomllib.loads(text).get("extends")
    if base is None:
        return text
    return f"# As {base}, but for what its own file says.\n{tomli_w.dumps(_method_table(name))}"


def with_settings(method: Method, settings: Mapping[str, Setting]) -> Method:
    """Return the method with single values replaced, and without a search.

    Args:
        method: The method.
        settings: Values by dotted keys, as in `load_method`.

    Raises:
        ConfigError: As `load_method`.
    """
    table = method.model_dump(mode="json", exclude_none=True, exclude={"search"})
    for key, value in settings.items():
        _put(table, key, value)
    return _validated(method.name, table)


def with_label_scheme(method: Method, scheme: str | LabelScheme) -> Method:
    """Return the method with another label scheme.

    Args:
        method: The method.
        scheme: As in `openmer.datasets.label_scheme`.

    Raises:
        ConfigError: There is no such scheme, or its file is wrong.
    """
    found = label_scheme(scheme)
    kept = scheme if scheme in list_label_schemes() else found
    return method.model_copy(update={"label_scheme": kept})


def _validated(name: str, table: dict[str, Any]) -> Method:
    method = validate(Method, table, f"Method {name}", "Correct the file or the --set option.")
    try:
        _check(method)
    except ConfigError as error:
        if not name.endswith(".toml"):
            raise
        raise ConfigError(f"{name}: {error}") from error
    return method


def _method_table(name: str, below: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read a method file over the one that it extends: tables are merged, all else replaced."""
    if name in below or len(below) > _MOST_BELOW:
        raise ConfigError(
            f"Method {name} extends itself, by way of {', '.join(below[:9])}. Let one of them "
            "extend another method, or none."
        )
    own = read_toml(method_file(name), "method file")
    base = own.pop("extends", None)
    if base is None:
        return own
    if not isinstance(base, str):
        raise ConfigError(f"{name}: extends is {base!r}, expected the name of a method.")
    if base.endswith(".toml") and name.endswith(".toml"):  # beside the file that names it
        base = str(Path(name).parent / base)
    return _merged(_method_table(base, (*below, name)), own)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with the values of another in it, table by table."""
    both = dict(base)
    for key, value in own.items():
        under = base.get(key)
        if isinstance(value, dict) and isinstance(under, dict):
            both[key] = _merged(under, value)
        else:
            both[key] = value
    return both


def _search_table(path: Path) -> object:
    """Read the table ``[search]`` of a TOML file."""
    table = read_toml(path, "search file")
    if "search" not in table:
        raise ConfigError(f"{path} has no table [search]. Put sampler, trials and space below it.")
    return table["search"]


def _check(method: Method) -> None:
    """Check what the types cannot say: the recipe makes sense, a network names its model."""
    if isinstance(method.training, NetworkTraining) and method.model is None:
        raise ConfigError(
            f"Method {method.name} trains a network but has no [model]. Add [model] with a name, "
            'or choose training.kind = "svm".'
        )
    if isinstance(method.training, NetworkTraining):
        _check_network(method, method.training)
    if method.task != "classes":
        _check_units(method)
    if isinstance(method.training, KernelTraining):
        _check_kernel(method, method.training)
    if not isinstance(method.training, NetworkTraining) and method.model is not None:
        raise ConfigError(
            f"Method {method.name} has a [model] that its classifier would not use. Remove [model]."
        )
    if method.search is not None:
        _check_search(method, method.search)


def _check_units(method: Method) -> None:
    """Check that something can learn several action units at once."""
    training = method.training
    head = isinstance(training, NetworkTraining) and training.svm is None
    if head and method.search is None:
        return
    what = "a [search]" if head else "a classifier that learns one problem at a time"
    raise ConfigError(
        f"Method {method.name} has {what}, but task = {method.task!r} trains all action units as "
        'outputs of one network. Take a network, or task = "classes" with openmer action-units, '
        "which trains one model per unit."
    )


def _check_search(method: Method, search: Search) -> None:
    """Check that the file could hold every value to be tried, and that trials have the score."""
    for key, value in search.extremes():
        try:
            with_settings(method, {key: value})
        except ConfigError as error:
            raise ConfigError(f"In [search.space], {key!r} = {value!r}: {error}") from error
    training = method.training
    is_svm = isinstance(training, SvmTraining) or getattr(training, "svm", None)
    if search.score == "loss" and is_svm:
        raise ConfigError(
            f"Method {method.name}: search.score is 'loss', but a support vector machine gives no "
            "probabilities. Take 'uf1'."
        )


def _check_kernel(method: Method, training: KernelTraining) -> None:
    """Check that the recipe ends with recovered flow, of no fewer pixels than cells."""
    recipe = method.steps
    if not recipe.recovered or recipe.channels != 3:
        raise ConfigError(
            f"Method {method.name}: the features of a kernel classifier are made of recovered flow "
            f"with strain, but the recipe ends with the step {recipe.steps[-1].step!r}. Let it end "
            "with 'strain', 'resize', 'stretch' and 'recover'."
        )
    cells = max(feature.size for feature in training.features)
    if recipe.size is not None and recipe.size < cells:
        raise ConfigError(
            f"Method {method.name}: {cells} x {cells} cells cannot be made of {recipe.size} x "
            f"{recipe.size} pixels. Choose a larger size in the recipe, or fewer cells."
        )


def _check_network(method: Method, training: NetworkTraining) -> None:
    changes = [name for name in ("variants", "oversample") if getattr(training, name)]
    if changes and method.steps.flow is not None:
        raise ConfigError(
            f"Method {method.name}: training.{changes[0]} changes images in 0..255, but the recipe "
            "measures flow. Use training.flip_probability, which flips flow as it must be."
        )
    if training.perturb and method.steps.flow is not None and not method.steps.flow_channels:
        raise ConfigError(
            f"Method {method.name}: training.perturb flips one flow; use training.flip_probability."
        )
    if not training.all_stages and not (method.model and method.model.weights):
        raise ConfigError(
            f"Method {method.name} trains no weight, so its classifier would read features of a "
            "random network. Name stored ones: model.weights."
        )


def _override(table: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"Override {override!r} is not key=value, as in training.epochs=5.")
    _put(table, key.strip(), _value(text))


def _put(table: dict[str, Any], key: str, value: object) -> None:
    """Replace the value at a dotted key."""
    *path, last = key.split(".")
    place: object = table
    for part in path:
        place = _child(place, part, key)
    if isinstance(place, list):
        place[_index(place, last, key)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise ConfigError(f"Override {key!r}: {last!r} is below a single value. Check the path.")


def _child(place: object, part: str, key: str) -> object:
    if isinstance(place, list):
        return place[_index(place, part, key)]
    if not isinstance(place, dict):
        raise ConfigError(f"Override {key!r}: {part!r} is below a single value. Check the path.")
    return place.setdefault(part, {})


def _index(place: list[Any], part: str, key: str) -> int:
    if not place:
        raise ConfigError(f"Override {key!r}: {part!r} is below an empty list. Replace the list.")
    steps = [item.get("step") if isinstance(item, dict) else None for item in place]
    if part in steps:
        return steps.index(part)
    if not (part.isascii() and part.isdigit() and len(part) < 9 and int(part) < len(place)):
        raise ConfigError(f"Override {key!r}: {part!r} is not one of 0..{len(place) - 1}.")
    return int(part)


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # also a number without end
        return text.strip()
