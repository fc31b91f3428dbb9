"""What axe-core says of a page in the browser."""

import importlib.util
import os
from pathlib import Path

import pytest


def check_accessible(page):
    """No serious finding of axe-core, by day and by night; nothing is wider than a phone."""
    if not os.environ.get("CI") and importlib.util.find_spec("axe_playwright_python") is None:
        pytest.skip("axe-playwright-python of the group dev is not installed")
    axe = Path(importlib.util.find_spec("axe_playwright_python").origin).with_name("axe.min.js")
    page.evaluate(axe.read_text(encoding="utf-8"))
    size = page.viewport_size
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        serious = [(each["id"], each["nodes"][0]["target"]) for each in found
                   if each["impact"] in ("serious", "critical")]  # fmt: skip
        assert serious == [], f"{page.url}, {scheme}, {width} px"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size(size)
