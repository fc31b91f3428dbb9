from ._adapt import has_depthwise as has_depthwise
from ._batches import balanced_rows as balanced_rows
from ._batches import with_copies as with_copies
from ._classifier import CLASSIFIER as CLASSIFIER
from ._classifier import trained_network as trained_network
from ._config import LEVEL_OF_PRESENT as LEVEL_OF_PRESENT
from ._config import ActionUnitConfig as ActionUnitConfig
from ._config import EpochRule as EpochRule
from ._config import ImageAugment as ImageAugment
from ._config import InnerConfig as InnerConfig
from ._config import LossConfig as LossConfig
from ._config import ModelConfig as ModelConfig
from ._config import NetworkTraining as NetworkTraining
from ._config import Oversample as Oversample
from ._config import Perturb as Perturb
from ._config import Pretraining as Pretraining
from ._config import Record as Record
from ._config import Scalar as Scalar
from ._config import Stage as Stage
from ._config import Training as Training
from ._config import Variants as Variants
from ._decision_function import DecisionFunction as DecisionFunction
from ._flops import flops_of_modules as flops_of_modules
from ._flops import forward_flops as forward_flops
from ._folds import FitJob as FitJob
from ._folds import FitResult as FitResult
from ._folds import FloatArray as FloatArray
from ._folds import IntArray as IntArray
from ._folds import Setting as Setting
from ._folds import TrainingData as TrainingData
from ._folds import Validation as Validation
from ._kernel import fit_kernel as fit_kernel
from ._kernel_methods import Feature as Feature
from ._kernel_methods import KernelTraining as KernelTraining
from ._kernel_methods import SvmTraining as SvmTraining
from ._kernel_module import KernelClassifier as KernelClassifier
from ._loss_registry import LOSSES as LOSSES
from ._loss_registry import list_losses as list_losses
from ._loss_registry import register_loss as register_loss
from ._losses import class_weights as class_weights
from ._losses import clip_losses as clip_losses
from ._losses import head_penalty as head_penalty
from ._losses import loss_function as loss_function
from ._memory import freed_memory_kept as freed_memory_kept
from ._network import NetworkSpec as NetworkSpec
from ._network import build_network as build_network
from ._network import count_parameters as count_parameters
from ._network import let_move as let_move
from ._network import penalised_weight as penalised_weight
from ._network import pretrained_network as pretrained_network
from ._network import set_learning as set_learning
from ._optimizers import FusedOptimizer as FusedOptimizer
from ._parallel import fit_carrying as fit_carrying
from ._parallel import fit_groups as fit_groups
from ._parallel import fit_jobs as fit_jobs
from ._plan import Resources as Resources
from ._plan import RunPlan as RunPlan
from ._plan import compiler_at_hand as compiler_at_hand
from ._plan import plan_run as plan_run
from ._random_features import RandomFeatureClassifier as RandomFeatureClassifier
from ._sampling import Changes as Changes
from ._sampling import copies_of as copies_of
from ._schedulers import Plateau as Plateau
from ._search_space import Range as Range
from ._search_space import Search as Search
from ._search_space import Searched as Searched
from ._search_space import Settings as Settings
from ._seeding import derive_seed as derive_seed
from ._seeding import generator as generator
from ._svm import Examples as Examples
from ._svm import fit_pipeline as fit_pipeline
from ._svm import fit_svm as fit_svm
from ._svm import learned as learned
from ._svm import svm_scores as svm_scores

__all__ = [
    "CLASSIFIER",
    "LEVEL_OF_PRESENT",
    "LOSSES",
    "ActionUnitConfig",
    "Changes",
    "DecisionFunction",
    "EpochRule",
    "Examples",
    "Feature",
    "FitJob",
    "FitResult",
    "FloatArray",
    "FusedOptimizer",
    "ImageAugment",
    "InnerConfig",
    "IntArray",
    "KernelClassifier",
    "KernelTraining",
    "LossConfig",
    "ModelConfig",
    "NetworkSpec",
    "NetworkTraining",
    "Oversample",
    "Perturb",
    "Plateau",
    "Pretraining",
    "RandomFeatureClassifier",
    "Range",
    "Record",
    "Resources",
    "RunPlan",
    "Scalar",
    "Search",
    "Searched",
    "Setting",
    "Settings",
    "Stage",
    "SvmTraining",
    "Training",
    "TrainingData",
    "Validation",
    "Variants",
    "balanced_rows",
    "build_network",
    "class_weights",
    "clip_losses",
    "compiler_at_hand",
    "copies_of",
    "count_parameters",
    "derive_seed",
    "fit_carrying",
    "fit_groups",
    "fit_jobs",
    "fit_kernel",
    "fit_pipeline",
    "fit_svm",
    "flops_of_modules",
    "forward_flops",
    "freed_memory_kept",
    "generator",
    "has_depthwise",
    "head_penalty",
    "learned",
    "let_move",
    "list_losses",
    "loss_function",
    "penalised_weight",
    "plan_run",
    "pretrained_network",
    "register_loss",
    "set_learning",
    "svm_scores",
    "trained_network",
    "with_copies",
]
