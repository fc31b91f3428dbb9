"""Let pages of the site link to files of the repository that are no pages: a hook of MkDocs."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

_LINK = re.compile(r"\]\((?!\w+:|#|/)([^)\s]+)\)")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Replace a relative link that leads out of ``docs`` by the address in the repository.

    Args:
        markdown: Text of the page.
        page: The page; its place in ``docs`` is what links are relative to.
        config: Settings of the site.
    """
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def whole(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match[1]))
        if path.startswith("docs/") and not path.endswith((".py", ".csv")):
            return match[0]
        return f"]({config.repo_url}/blob/main/{path})"

    return _LINK.sub(whole, markdown)
