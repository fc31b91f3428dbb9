from ._engine import (
    Engine as Engine,
)
from .api._action_units import (
    evaluate_action_units as evaluate_action_units,
)
from .api._analyze import (
    analyze as analyze,
)
from .api._audit import (
    audit as audit,
)
from .api._clips import (
    list_corpora as list_corpora,
)
from .api._clips import (
    load_clips as load_clips,
)
from .api._clips import (
    synthesize as synthesize,
)
from .api._compare import (
    compare as compare,
)
from .api._evaluate import (
    evaluate as evaluate,
)
from .api._explain import (
    explain as explain,
)
from .api._export import (
    export as export,
)
from .api._model import (
    load_model as load_model,
)
from .api._model import (
    predict as predict,
)
from .api._model import (
    train as train,
)
from .api._pretrain import (
    pretrain as pretrain,
)
from .augmentation._augmentation import (
    Augmentation as Augmentation,
)
from .clip import (
    Clip as Clip,
)
from .datasets._labels import (
    register_label_scheme as register_label_scheme,
)
from .datasets._registry import (
    register_corpus as register_corpus,
)
from .errors import (
    OpenMERError as OpenMERError,
)
from .evaluation._metrics import (
    register_metric as register_metric,
)
from .evaluation._protocols import (
    register_protocol as register_protocol,
)
from .methods._method import (
    load_method as load_method,
)
from .methods._registry import (
    list_methods as list_methods,
)
from .methods._registry import (
    register_method as register_method,
)
from .models._registry import (
    create_model as create_model,
)
from .models._registry import (
    list_models as list_models,
)
from .models._registry import (
    register_model as register_model,
)
from .preprocessing.faces._detect import (
    register_detector as register_detector,
)
from .preprocessing.flow._flow import (
    register_flow as register_flow,
)
from .preprocessing.steps._step import (
    Step as Step,
)
from .training._loss_registry import (
    register_loss as register_loss,
)
from .video.spotting._registry import (
    register_spotter as register_spotter,
)

__version__: str

__all__ = [
    "Augmentation",
    "Clip",
    "Engine",
    "OpenMERError",
    "Step",
    "__version__",
    "analyze",
    "audit",
    "compare",
    "create_model",
    "evaluate",
    "evaluate_action_units",
    "explain",
    "export",
    "list_corpora",
    "list_methods",
    "list_models",
    "load_clips",
    "load_method",
    "load_model",
    "predict",
    "pretrain",
    "register_corpus",
    "register_detector",
    "register_flow",
    "register_label_scheme",
    "register_loss",
    "register_method",
    "register_metric",
    "register_model",
    "register_protocol",
    "register_spotter",
    "synthesize",
    "train",
]
