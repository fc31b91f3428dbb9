"""OpenMER: micro-expression recognition that can be trusted."""

from openmer.clip import Clip, Prediction
from openmer.errors import ConfigError, DataError, OpenMERError, ProtocolError

__version__ = "0.1.0"

__all__ = [
    "Clip",
    "ConfigError",
    "DataError",
    "OpenMERError",
    "Prediction",
    "ProtocolError",
    "__version__",
]
