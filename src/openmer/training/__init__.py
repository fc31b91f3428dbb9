"""Training: one set of folds in, one result per fold out, run the fastest way the device allows."""

from openmer.training._config import (
    InnerConfig,
    LossConfig,
    ModelConfig,
    NetworkTraining,
    SvmTraining,
    Training,
)
from openmer.training._folds import FitJob, FitResult, TrainingData, Watch
from openmer.training._network import NetworkSpec, count_parameters
from openmer.training._parallel import Resources, RunPlan, fit_groups, fit_jobs, plan_run

__all__ = [
    "FitJob",
    "FitResult",
    "InnerConfig",
    "LossConfig",
    "ModelConfig",
    "NetworkSpec",
    "NetworkTraining",
    "Resources",
    "RunPlan",
    "SvmTraining",
    "Training",
    "TrainingData",
    "Watch",
    "count_parameters",
    "fit_groups",
    "fit_jobs",
    "plan_run",
]
