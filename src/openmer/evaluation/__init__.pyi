from ._action_units import CD6ME_UNITS as CD6ME_UNITS
from ._action_units import UnitScores as UnitScores
from ._action_units import evaluate_units as evaluate_units
from ._action_units import levels_of as levels_of
from ._action_units import score_units as score_units
from ._action_units import score_units_by_corpus as score_units_by_corpus
from ._audit_stamp import LIMITS as LIMITS
from ._audit_stamp import NOT_AUDITED as NOT_AUDITED
from ._audit_stamp import AuditRecord as AuditRecord
from ._audit_stamp import Finding as Finding
from ._audit_stamp import audit_sentence as audit_sentence
from ._audit_stamp import audit_state as audit_state
from ._audit_stamp import read_audit as read_audit
from ._audit_stamp import write_audit as write_audit
from ._bootstrap import LEVEL as LEVEL
from ._bootstrap import Comparison as Comparison
from ._bootstrap import Estimate as Estimate
from ._bootstrap import Interval as Interval
from ._bootstrap import compare_runs as compare_runs
from ._bootstrap import score_differences as score_differences
from ._calibration import BINS as BINS
from ._calibration import CalibratedByOthers as CalibratedByOthers
from ._calibration import Calibration as Calibration
from ._calibration import ProbabilityErrors as ProbabilityErrors
from ._calibration import ScoreKind as ScoreKind
from ._calibration import calibrate as calibrate
from ._calibration import confidence_bins as confidence_bins
from ._calibration import kind_of_scores as kind_of_scores
from ._calibration import logits_of as logits_of
from ._calibration import probabilities_at as probabilities_at
from ._challenge import Answer as Answer
from ._challenge import AnswerScores as AnswerScores
from ._challenge import Predicted as Predicted
from ._challenge import Shown as Shown
from ._challenge import answer_by_prior as answer_by_prior
from ._challenge import answer_by_template as answer_by_template
from ._challenge import read_answers as read_answers
from ._challenge import read_predicted as read_predicted
from ._challenge import score_answers as score_answers
from ._challenge import video_name as video_name
from ._challenge import write_answers as write_answers
from ._cross_validate import cross_validate as cross_validate
from ._cross_validate import evaluate as evaluate
from ._experiment import Progress as Progress
from ._experiment import Protocol as Protocol
from ._experiment import Task as Task
from ._experiment import fold_job as fold_job
from ._experiment import fold_jobs as fold_jobs
from ._experiment import prepare_task as prepare_task
from ._leaks import LEAKS as LEAKS
from ._leaks import Leak as Leak
from ._metrics import METRICS as METRICS
from ._metrics import Metric as Metric
from ._metrics import Numbers as Numbers
from ._metrics import PerClass as PerClass
from ._metrics import accuracy as accuracy
from ._metrics import confusion_matrix as confusion_matrix
from ._metrics import list_metrics as list_metrics
from ._metrics import per_class_of as per_class_of
from ._metrics import register_metric as register_metric
from ._metrics import require_every_class as require_every_class
from ._metrics import uar as uar
from ._metrics import uf1 as uf1
from ._predictions import PredictionTable as PredictionTable
from ._predictions import on_clips as on_clips
from ._predictions import read_predictions as read_predictions
from ._predictions import read_run as read_run
from ._predictions import write_predictions as write_predictions
from ._protocols import LOSO as LOSO
from ._protocols import FoldProtocol as FoldProtocol
from ._protocols import make_folds as make_folds
from ._protocols import register_protocol as register_protocol
from ._read_run import RunInfo as RunInfo
from ._read_run import load_run as load_run
from ._read_run import read_run_info as read_run_info
from ._seen_subjects import SeenSubjects as SeenSubjects
from ._seen_subjects import chose_settings as chose_settings
from ._seen_subjects import merged as merged
from ._seen_subjects import seen_subjects as seen_subjects
from ._seen_subjects import start_of as start_of
from ._seen_subjects import subjects_of_weights as subjects_of_weights
from ._splits import Fold as Fold
from ._splits import hold_out_inside as hold_out_inside
from ._splitter import ProtocolSplitter as ProtocolSplitter
from ._summary import Part as Part
from ._summary import SubjectScores as SubjectScores
from ._summary import Summary as Summary
from ._summary import summarise as summarise
from ._task_dataset import TaskDataset as TaskDataset
from ._track import open_tracker as open_tracker
from ._unit_predictions import above_threshold as above_threshold
from ._unit_predictions import read_units as read_units
from ._unit_predictions import require_classes as require_classes
from ._warnings import warnings_of as warnings_of
from ._write_run import run_folder as run_folder
from ._write_run import versions as versions
from ._write_run import weights_digest as weights_digest
from .audit._audit import audit_method as audit_method
from .audit._audit import run_audit as run_audit
from .audit._pretraining_pictures import pretraining_images as pretraining_images
from .audit._results import ResultsAudit as ResultsAudit
from .audit._results import check_published as check_published
from .audit._trainings import package_trainer as package_trainer
from .audit._trainings import shortened as shortened
from .audit._trainings import shortened_method as shortened_method
from .spotting._matching import Span as Span
from .spotting._matching import match_spans as match_spans
from .spotting._matching import overlap as overlap
from .spotting._score import score_spotting as score_spotting
from .spotting._score import span_of as span_of
from .spotting._scores import ScopeScores as ScopeScores
from .spotting._scores import SpottingScores as SpottingScores
from .spotting._spotted_csv import read_spotted as read_spotted
from .spotting._spotted_csv import write_spotted as write_spotted
from .tuning._record import FOLDER as FOLDER
from .tuning._record import HISTORY as HISTORY
from .tuning._search import everybody as everybody
from .tuning._search import settled as settled

