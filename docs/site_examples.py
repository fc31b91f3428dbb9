"""Show examples of docstrings as code on the site: an extension of Griffe for mkdocstrings."""

from __future__ import annotations

import re

import griffe

_EXAMPLE = re.compile(r"(?ms)^Example:\n(.+?)(?=^\S|\Z)")


class Examples(griffe.Extension):
    """Put the section Example of every docstring between fences."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Change the docstring of an object.

        Args:
            obj: The object.
        """
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(section: re.Match[str]) -> str:
    return f"Example:\n    ```python\n{section[1].rstrip()}\n    ```\n\n"
