from ._server import (
    serve as serve,
)
from ._settings import (
    PageSettings as PageSettings,
)
from ._settings import (
    is_loopback as is_loopback,
)

__all__ = [
    "PageSettings",
    "is_loopback",
    "serve",
]
