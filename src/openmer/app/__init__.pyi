from ._agreement import agreement_of as agreement_of
from ._agreement import agreement_table as agreement_table
from ._decisions import read_reviews as read_reviews
from ._decisions import review_items as review_items
from ._decisions import reviews_folder as reviews_folder
from ._review import review as review
from ._reviewed import write_reviewed as write_reviewed
from ._server import serve as serve
from ._settings import PageSettings as PageSettings
from ._settings import is_loopback as is_loopback

__all__ = [
    "PageSettings",
    "agreement_of",
    "agreement_table",
    "is_loopback",
    "read_reviews",
    "review",
    "review_items",
    "reviews_folder",
    "serve",
    "write_reviewed",
]
