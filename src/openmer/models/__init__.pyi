from ._registry import builder_of as builder_of
from ._registry import create_model as create_model
from ._registry import ensure_registered as ensure_registered
from ._registry import list_models as list_models
from ._registry import register_model as register_model
from ._weights import Weights as Weights
from ._weights import halved as halved
from ._weights import load_weights as load_weights
from ._weights import save_weights as save_weights
from ._weights import stored_backbone as stored_backbone
from ._weights import weights_path as weights_path
from ._weights import without_head as without_head

__all__ = [
    "Weights",
    "builder_of",
    "create_model",
    "ensure_registered",
    "halved",
    "list_models",
    "load_weights",
    "register_model",
    "save_weights",
    "stored_backbone",
    "weights_path",
    "without_head",
]