__all__ = [
    "BINS",
    "CD6ME_UNITS",
    "FOLDER",
    "HISTORY",
    "LEAKS",
    "LEVEL",
    "LIMITS",
    "LOSO",
    "METRICS",
    "NOT_AUDITED",
    "Answer",
    "AnswerScores",
    "AuditRecord",
    "CalibratedByOthers",
    "Calibration",
    "Comparison",
    "Estimate",
    "Finding",
    "Fold",
    "FoldProtocol",
    "Interval",
    "Leak",
    "Metric",
    "Numbers",
    "Part",
    "PerClass",
    "Predicted",
    "PredictionTable",
    "ProbabilityErrors",
    "Progress",
    "Protocol",
    "ProtocolSplitter",
    "ResultsAudit",
    "RunInfo",
    "ScopeScores",
    "ScoreKind",
    "SeenSubjects",
    "Shown",
    "Span",
    "SpottingScores",
    "SubjectScores",
    "Summary",
    "Task",
    "TaskDataset",
    "UnitScores",
    "above_threshold",
    "accuracy",
    "answer_by_prior",
    "answer_by_template",
    "audit_method",
    "audit_sentence",
    "audit_state",
    "calibrate",
    "check_published",
    "chose_settings",
    "compare_runs",
    "confidence_bins",
    "confusion_matrix",
    "cross_validate",
    "evaluate",
    "evaluate_units",
    "everybody",
    "fold_job",
    "fold_jobs",
    "hold_out_inside",
    "kind_of_scores",
    "levels_of",
    "list_metrics",
    "load_run",
    "logits_of",
    "make_folds",
    "match_spans",
    "merged",
    "on_clips",
    "open_tracker",
    "overlap",
    "package_trainer",
    "per_class_of",
    "prepare_task",
    "pretraining_images",
    "probabilities_at",
    "read_answers",
    "read_audit",
    "read_predicted",
    "read_predictions",
    "read_run",
    "read_run_info",
    "read_spotted",
    "read_units",
    "register_metric",
    "register_protocol",
    "require_classes",
    "require_every_class",
    "run_audit",
    "run_folder",
    "score_answers",
    "score_differences",
    "score_spotting",
    "score_units",
    "score_units_by_corpus",
    "seen_subjects",
    "settled",
    "shortened",
    "shortened_method",
    "span_of",
    "start_of",
    "subjects_of_weights",
    "summarise",
    "uar",
    "uf1",
    "versions",
    "video_name",
    "warnings_of",
    "weights_digest",
    "write_answers",
    "write_audit",
    "write_predictions",
    "write_spotted",
]
