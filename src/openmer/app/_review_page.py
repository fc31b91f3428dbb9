"""The page of a review as one HTML text."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from openmer import __version__
from openmer.theme import css_colours


def review_page(coder: str, nonce: str) -> str:
    """Write the page; events and pictures are asked for by its script.

    Args:
        coder: Name of the coder.
        nonce: Lets this page's own script and style sheet run, and no other.
    """
    packages = ("openmer.app", "openmer.reports")
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("review.html.j2").render(
        coder=coder, nonce=nonce, colours=css_colours(), version=__version__
    )
