"""Models: one paper, one file, a plain ``nn.Module`` that knows no corpus and no training."""

from openmer.models import dense_attention, efficient_me, flow_mlp, off_apexnet, ststnet
from openmer.models._registry import create_model, list_models, register

__all__ = [
    "create_model",
    "dense_attention",
    "efficient_me",
    "flow_mlp",
    "list_models",
    "off_apexnet",
    "register",
    "ststnet",
]
