from ._method import Method as Method
from ._method import load_method as load_method
from ._method import method_text as method_text
from ._method import with_label_scheme as with_label_scheme
from ._method import with_settings as with_settings
from ._registry import list_methods as list_methods
from ._registry import register_method as register_method

__all__ = [
    "Method",
    "list_methods",
    "load_method",
    "method_text",
    "register_method",
    "with_label_scheme",
    "with_settings",
]
