"""From a judged method to a model in use: fit on everybody, store, predict, explain, export."""

from openmer.deployment.default_model import default_model
from openmer.deployment.estimate import (
    Estimate,
    calibration_from_run,
    estimate_from_run,
    estimate_of,
)
from openmer.deployment.explain import explain_sample
from openmer.deployment.export import Exported, export_model, export_module
from openmer.deployment.fitted import FittedModel
from openmer.deployment.folder import read_model, refuse_taken, write_model
from openmer.deployment.packaged import packaged_model
from openmer.deployment.quantize import Quantized, quantize_file, quantize_model
from openmer.deployment.record import (
    Calibration,
    CorpusCount,
    Decision,
    ModelRecord,
    ProbabilityErrors,
    TrainedOn,
)
from openmer.deployment.samples import Moments, Sample, samples_of_manifest, samples_of_paths
from openmer.deployment.train import epoch_rule_of, train_model

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
