from ._default_model import (
    default_model as default_model,
)
from ._estimate import (
    calibration_from_run as calibration_from_run,
)
from ._estimate import (
    estimate_from_run as estimate_from_run,
)
from ._estimate import (
    estimate_of as estimate_of,
)
from ._estimator import MethodClassifier as MethodClassifier
from ._export import (
    Exported as Exported,
)
from ._export import (
    export_model as export_model,
)
from ._export import (
    export_module as export_module,
)
from ._fitted import (
    FittedModel as FittedModel,
)
from ._folder import (
    read_model as read_model,
)
from ._folder import (
    refuse_taken as refuse_taken,
)
from ._folder import (
    write_model as write_model,
)
from ._hub import HUB as HUB
from ._hub import fetch_model as fetch_model
from ._hub import push_model as push_model
from ._latency import (
    Latency as Latency,
)
from ._latency import (
    measure_latency as measure_latency,
)
from ._latency import (
    quartiles_ms as quartiles_ms,
)
from ._packaged import (
    packaged_model as packaged_model,
)
from ._quantize import (
    Quantized as Quantized,
)
from ._quantize import (
    quantize_file as quantize_file,
)
from ._quantize import (
    quantize_model as quantize_model,
)
from ._record import (
    CorpusCount as CorpusCount,
)
from ._record import (
    Decision as Decision,
)
from ._record import (
    ModelEstimate as ModelEstimate,
)
from ._record import (
    ModelRecord as ModelRecord,
)
from ._record import (
    TrainedOn as TrainedOn,
)
from ._samples import (
    Moments as Moments,
)
from ._samples import (
    Sample as Sample,
)
from ._samples import (
    samples_of_manifest as samples_of_manifest,
)
from ._samples import (
    samples_of_paths as samples_of_paths,
)
from ._train import (
    epoch_rule_of as epoch_rule_of,
)
from ._train import (
    train_model as train_model,
)

__all__ = [
    "HUB",
    "CorpusCount",
    "Decision",
    "Exported",
    "FittedModel",
    "Latency",
    "MethodClassifier",
    "ModelEstimate",
    "ModelRecord",
    "Moments",
    "Quantized",
    "Sample",
    "TrainedOn",
    "calibration_from_run",
    "default_model",
    "epoch_rule_of",
    "estimate_from_run",
    "estimate_of",
    "export_model",
    "export_module",
    "fetch_model",
    "measure_latency",
    "packaged_model",
    "push_model",
    "quantize_file",
    "quantize_model",
    "quartiles_ms",
    "read_model",
    "refuse_taken",
    "samples_of_manifest",
    "samples_of_paths",
    "train_model",
    "write_model",
]
