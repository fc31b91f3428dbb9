"""Read TOML files into records, with one clear error for whatever is wrong in them.

What a key may be called and what its value may be is read from the record that was tried, so there
is no second list of either.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from openmer.errors import ConfigError, OpenMERError

M = TypeVar("M", bound=BaseModel)

_MOST_BYTES = 5_000_000  # of a file; TOML of that size takes a second
_SHOWN = 60  # characters of a wrong value
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


class Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_LONGEST_NAME = 100


def _named(name: str) -> str:
    is_path = re.search(r'[/\\<>:"|?*\x00-\x1f\x7f]', name) or name.strip(". ") != name
    if is_path or not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError(
            f"found {_shown(name)}, expected a name that a file may have: 1 to {_LONGEST_NAME} "
            'characters, none of / \\ < > : " | ? *, no full stop or space at its ends'
        )
    return name


FileName = Annotated[str, AfterValidator(_named)]
"""A name after which files and folders are named."""


def read_toml(
    path: Path | Traversable, what: str = "file", error: type[OpenMERError] = ConfigError
) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        what: What it is, for errors ("method file").
        error: The error to raise.

    Raises:
        OpenMERError: The file is missing, a folder, not readable, not UTF-8, or not TOML.
    """
    text = read_text(path, what, error)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as reason:  # also a number without end
        raise error(f"The {what} {path} is not TOML: {reason}. Correct it there.") from reason


def read_text(
    path: Path | Traversable, what: str = "file", error: type[OpenMERError] = ConfigError
) -> str:
    """Read a UTF-8 file, with or without a byte order mark.

    Raises:
        OpenMERError: As `read_toml`.
    """
    if not path.is_file():
        found = f"{path} is a folder" if path.is_dir() else f"There is no {what} {path}"
        raise error(f"{found}. Give the path of a {what}.")
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise error(
                f"{path} has more than {_MOST_BYTES // 10**6} MB. Give the path of a {what}."
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        lines = reason.object[: reason.start].count(b"\n") + 1
        raise error(
            f"The {what} {path} is not UTF-8: byte 0x{reason.object[reason.start]:02x} in line "
            f"{lines}. Save it with the encoding UTF-8."
        ) from reason
    except OSError as reason:
        raise error(f"The {what} {path} cannot be read: {reason.strerror or reason}.") from reason


def validate(kind: type[M], table: object, name: str, remedy: str = "Correct the file.") -> M:
    """Return the record that a table describes.

    Args:
        kind: The record.
        table: What a file holds.
        name: Whose table it is, as the first words of an error ("Method mine").
        remedy: The last sentence of an error.

    Raises:
        ConfigError: A key is unknown or missing, or a value is wrong: the first one, with what was
            found, what is expected, and the nearest key of the same record.
    """
    try:
        return kind.model_validate(table)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{name}: {explain(kind, table, error)} {remedy}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        what = f"a value is of another kind than expected ({error})"
        raise ConfigError(f"{name}: {what}. {remedy}") from error


def explain(kind: type[BaseModel], table: object, error: ValidationError) -> str:
    """Say in one sentence or two what is wrong with a table that a record refused."""
    found = [_walk(kind, table, details) for details in error.errors()]
    first = found[0]
    if first.details["type"] == "missing":  # perhaps only misspelt
        beside = (one for one in found if one.path[:-1] == first.path[:-1])
        first = next((one for one in beside if one.details["type"] == "extra_forbidden"), first)
    inside = (one for one in found if one.path[: len(first.path)] == first.path)
    return _sentence(max(inside, key=lambda one: len(one.path)))


class _Place(NamedTuple):
    """The type of a value, without the None that it may be, and what limits the value."""

    kind: Any
    metadata: tuple[Any, ...] = ()

    @property
    def members(self) -> tuple[Any, ...]:
        """The types of a union; empty for any other type."""
        if get_origin(self.kind) not in (Union, types.UnionType):
            return ()
        return tuple(member for member in get_args(self.kind) if member is not types.NoneType)

    @property
    def discriminator(self) -> str:
        """The key that says which record of a union is meant; empty where none does."""
        named = (getattr(found, "discriminator", None) for found in self.metadata)
        return next((found for found in named if isinstance(found, str)), "")

    @property
    def tags(self) -> dict[str, Any]:
        """The types of a union by the tags that pydantic gives them."""
        tagged: dict[str, Any] = {}
        for member in self.members:
            place = _place(member)
            if self.discriminator:
                values = get_args(place.kind.model_fields[self.discriminator].annotation)
            else:
                values = tuple(found.tag for found in place.metadata if isinstance(found, Tag))
            tagged |= dict.fromkeys(map(str, values), member)
        return tagged


class _Union(NamedTuple):
    """A union of records on the way to an error: its place, and the tag of the record tried."""

    place: _Place
    path: tuple[str, ...]
    tag: str


class _Complaint(NamedTuple):
    """One error of pydantic, found again in the types."""

    path: tuple[str, ...]
    place: _Place
    owner: type[BaseModel] | None
    union: _Union | None
    details: ErrorDetails


def _place(kind: Any, metadata: Sequence[Any] = ()) -> _Place:  # noqa: ANN401  # any annotation
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return _place(inner, [*metadata, *more])
    flat: list[Any] = []
    for found in metadata:
        flat += [found, *found.metadata] if isinstance(found, FieldInfo) else [found]
    place = _Place(kind, tuple(flat))
    return _place(place.members[0], flat) if len(place.members) == 1 else place


def _walk(kind: type[BaseModel], value: object, details: ErrorDetails) -> _Complaint:
    """Follow the location of an error through the types; labels of unions are no keys."""
    place, owner, union = _Place(kind), None, None
    path: tuple[str, ...] = ()
    for part in details["loc"]:
        if place.members:
            member = _member(place, str(part), value)
            if member is None:
                break
            if place.discriminator:
                union = _Union(place, path, str(part))
            place = _place(member)
            continue
        if part == "[key]":
            break
        owner = place.kind if _is_record(place.kind) else None
        place = _below(place, part)
        value = _child(value, part)
        path = (*path, str(part))
    return _Complaint(path, place, owner, union, details)


def _member(place: _Place, label: str, value: object) -> object | None:
    """Return the type that a label of a union stands for; None where the value fits none."""
    if place.tags:
        return place.tags.get(label)
    for member in place.members:
        kind = _place(member).kind
        if _is_record(kind) and isinstance(value, Mapping) and kind.__name__ in label:
            return kind  # type: ignore[no-any-return]
        if get_origin(kind) is tuple and isinstance(value, list | tuple) and "tuple[" in label:
            return member  # type: ignore[no-any-return]
    return None


def _below(place: _Place, part: int | str) -> _Place:
    """Return the place of a key or index inside another."""
    kind, inner = place.kind, get_args(place.kind)
    if _is_record(kind) and part in kind.model_fields:
        return _field(kind, str(part))
    if get_origin(kind) is dict:
        return _place(inner[1])
    if get_origin(kind) in (tuple, list) and isinstance(part, int) and inner:
        return _place(inner[0] if Ellipsis in inner or len(inner) <= part else inner[part])
    return _Place(Any)


def _field(record: type[BaseModel], name: str) -> _Place:
    field = record.model_fields[name]
    return _place(field.annotation, [field, *field.metadata])


def _child(value: object, part: int | str) -> object:
    if isinstance(value, Mapping):
        return value.get(part)
    inside = isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)
    return value[part] if inside else None  # type: ignore[index]


