"""Names of files: short enough, taken by every system, and readable as text."""

from __future__ import annotations

import hashlib
import os
import re
from urllib.parse import quote

_NAME_BYTES = 200  # of a name that we choose: leaves room for a suffix and for temporary names
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # no file's name on Windows


def safe_name(text: str) -> str:
    """Return a name that every system takes for a file or folder, the same for the same text.

    Letters, digits and ``_.-~`` stay; the rest is written as in an address, and so is what would
    hide a file or not be a name. A long name gets a part of its digest.
    """
    name = quote(os.fsencode(text), safe="")
    if _RESERVED.fullmatch(name) or name.startswith("."):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return short_name(name)


def short_name(name: str) -> str:
    """Shorten a name until it fits into a folder: a long one gets a part of its digest."""
    encoded = os.fsencode(name)
    if len(encoded) <= _NAME_BYTES:
        return name
    mark = f"-{hashlib.sha256(encoded).hexdigest()[:8]}"
    return cut_name(name, _NAME_BYTES - len(mark)) + mark


def cut_name(name: str, size: int) -> str:
    """Cut a name to its longest beginning that has at most `size` bytes."""
    while len(os.fsencode(name)) > size:
        name = name[:-1]
    return name


def readable(text: str) -> str:
    """Return a text in which bytes of a file's name that are no UTF-8 are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
