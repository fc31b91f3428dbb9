from ._method import (
    Method as Method,
)
from ._method import (
    list_methods as list_methods,
)
from ._method import (
    load_method as load_method,
)
from ._method import (
    method_text as method_text,
)
from ._method import (
    with_settings as with_settings,
)

__all__ = [
    "Method",
    "list_methods",
    "load_method",
    "method_text",
    "with_settings",
]
