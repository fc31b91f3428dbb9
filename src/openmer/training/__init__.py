"""Training: one set of folds in, one result per fold out, run the fastest way the device allows."""

from openmer.training.config import (
    InnerConfig,
    LossConfig,
    ModelConfig,
    NetworkTraining,
    SvmTraining,
    Training,
)
from openmer.training.jobs import FitJob, FitResult, TrainingData, Watch
from openmer.training.network import NetworkSpec, count_parameters
from openmer.training.strategies import Resources, RunPlan, fit_groups, fit_jobs, plan_run

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
