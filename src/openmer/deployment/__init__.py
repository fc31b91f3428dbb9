"""From a judged method to a model in use: fit on everybody, store, predict, explain, export."""

from openmer.deployment._default_model import default_model
from openmer.deployment._estimate import (
    Estimate,
    calibration_from_run,
    estimate_from_run,
    estimate_of,
)
from openmer.deployment._explain import explain_sample
from openmer.deployment._export import Exported, export_model, export_module
from openmer.deployment._fitted import FittedModel
from openmer.deployment._folder import read_model, refuse_taken, write_model
from openmer.deployment._packaged import packaged_model
from openmer.deployment._quantize import Quantized, quantize_file, quantize_model
from openmer.deployment._record import (
    Calibration,
    CorpusCount,
    Decision,
    ModelRecord,
    ProbabilityErrors,
    TrainedOn,
)
from openmer.deployment._samples import Moments, Sample, samples_of_manifest, samples_of_paths
from openmer.deployment._train import epoch_rule_of, train_model

__all__ = [
    "Calibration",
    "CorpusCount",
    "Decision",
    "Estimate",
    "Exported",
    "FittedModel",
    "ModelRecord",
    "Moments",
    "ProbabilityErrors",
    "Quantized",
    "Sample",
    "TrainedOn",
    "calibration_from_run",
    "default_model",
    "epoch_rule_of",
    "estimate_from_run",
    "estimate_of",
    "explain_sample",
    "export_model",
    "export_module",
    "packaged_model",
    "quantize_file",
    "quantize_model",
    "read_model",
    "refuse_taken",
    "samples_of_manifest",
    "samples_of_paths",
    "train_model",
    "write_model",
]