def _is_record(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _sentence(found: _Complaint) -> str:
    key, kind, details = ".".join(found.path), found.details["type"], found.details
    if kind == "extra_forbidden" and found.owner is not None:
        return _unknown_key(found, found.owner)
    if kind.startswith("union_tag") and found.place.discriminator:
        key = ".".join([*found.path, found.place.discriminator])
        tag = _child(details["input"], found.place.discriminator)
        said = "is missing" if tag is None else f"is {_shown(tag)}"
        return f"{key} {said}, expected one of {', '.join(map(repr, found.place.tags))}."
    if kind == "missing":
        return f"The key {key!r} is missing, expected {_described(found.place)}."
    if kind == "value_error":
        return f"{key + ': ' if key else ''}{str(details['ctx']['error']).rstrip('.')}."
    value = _shown(details["input"])
    return f"{key or 'The file'} is {value}, expected {_described(found.place)}."


def _unknown_key(found: _Complaint, owner: type[BaseModel]) -> str:
    *parent, key = found.path
    known = sorted(owner.model_fields)
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5)
    said = [f"There is no key {'.'.join(found.path)!r}."]
    if found.union is not None and found.union.path == tuple(parent):
        said += _other_kinds(key, found.union)
    if near:
        said.append(f"Did you mean {'.'.join([*parent, near[0]])!r}?")
    place = f" in {'.'.join(parent)}" if parent else ""
    return f"{' '.join(said)} Known{place}: {', '.join(known)}."


def _other_kinds(key: str, union: _Union) -> list[str]:
    """Say which other records of a union have a key."""
    tags = union.place.tags
    tried = ".".join([*union.path, union.place.discriminator])
    having = [
        repr(tag)
        for tag, member in tags.items()
        if tag != union.tag and key in _place(member).kind.model_fields
    ]
    if not having:
        return []
    return [
        f"{key!r} is a key of {tried} = {' or '.join(having)}, and here {tried} is {union.tag!r}."
    ]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _described(place: _Place) -> str:
    """Say what a value may be."""
    kind, inner = place.kind, get_args(place.kind)
    if place.members:
        said = list(dict.fromkeys(_described(_place(member)) for member in place.members))
        return f"{', '.join(said[:-1])} or {said[-1]}" if said[1:] else said[0]
    if get_origin(kind) is Literal:
        values = ", ".join(map(repr, inner))
        return f"one of {values}" if inner[1:] else values
    if get_origin(kind) in (tuple, list):
        return f"{_list_of(inner)}{_limits(place)}"
    if _is_record(kind):
        return f"a table with the keys {', '.join(kind.model_fields)}"
    if get_origin(kind) is dict or kind is dict:
        return "a table"
    words = _WORDS.get(kind, "another kind of value")
    return f"{words}{_limits(place)}"


def _list_of(inner: tuple[Any, ...]) -> str:
    if Ellipsis in inner or len(inner) == 1:
        return f"a list, each value {_described(_place(inner[0]))}"
    return f"a list of {len(inner)} values: {', '.join(_described(_place(one)) for one in inner)}"


def _limits(place: _Place) -> str:
    said = []
    for name, words in _LIMITS.items():
        limits = (getattr(found, name, None) for found in place.metadata)
        said += [f"{words} {limit}" for limit in dict.fromkeys(limits) if limit is not None]
    if any(getattr(found, "min_length", None) for found in place.metadata):
        said.append("not empty")
    return f" {' and '.join(said)}" if said else ""
