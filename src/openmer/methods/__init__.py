"""Methods: one published system, one TOML file, read strictly into a frozen record."""

from openmer.methods._method import (
    Method,
    list_methods,
    load_method,
    method_text,
    with_settings,
)

__all__ = ["Method", "list_methods", "load_method", "method_text", "with_settings"]
