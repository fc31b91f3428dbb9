from ._figures import (
    draw_heat_map as draw_heat_map,
)
from ._figures import (
    draw_variants as draw_variants,
)
from ._figures import (
    require_png as require_png,
)
from ._figures import (
    write_figure as write_figure,
)
from ._grad_cam import (
    HeatKind as HeatKind,
)
from ._grad_cam import (
    class_heat as class_heat,
)
from ._grad_cam import (
    last_maps as last_maps,
)
from ._grad_cam import (
    require_captum as require_captum,
)
from ._held_out import (
    ExplainedNetwork as ExplainedNetwork,
)
from ._held_out import (
    HeatMap as HeatMap,
)
from ._held_out import (
    explain as explain,
)
from ._held_out import (
    explain_held_out as explain_held_out,
)
from ._held_out import (
    honest_rule as honest_rule,
)
from ._held_out import (
    require_explainable as require_explainable,
)
from ._held_out import (
    variant_heat_maps as variant_heat_maps,
)
from ._in_use import explain_sample as explain_sample

__all__ = [
    "ExplainedNetwork",
    "HeatKind",
    "HeatMap",
    "class_heat",
    "draw_heat_map",
    "draw_variants",
    "explain",
    "explain_held_out",
    "explain_sample",
    "honest_rule",
    "last_maps",
    "require_captum",
    "require_explainable",
    "require_png",
    "variant_heat_maps",
    "write_figure",
]
