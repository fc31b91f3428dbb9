"""A hook of MkDocs: pages of notebooks and public names, links to files of the repository."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_LINK = re.compile(r"\]\((?!\w+:|#|/)([^)\s]+)\)")
_ROOT = Path(__file__).parent.parent
_NOTEBOOKS = _ROOT / "notebooks"
_FACE = _ROOT / "src" / "openmer" / "__init__.pyi"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook, and one for each public name.

    Args:
        files: Files of the site.
        config: Settings of the site.
    """
    from mkdocs.structure.files import File

    for path in sorted(_NOTEBOOKS.glob("*.ipynb")):
        text = "\n\n".join(map(_cell, json.loads(path.read_text(encoding="utf-8"))["cells"]))
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text + "\n"))
    names = re.findall(r'(?m)^    "(\w+)",$', _FACE.read_text(encoding="utf-8"))
    for name in (name for name in names if not name.startswith("_")):
        page = f"---\ntitle: openmer.{name}\n---\n\n::: openmer.{name}\n"
        files.append(File.generated(config, f"reference/api/{name}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Replace a link that leads out of ``docs`` by a notebook's page, or the repository's address.

    Args:
        markdown: Text of the page.
        page: The page; its place in ``docs`` is what links are relative to.
        config: Settings of the site.
    """
    place = posixpath.dirname(page.file.src_uri)  # in the site; notebooks do not lie in `docs`
    folder = place if place == "notebooks" else posixpath.join("docs", place)

    def whole(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match[1]))
        if path.endswith(".ipynb"):
            target = path.removesuffix(".ipynb") + ".md"
        elif path.startswith("docs/") and not path.endswith((".py", ".csv")):
            target = path.removeprefix("docs/")
        else:
            return f"]({config.repo_url}/blob/main/{path})"
        return f"]({posixpath.relpath(target, place)})"

    return _LINK.sub(whole, markdown)


def _cell(cell: dict[str, str]) -> str:
    """Return a cell as Markdown."""
    text = "".join(cell["source"])
    return text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
