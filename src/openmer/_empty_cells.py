"""Cells of tables that write a word where nothing is: the word itself is quoted there."""

from __future__ import annotations


def with_word(text: str, word: str) -> str:
    """Write a text for a table in which a word means that nothing is there."""
    return f"'{text}'" if text.strip("'") == word else text or word


def without_word(cell: str, word: str) -> str:
    """Read what `with_word` wrote."""
    if cell == word:
        return ""
    return cell[1:-1] if cell.strip("'") == word else cell
