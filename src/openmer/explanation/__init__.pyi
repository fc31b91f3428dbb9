from ._figures import draw_saliency_map as draw_saliency_map
from ._figures import draw_variants as draw_variants
from ._figures import require_png as require_png
from ._figures import write_figure as write_figure
from ._grad_cam import SaliencyKind as SaliencyKind
from ._grad_cam import class_saliency as class_saliency
from ._grad_cam import last_maps as last_maps
from ._grad_cam import require_captum as require_captum
from ._held_out import ExplainedNetwork as ExplainedNetwork
from ._held_out import SaliencyMap as SaliencyMap
from ._held_out import explain as explain
from ._held_out import explain_held_out as explain_held_out
from ._held_out import held_out_network as held_out_network
from ._held_out import honest_rule as honest_rule
from ._held_out import require_explainable as require_explainable
from ._held_out import variant_saliency_maps as variant_saliency_maps
from ._in_use import explain_sample as explain_sample

__all__ = [
    "ExplainedNetwork",
    "SaliencyKind",
    "SaliencyMap",
    "class_saliency",
    "draw_saliency_map",
    "draw_variants",
    "explain",
    "explain_held_out",
    "explain_sample",
    "held_out_network",
    "honest_rule",
    "last_maps",
    "require_captum",
    "require_explainable",
    "require_png",
    "variant_saliency_maps",
    "write_figure",
]
