from ._action_units import unit_corpora_table as unit_corpora_table
from ._action_units import unit_table as unit_table
from ._answers import answers_table as answers_table
from ._find_runs import find_runs as find_runs
from ._leaderboard import add_record as add_record
from ._leaderboard import check_records as check_records
from ._leaderboard import leaderboard_page as leaderboard_page
from ._published import PublishedResult as PublishedResult
from ._published import printed_records as printed_records
from ._published import published_results as published_results
from ._report import write_report as write_report
from ._rows import corpus_word as corpus_word
from ._rows import counted as counted
from ._spotting import render_spotting_csv as render_spotting_csv
from ._spotting import render_spotting_markdown as render_spotting_markdown
from ._spotting import render_spotting_terminal as render_spotting_terminal
from ._table import Marked as Marked
from ._table import Table as Table
from ._table import csv_table as csv_table
from ._table import escape_markdown as escape_markdown
from ._table import html_table as html_table
from ._table import markdown_table as markdown_table
from ._table import terminal_table as terminal_table
from ._terminal import render_terminal as render_terminal

__all__ = [
    "Marked",
    "PublishedResult",
    "Table",
    "add_record",
    "answers_table",
    "check_records",
    "corpus_word",
    "counted",
    "csv_table",
    "escape_markdown",
    "find_runs",
    "html_table",
    "leaderboard_page",
    "markdown_table",
    "printed_records",
    "published_results",
    "render_spotting_csv",
    "render_spotting_markdown",
    "render_spotting_terminal",
    "render_terminal",
    "terminal_table",
    "unit_corpora_table",
    "unit_table",
    "write_report",
]
