"""Models: one paper, one file, a plain ``nn.Module`` that knows no corpus and no training."""

from openmer.models import (
    deepvit,
    dense_attention,
    efficient_me,
    flow_mlp,
    htnet,
    mobilevit,
    off_apexnet,
    rrmfnet,
    still_backbones,
    ststnet,
)
from openmer.models._registry import create_model, list_models, register

__all__ = [
    "create_model",
    "deepvit",
    "dense_attention",
    "efficient_me",
    "flow_mlp",
    "htnet",
    "list_models",
    "mobilevit",
    "off_apexnet",
    "register",
    "rrmfnet",
    "still_backbones",
    "ststnet",
]
