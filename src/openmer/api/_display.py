"""Show results in a terminal and a notebook, and as tables of pandas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


class Displayed(ABC):
    """What says in one line what it is, and shows itself as a table."""

    __slots__ = ()

    @abstractmethod
    def to_frame(self) -> DataFrame:
        """Return the content as a table."""

    @abstractmethod
    def _line(self) -> str:
        """Return one line of text."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._line()}>"

    def _repr_html_(self) -> str:
        """Return HTML for a notebook; every text of a user is escaped."""
        table = self.to_frame().to_html(index=False, na_rep="", float_format="%.3f", max_rows=20)
        return f"<p><b>{type(self).__name__}</b>: {escape(self._line())}</p>{table}"


def frame(
    rows: Iterable[Mapping[str, object]] | Mapping[str, object],
    columns: Sequence[str] | None = None,
) -> DataFrame:
    """Return a table, from its rows or from its columns.

    Args:
        rows: A mapping for each row, or a sequence (or one value) for each column.
        columns: Names of the columns in their order; needed where there may be no row.
    """
    from pandas import DataFrame

    return DataFrame(rows if isinstance(rows, Mapping) else list(rows), columns=columns)
